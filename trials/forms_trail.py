"""Forms of the review of an audit trail: which part, and what was found in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from compliance.errors import HouseError
from trials.forms import SignatureForm
from trials.models import TrailReview
from trials.services.reviewing_trail import Part, require_past


class _Day(forms.DateInput):
    """A day as browsers take it, whatever the language of the page."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class PartForm(forms.Form):
    """Days and words."""

    first_on = forms.DateField(label="From", widget=_Day())
    last_on = forms.DateField(label="To", widget=_Day())
    words = forms.CharField(label="Only events that mention", max_length=200, required=False)

    def __init__(self, at: dt.datetime, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.at = at

    def clean(self) -> dict[str, Any]:
        """Refuse days that are not over."""
        data = super().clean() or {}
        if "first_on" in data and "last_on" in data:
            try:
                require_past(self.part(), self.at)
            except HouseError as refused:
                self.add_error("last_on", refused.message)
        return data

    def part(self) -> Part:
        """Return the part of the trail that is meant."""
        given = self.cleaned_data
        return Part(given["first_on"], given["last_on"], given.get("words", "").strip())


class TrailReviewForm(SignatureForm):
    """What was found, signed."""

    outcome = forms.ChoiceField(label="What was found", choices=TrailReview.Outcome.choices, widget=forms.RadioSelect)
    findings = forms.CharField(
        label="What was looked for, and found",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What is followed up, by whom and until when, if anything. No name of a subject, and no arm.",
    )
    field_order = ("outcome", "findings", "password")
