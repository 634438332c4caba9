"""Forms of the training that roles ask for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from trials.models import Role


class DeclareForm(forms.Form):
    """A training, of which role it is asked, and from when on."""

    role = forms.ChoiceField(label="Asked of", choices=[("", "Choose…"), *Role.choices])
    title = forms.CharField(label="Training", max_length=120)
    text = forms.CharField(
        label="Text",
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Or which document to read, and where it lies. Readers see it: nothing that they are blinded to.",
    )
    valid_days = forms.IntegerField(
        label="Holds for, in days", min_value=1, max_value=3650, required=False, help_text="Empty: it does not lapse."
    )
    asked_from = forms.DateField(
        label="Needed from",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="From this day (UTC) on the role does nothing without it.",
    )

    def clean_role(self) -> Role:
        """Return the role itself."""
        return Role(self.cleaned_data["role"])

    def clean_asked_from(self) -> Any:
        """Refuse a day that is over."""
        day = self.cleaned_data["asked_from"]
        if day < timezone.now().date():
            raise forms.ValidationError("That day is over. Choose today or a later one.")
        return day
