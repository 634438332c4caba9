"""Forms for opening a signed read again."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.models import ReadTask
from reading.states import ReadState
from trials.forms import SignatureForm
from trials.models import Trial

APPROVE, DECLINE = "approve", "decline"


class _SignedReads(forms.ModelChoiceField):
    """Reads as those who manage them know them."""

    def label_from_instance(self, obj: Any) -> str:
        """Name a read by subject, visit and reader."""
        return f"{obj.timepoint.subject.code}, {obj.timepoint.name}, {obj.reader.username} ({obj.blinded_code})"


class AskForm(forms.Form):
    """Which signed read has to be opened again, and why."""

    task = _SignedReads(ReadTask.objects.none(), label="Signed read", empty_label="Choose…")
    reason = forms.CharField(
        label="Why it has to be opened",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It stands in the audit trail with the read.",
    )

    def __init__(self, trial: Trial, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        signed = ReadTask.objects.filter(timepoint__subject__trial=trial, state=ReadState.SUBMITTED)
        self.fields["task"].queryset = signed.select_related("timepoint__subject", "reader").order_by(  # type: ignore[attr-defined]
            "timepoint__subject__code", "order", "slot"
        )


class DecideForm(SignatureForm):
    """The second person's verdict: approval needs the password, declining a reason."""

    verdict = forms.ChoiceField(
        label="Your decision",
        choices=[(APPROVE, "Open the read again"), (DECLINE, "Leave it as it is")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label="Why it stays as it is", max_length=1000, required=False)
    field_order = ("verdict", "reason", "password")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["password"].required = False

    def clean(self) -> dict[str, Any]:
        """Ask for what the verdict needs."""
        data = super().clean() or {}
        if data.get("verdict") == APPROVE and not data.get("password"):
            self.add_error("password", "Enter your password: the approval is signed.")
        if data.get("verdict") == DECLINE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why the read stays as it is.")
        return data
