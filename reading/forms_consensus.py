"""Forms of a case that its two readers settle: a proposal, and the answer to one."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.forms import AdjudicationForm
from trials.forms import SignatureForm

CONFIRM, SEND_BACK = "confirm", "send_back"


class ProposalForm(AdjudicationForm):
    """A reader's proposal: which assessment counts, and why."""


class AnswerForm(SignatureForm):
    """The other reader's answer: confirmed by signature, or sent back with a reason."""

    verdict = forms.ChoiceField(
        choices=[(CONFIRM, "Confirm, and sign"), (SEND_BACK, "Send it back")],
        widget=forms.RadioSelect,
        label="Your answer",
    )
    reason = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why it is sent back",
    )
    field_order = ["verdict", "reason", "password"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = False

    def clean(self) -> dict[str, Any]:
        """What is confirmed is signed; what is sent back is sent back for a reason."""
        data = super().clean() or {}
        if data.get("verdict") == CONFIRM and not data.get("password"):
            self.add_error("password", "Enter your password to sign.")
        if data.get("verdict") == SEND_BACK and not data.get("reason", "").strip():
            self.add_error("reason", "Say why the proposal is sent back.")
        return data


MeetingForm = ProposalForm | AnswerForm
