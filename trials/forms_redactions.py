"""Forms for taking text out of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from trials.forms import SignatureForm


class AskForm(SignatureForm):
    """Which of an event's texts go, and why."""

    places = forms.MultipleChoiceField(label="What has to go", widget=forms.CheckboxSelectMultiple)
    reason = forms.CharField(
        label="Why it has to go",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It stays in the trail, so do not repeat what goes.",
    )
    field_order = ("places", "reason", "password", "code")

    def __init__(self, *given: Any, texts: Mapping[str, str], **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["places"].choices = [(place, f"{_named(place)}: {text}") for place, text in texts.items()]  # type: ignore[attr-defined]


def _named(place: str) -> str:
    """Return a JSON Pointer as people read it."""
    column, *names = place.strip("/").split("/")
    return " ".join([column, *names]).replace("_", " ").replace("~1", "/").replace("~0", "~").capitalize()
