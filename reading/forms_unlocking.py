"""Forms for taking a database lock off."""

from __future__ import annotations

from django import forms

from reading.services.unlocking import Statement
from trials.forms import SignatureForm


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
