"""Forms for taking text out of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from trials.forms import SignatureForm

APPROVE, DECLINE = "approve", "decline"


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


class DecideForm(SignatureForm):
    """The second person's verdict: approval needs the password, declining a reason."""

    verdict = forms.ChoiceField(
        label="Your decision",
        choices=[(APPROVE, "Take it out"), (DECLINE, "Leave the trail as it is")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label="Why it stays", max_length=500, required=False)
    field_order = ("verdict", "reason", "password", "code")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.needs_password = self.fields["password"].required
        self.fields["password"].required = False

    def clean(self) -> dict[str, Any]:
        """Ask for what the verdict needs."""
        data = super().clean() or {}
        if data.get("verdict") == APPROVE and self.needs_password and not data.get("password"):
            self.add_error("password", "Enter your password: the decision is signed.")
        if data.get("verdict") == DECLINE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why it stays.")
        return data
