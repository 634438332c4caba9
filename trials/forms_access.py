"""The form by which an administrator says of each role in a trial whether it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms

from trials.forms import SignatureForm
from trials.models import Membership
from trials.services.reviewing_access import REVOKE, VERDICTS, Verdict


class AccessReviewForm(SignatureForm):
    """A verdict for each role, a reason where it is revoked, and one signature over all."""

    def __init__(self, memberships: Sequence[Membership], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.memberships = memberships
        for one in memberships:
            who = f"{one.user}, {one.get_role_display().lower()}"
            self.fields[f"verdict_{one.pk}"] = forms.ChoiceField(
                label=f"Verdict on {who}",
                choices=[("", "Choose…"), *VERDICTS.items()],
                widget=forms.Select(attrs={"aria-label": f"Verdict on {who}"}),
            )
            self.fields[f"note_{one.pk}"] = forms.CharField(
                label=f"Reason for {who}",
                max_length=400,
                required=False,
                widget=forms.TextInput(attrs={"aria-label": f"Reason for {who}"}),
            )

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where a role is revoked."""
        given = super().clean() or {}
        for one in self.memberships:
            if given.get(f"verdict_{one.pk}") == REVOKE and not given.get(f"note_{one.pk}", "").strip():
                self.add_error(f"note_{one.pk}", "Say why it is revoked.")
        return given

    def rows(self) -> Iterator[tuple[Membership, forms.BoundField, forms.BoundField]]:
        """Give each role with its two fields."""
        for one in self.memberships:
            yield one, self[f"verdict_{one.pk}"], self[f"note_{one.pk}"]

    def verdicts(self) -> dict[int, Verdict]:
        """Return what was said of each role, by its key."""
        given = self.cleaned_data
        return {one.pk: Verdict(given[f"verdict_{one.pk}"], given[f"note_{one.pk}"]) for one in self.memberships}
