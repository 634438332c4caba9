"""Forms for opening a signed read again."""

from __future__ import annotations

from typing import Any

from django import forms

from reading.models import ReadTask
from reading.states import ReadState
from trials.models import Trial


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
