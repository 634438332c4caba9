"""Forms of training and qualification: a new case, its expert, and what the manager decides."""

from __future__ import annotations

from typing import Any

from django import forms

from compliance.models import User
from reading.models import QualificationCase
from reading.selectors_qualification import EXAMINED
from trials.forms import ReasonForm, SignatureForm
from trials.models import Site, Subject, Trial


class CaseForm(forms.Form):
    """A subject that is set aside as a case."""

    site = forms.ModelChoiceField(Site.objects.none(), label="Delivered by", empty_label="Choose…")
    code = forms.CharField(
        label="Code of the case",
        max_length=20,
        validators=Subject._meta.get_field("code").validators,
        help_text="Its scans carry it as their subject code, such as CASE-01. Readers never see it.",
    )
    kind = forms.ChoiceField(label="Used for", choices=QualificationCase.Kind.choices)
    reference_date = forms.DateField(
        label="Day 1 of the person scanned",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Its visits are placed from it as those of a subject.",
    )

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["site"].queryset = trial.sites.order_by("code")  # type: ignore[attr-defined]


class _People(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        """Name a person as the house does."""
        return str(obj)


class ExpertForm(forms.Form):
    """Who reads a case as the reference."""

    expert = _People(
        User.objects.none(),
        label="Expert",
        empty_label="Choose…",
        help_text="A reader or adjudicator of the trial. Nobody is examined by a case that they read as its expert.",
    )

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        people = User.objects.filter(
            memberships__trial=trial, memberships__role__in=EXAMINED, memberships__ended_at=None
        )
        self.fields["expert"].queryset = people.distinct().order_by("username")  # type: ignore[attr-defined]


class RetireForm(ReasonForm):
    """Why a case is used no more."""


class WaiveForm(SignatureForm):
    """Why somebody reads without passing."""

    reason = forms.CharField(label="Why this person may read without passing", max_length=1000)
    field_order = ("reason", "password")
