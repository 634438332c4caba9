"""Forms of emergency access: what is taken and why, and what was found when it was gone over."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from trials.forms import SignatureForm
from trials.models import Role, Trial
from trials.services.emergency import HOURS, ROLES


class OpenForm(forms.Form):
    """Which role in which trial, for how long, and why."""

    trial = forms.ModelChoiceField(Trial.objects.none(), label="Trial", empty_label="Choose…")
    role = forms.ChoiceField(label="Role", choices=[("", "Choose…"), *((role.value, role.label) for role in ROLES)])
    hours = forms.TypedChoiceField(
        label="For", coerce=int, choices=[(one, f"{one} hour{'s' if one > 1 else ''}") for one in HOURS]
    )
    reason = forms.CharField(
        label="Why it cannot wait",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Those who answer for the trial read this at once. No name of a subject, and no arm.",
    )

    def __init__(self, trials: QuerySet[Trial], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["trial"].queryset = trials  # type: ignore[attr-defined]

    def clean_role(self) -> Role:
        """Return the role itself."""
        return Role(self.cleaned_data["role"])


class ReviewForm(SignatureForm):
    """What was found, signed."""

    finding = forms.CharField(
        label="What was done under it, and whether it was right",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    field_order = ("finding", "password")
