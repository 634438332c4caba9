"""Forms of the reading manager: who is not given what, who is in which pool, who reads together, who takes over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from compliance.models import User
from reading.models import ReaderExclusion
from reading.services.handing import Taker
from trials.models import Role, Site, Subject, Trial
from trials.selectors import members_with


class _People(forms.ModelChoiceField):
    def __init__(self, label: str) -> None:
        super().__init__(User.objects.none(), label=label, empty_label="Choose…")

    def label_from_instance(self, obj: Any) -> str:
        """Name a person as the other lists of the page do."""
        return f"{obj.username} ({obj.full_name})" if obj.full_name else obj.username


def _reason(label: str, help_text: str = "It stands in the audit trail.") -> forms.CharField:
    return forms.CharField(label=label, max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text=help_text)


class ExcludeForm(forms.Form):
    """Who is not given which site or subject, and why."""

    person = _People("Reader or adjudicator")
    of = forms.ChoiceField(label="Is not given")
    kind = forms.ChoiceField(label="Because of", choices=[("", "Choose…"), *ReaderExclusion.Kind.choices])
    reason = _reason("What it rests on", "It stands in the audit trail. Nothing of a subject's health.")

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.trial = trial
        here = {"memberships__trial": trial, "memberships__role__in": (Role.READER, Role.ADJUDICATOR)}
        people = User.objects.filter(**here, memberships__ended_at=None).distinct().order_by("username")
        self.fields["person"].queryset = people  # type: ignore[attr-defined]
        sites = [(f"site {site.pk}", f"Site {site.code}") for site in trial.sites.order_by("code")]
        subjects = [(f"subject {one.pk}", one.code) for one in trial.subjects.order_by("code")]
        choices = [("", "Choose…"), ("Every subject of", sites), ("One subject", subjects)]
        self.fields["of"].choices = choices  # type: ignore[attr-defined]

    def clean_of(self) -> Site | Subject:
        """Return the site or subject that was chosen."""
        kind, _, pk = self.cleaned_data["of"].partition(" ")
        found: Site | Subject = (self.trial.sites if kind == "site" else self.trial.subjects).get(pk=pk)
        return found


class EndForm(forms.Form):
    """Why an exclusion no longer holds."""

    reason = _reason("Why it no longer holds")


class PoolForm(forms.Form):
    """Which reader joins which pool."""

    person = _People("Reader")
    pool = forms.ChoiceField(label="Pool")

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["person"].queryset = members_with(trial, Role.READER)  # type: ignore[attr-defined]
        charter = trial.charter_in_force
        pools = charter.terms.readers.pools if charter else ()
        self.fields["pool"].choices = [("", "Choose…"), *((p.name, p.name) for p in pools)]  # type: ignore[attr-defined]


class PairForm(forms.Form):
    """Which two readers read together."""

    first = _People("Reader")
    second = _People("Reads with")

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name in ("first", "second"):
            self.fields[name].queryset = members_with(trial, Role.READER)  # type: ignore[attr-defined]


class HandOnForm(forms.Form):
    """Who takes over, out of those against whom nothing stands, and why."""

    taker = forms.TypedChoiceField(label="Goes to", coerce=int, widget=forms.RadioSelect)
    reason = _reason("Why somebody else has to do it")

    def __init__(self, takers: Sequence[Taker], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.people = {one.person.pk: one.person for one in takers if not one.against}
        self.fields["taker"].choices = [(pk, str(person)) for pk, person in self.people.items()]  # type: ignore[attr-defined]

    @property
    def taken_by(self) -> User:
        """The person who was chosen."""
        return self.people[self.cleaned_data["taker"]]
