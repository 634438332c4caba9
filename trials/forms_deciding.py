"""The form by which a second person decides what another asked for."""

from __future__ import annotations

from typing import Any

from django import forms

from trials.forms import SignatureForm

APPROVE, DECLINE = "approve", "decline"


class DecideForm(SignatureForm):
    """The second person's verdict: approval needs the password, declining a reason.

    `approve` and `decline` are the words of the two, `why` is what a reason is asked for by.
    """

    verdict = forms.ChoiceField(label="Your decision", widget=forms.RadioSelect)
    reason = forms.CharField(max_length=1000, required=False)
    field_order = ("verdict", "reason", "password", "code")

    def __init__(self, *given: Any, approve: str, decline: str, why: str = "Why it stays", **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["reason"].label = why
        self.fields["verdict"].choices = [(APPROVE, approve), (DECLINE, decline)]  # type: ignore[attr-defined]
        self.needs_password = self.fields["password"].required
        self.fields["password"].required = False

    def clean(self) -> dict[str, Any]:
        """Ask for what the verdict needs."""
        data = super().clean() or {}
        if data.get("verdict") == APPROVE and self.needs_password and not data.get("password"):
            self.add_error("password", "Enter your password: the decision is signed.")
        if data.get("verdict") == DECLINE and not data.get("reason", "").strip():
            self.add_error("reason", f"Say {str(self.fields['reason'].label).lower()}.")
        return data
