"""The form by which transfers of a trial's data are planned."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.models import DispatchPlan
from reading.services import dispatching


class PlanForm(forms.Form):
    """Where to, from when on, how often."""

    outlet = forms.ChoiceField(label="Outlet", help_text="Outlets are declared by whoever runs this server.")
    every_days = forms.TypedChoiceField(label="How often", choices=DispatchPlan.Every.choices, coerce=int)
    first_at = forms.DateTimeField(
        label="First on (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["outlet"].choices = [("", "Choose…"), *((name, name) for name in dispatching.outlets())]  # type: ignore[attr-defined]
