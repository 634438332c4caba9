"""Forms of the queries' pages: which to list, and what to ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from compliance.models import User
from trials.askable import About, kind_of
from trials.models import Query, Site
from trials.query_terms import QueryTemplate
from trials.selectors import sites_coordinated_by
from trials.states import QueryState

_STATES = [
    ("", "All"),
    ("pending", "Not closed"),
    ("overdue", "Overdue"),
    *((state.value, state.value.title()) for state in QueryState),
]
#: Open ones before answered ones before closed ones.
_BY_STATE = Case(
    *(When(state=state, then=Value(place)) for place, state in enumerate(QueryState)), output_field=IntegerField()
)
_AGES = [("", "Any"), ("7", "Over 7 days"), ("14", "Over 14 days"), ("30", "Over 30 days")]


class FilterForm(forms.Form):
    """Which queries a list shows; whatever is no choice is no filter."""

    state = forms.ChoiceField(choices=_STATES, required=False)
    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label="All")
    age = forms.ChoiceField(label="Asked", choices=_AGES, required=False)
    mine = forms.BooleanField(label="Mine only", required=False)

    def __init__(self, chosen: Any, *, sites: QuerySet[Site]) -> None:
        super().__init__(chosen, auto_id="filter-%s")
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        if sites.count() < 2:
            del self.fields["site"]

    def applied_to(self, queries: QuerySet[Query], *, user: User, at: dt.datetime) -> QuerySet[Query]:
        """Return the queries that the choices leave: open ones first, then by the day they are due."""
        self.full_clean()
        chosen = self.cleaned_data
        state = chosen.get("state", "")
        if state == "pending":
            queries = queries.exclude(state=QueryState.CLOSED)
        elif state == "overdue":
            queries = queries.filter(state=QueryState.OPEN, due_on__lt=at.date())
        elif state:
            queries = queries.filter(state=state)
        if chosen.get("site"):
            queries = queries.filter(site=chosen["site"])
        if chosen.get("age"):
            queries = queries.filter(raised_at__lt=at - dt.timedelta(days=int(chosen["age"])))
        if chosen.get("mine"):
            to_answer = Q(site__in=sites_coordinated_by(user), state=QueryState.OPEN)
            queries = queries.filter(to_answer | Q(raised_by=user))
        return queries.order_by(_BY_STATE, "due_on", "pk")


class AskForm(forms.Form):
    """What to ask, and about which records."""

    about = forms.MultipleChoiceField(
        label="About",
        widget=forms.CheckboxSelectMultiple,
        help_text="One query for each, so that each is answered by itself.",
        error_messages={"required": "Choose what you ask about."},
    )
    template = forms.ChoiceField(label="Text to begin with", required=False)
    title = forms.CharField(label="What it is about, in a few words", max_length=120)
    text = forms.CharField(
        label="What you want to know, or have done",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Write no name, birth date or hospital number.",
    )

    def __init__(self, *args: Any, offered: Sequence[About], templates: Sequence[QueryTemplate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_key = {about.key: about for about in offered}
        kinds = {kind_of(about.record).model._meta.label_lower for about in offered}
        self.fields["about"].choices = [  # type: ignore[attr-defined]
            (key, f"{kind_of(about.record).word.capitalize()}: {about.label}") for key, about in self.by_key.items()
        ]
        fitting = [template for template in templates if any(template.fits(kind) for kind in kinds)]
        choices = [("", "an empty text"), *((template.code, template.title) for template in fitting)]
        self.fields["template"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Leave out what only helps to fill the form in."""
        return {name: value for name, value in self.cleaned_data.items() if name != "template"}

    def clean_about(self) -> list[About]:
        """Return what was chosen."""
        return [self.by_key[key] for key in self.cleaned_data["about"]]


class MailChoiceForm(forms.ModelForm):
    """Which mails come to a person."""

    class Meta:
        model = User
        fields = ["mail_notices", "mail_digest"]
