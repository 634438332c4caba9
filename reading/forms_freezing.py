"""Forms for freezing subjects, for interim locks, and for lifting either."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.services.freezing import Extent
from trials.forms import SignatureForm
from trials.models import Subject, Timepoint, Trial
from trials.selectors_freezes import freezable
from trials.states import FreezeLevel


def _purpose(help_text: str) -> forms.CharField:
    return forms.CharField(label="What it is for", max_length=200, help_text=help_text)


class FreezeForm(SignatureForm):
    """What a subject is frozen for."""

    purpose = _purpose("It is signed, and stands in the audit trail.")
    field_order = ("purpose", "password", "code")


class ExtentForm(forms.Form):
    """Which subjects an interim lock covers, up to which visit."""

    purpose = _purpose("The analysis, as the protocol calls it. It is signed, and the package names it.")
    cut_off = forms.ChoiceField(label="Last visit covered", required=False)
    subjects = forms.ModelMultipleChoiceField(
        Subject.objects.none(),
        required=False,
        help_text="Choose none to cover every subject that was enrolled.",
        error_messages={"invalid_choice": "A subject is not of this trial."},
    )

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._all = freezable(trial.subjects.select_related("trial"))
        self.fields["subjects"].queryset = self._all  # type: ignore[attr-defined]
        known = Timepoint.objects.filter(subject__in=self._all, unscheduled=False).order_by("day", "code")
        codes = dict.fromkeys(known.values_list("code", flat=True))
        self.fields["cut_off"].choices = [("", "Every visit"), *((code, code) for code in codes)]  # type: ignore[attr-defined]

    @property
    def extent(self) -> Extent:
        """What was chosen."""
        given = self.cleaned_data
        subjects = tuple(given["subjects"] or self._all)
        return Extent(FreezeLevel.INTERIM, given["purpose"], subjects, given["cut_off"])


class LiftForm(SignatureForm):
    """Why a freeze is lifted."""

    reason = forms.CharField(
        label="Why it is lifted",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Which records are to be corrected, and what may change by that. It is signed.",
    )
    field_order = ("reason", "password", "code")
