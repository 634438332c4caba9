"""Forms of unplanned unblindings: the report, its assessment, and a second person's word."""

from __future__ import annotations

from typing import Any

from django import forms

from compliance.models import User
from reading.models import Unblinding
from trials.forms import SignatureForm
from trials.models import Subject, Trial

CONFIRM, SEND_BACK = "confirm", "send_back"
_NOT_WHAT = "Not what was learned: no arm, no name, no result."


class _People(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        """Name a person as members are named."""
        return f"{obj} ({obj.username})"


class _Subjects(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        """Name a subject by its code."""
        return str(obj.code)


class ReportForm(forms.Form):
    """Who learned what kind of thing, of whom, how, and what was done at once."""

    person = _People(User.objects.none(), label="Who was unblinded", empty_label="Choose…")
    learned = forms.ChoiceField(label="To what", choices=[("", "Choose…"), *Unblinding.Learned.choices])
    happened_on = forms.DateField(label="When it happened", widget=forms.DateInput(attrs={"type": "date"}))
    subjects = _Subjects(
        Subject.objects.none(),
        label="Affected subjects",
        required=False,
        help_text="The person's reads there are noted with it. None: no subject is affected.",
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    how = forms.CharField(
        label="How it happened", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), help_text=_NOT_WHAT
    )
    measures = forms.CharField(
        label="What was done at once", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), help_text=_NOT_WHAT
    )

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        people = User.objects.filter(memberships__trial=trial).distinct()
        self.fields["person"].queryset = people.order_by("full_name", "username")  # type: ignore[attr-defined]
        self.fields["subjects"].queryset = trial.subjects.order_by("code")  # type: ignore[attr-defined]


class AssessForm(SignatureForm):
    """What it means for the reads, signed."""

    impact = forms.ChoiceField(
        label="What it means for the reads", choices=Unblinding.Impact.choices, widget=forms.RadioSelect
    )
    assessment = forms.CharField(
        label="Assessment", max_length=4000, widget=forms.Textarea(attrs={"rows": 5}), help_text=_NOT_WHAT
    )
    field_order = ("impact", "assessment", "password")


class ConfirmForm(SignatureForm):
    """A second person's word: a signature, or a reason why the assessment is made again."""

    verdict = forms.ChoiceField(
        label="Your decision",
        choices=[(CONFIRM, "The assessment is right"), (SEND_BACK, "It has to be made again")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label="Why it has to be made again", max_length=1000, required=False)
    field_order = ("verdict", "reason", "password")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.signs_by_password = self.fields["password"].required
        self.fields["password"].required = False

    def clean(self) -> dict[str, Any]:
        """Ask for what the verdict needs."""
        data = super().clean() or {}
        if data.get("verdict") == CONFIRM and self.signs_by_password and not data.get("password"):
            self.add_error("password", "Enter your password: the confirmation is signed.")
        if data.get("verdict") == SEND_BACK and not data.get("reason", "").strip():
            self.add_error("reason", "Say why it has to be made again.")
        return data
