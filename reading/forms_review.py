"""The form of a global review: one response and one reason for each timepoint that has a response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from reading.blinded import BlindedGlobalReview, BlindedRead
from reading.services.reviewing import Changed
from trials.forms import SignatureForm


@dataclass(frozen=True, slots=True)
class Row:
    """A timepoint on the page: the own read, and where its response is changed (None at baseline)."""

    read: BlindedRead
    response: forms.BoundField | None
    reason: forms.BoundField | None


class ReviewForm(SignatureForm):
    """What the reader makes of each response, and the signature."""

    def __init__(self, *args: Any, review: BlindedGlobalReview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.review = review
        offered = [(term.value, f"{term.value}, {term.words.lower()}") for term in review.terms]
        for n, read in enumerate(review.own.reads):
            if read.response and read.response.overall:
                rest = [(value, said) for value, said in offered if value != read.response.overall]
                choices = [("", f"{read.response.overall}, as derived"), *rest]
                self.fields[f"response_{n}"] = forms.ChoiceField(
                    required=False, choices=choices, label=f"{read.title}: response"
                )
                self.fields[f"reason_{n}"] = forms.CharField(
                    required=False, max_length=1000, label=f"{read.title}: why it is changed"
                )
        self.order_fields([*(name for name in self.fields if name != "password"), "password"])

    def clean(self) -> dict[str, Any]:
        """A response is changed for a reason."""
        data = super().clean() or {}
        for n, _ in enumerate(self.review.own.reads):
            if data.get(f"response_{n}") and not (data.get(f"reason_{n}") or "").strip():
                self.add_error(f"reason_{n}", "Say why the response is changed.")
        return data

    def rows(self) -> list[Row]:
        """Return the timepoints in order."""
        return [
            Row(
                read,
                self[f"response_{n}"] if f"response_{n}" in self.fields else None,
                self[f"reason_{n}"] if f"reason_{n}" in self.fields else None,
            )
            for n, read in enumerate(self.review.own.reads)
        ]

    def changes(self) -> dict[str, Changed]:
        """Return what is changed, by code of the read."""
        return {
            code: Changed(response, self.cleaned_data.get(f"reason_{n}", ""))
            for n, code in enumerate(self.review.reads)
            if (response := self.cleaned_data.get(f"response_{n}"))
        }
