"""Forms for taking a database lock off."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.services.unlocking import Statement
from trials.forms import SignatureForm

APPROVE, DECLINE = "approve", "decline"


def _text(label: str, most: int, help_text: str) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(label=label, max_length=most, widget=area, help_text=help_text)


class AskForm(SignatureForm):
    """Why the lock has to be taken off, which records are to be corrected, and what may change by that."""

    reason = _text("Why it has to be taken off", 1000, "It stands in the audit trail and in the history of the lock.")
    records = _text(
        "Records to be corrected", 2000, "Subject, visit and reader of each. Nothing else is to be touched."
    )
    impact = _text("What may change", 2000, "Which measurements, responses and endpoints, and by how much if known.")
    field_order = ("reason", "records", "impact", "password", "code")

    @property
    def statement(self) -> Statement:
        """What was said."""
        return Statement(*(self.cleaned_data[name] for name in ("reason", "records", "impact")))


class DecideForm(SignatureForm):
    """The second person's verdict: approval needs the password, declining a reason."""

    verdict = forms.ChoiceField(
        label="Your decision",
        choices=[(APPROVE, "Take the lock off"), (DECLINE, "Leave it as it is")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label="Why it stays", max_length=1000, required=False)
    field_order = ("verdict", "reason", "password")

    def __init__(self, *given: Any, agrees: bool = False, **named: Any) -> None:
        super().__init__(*given, **named)
        self.needs_password = self.fields["password"].required
        self.fields["password"].required = False
        if agrees:
            self.fields["verdict"].choices = [(APPROVE, "Agree that it is taken off"), (DECLINE, "Leave it as it is")]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for what the verdict needs."""
        data = super().clean() or {}
        if data.get("verdict") == APPROVE and self.needs_password and not data.get("password"):
            self.add_error("password", "Enter your password: the decision is signed.")
        if data.get("verdict") == DECLINE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why the lock stays.")
        return data
