"""Forms of the pictures' pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from imaging.states import Verdict
from trials.forms import SignatureForm
from trials.models import Timepoint


class VerdictForm(forms.Form):
    """A person's verdict on a finding; failing or waiving needs a reason."""

    verdict = forms.ChoiceField(choices=[(v, v.title()) for v in Verdict if v is not Verdict.PENDING])
    reason = forms.CharField(required=False, max_length=1000)

    def clean(self) -> dict[str, Any]:
        """Ask for the reason where the verdict needs one."""
        data = super().clean() or {}
        if data.get("verdict") in (Verdict.FAIL, Verdict.WAIVE) and not data.get("reason", "").strip():
            self.add_error("reason", "Failing or waiving a finding needs a reason.")
        return data


class ClearForm(SignatureForm):
    """Clearing a timepoint for reading."""

    comment = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))


class FailForm(SignatureForm):
    """Sending a timepoint back to its site with a query."""

    reason = forms.CharField(label="Why it cannot be read", widget=forms.Textarea(attrs={"rows": 2}))
    query_title = forms.CharField(label="Query to the site", max_length=120)
    query_text = forms.CharField(label="What the site should do", widget=forms.Textarea(attrs={"rows": 3}))


class ResolveForm(forms.Form):
    """Giving held instances their place."""

    timepoint = forms.ModelChoiceField(Timepoint.objects.none(), label="Subject and timepoint")

    def __init__(self, *args: Any, timepoints: QuerySet[Timepoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timepoint"].queryset = timepoints  # type: ignore[attr-defined]
