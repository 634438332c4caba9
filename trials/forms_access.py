"""The form by which an administrator says of each role in a trial, and each token of its sites, whether it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms

from trials.forms import SignatureForm
from trials.models import Membership, SiteToken
from trials.services.reviewing_access import REVOKE, VERDICTS, Verdict

#: Parts of the names of fields that are about a token.
_PROGRAM = "program_"


class AccessReviewForm(SignatureForm):
    """A verdict for each role and token, a reason where it is revoked, and one signature over all."""

    def __init__(
        self, memberships: Sequence[Membership], tokens: Sequence[SiteToken], *given: Any, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self.about = {str(one.pk): f"{one.user}, {one.get_role_display().lower()}" for one in memberships}
        self.about |= {f"{_PROGRAM}{one.pk}": str(one) for one in tokens}
        for name, what in self.about.items():
            self.fields[f"verdict_{name}"] = forms.ChoiceField(
                label=f"Verdict on {what}",
                choices=[("", "Choose…"), *VERDICTS.items()],
                widget=forms.Select(attrs={"aria-label": f"Verdict on {what}"}),
            )
            self.fields[f"note_{name}"] = forms.CharField(
                label=f"Reason for {what}",
                max_length=400,
                required=False,
                widget=forms.TextInput(attrs={"aria-label": f"Reason for {what}"}),
            )

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where something is revoked."""
        given = super().clean() or {}
        for name in self.about:
            if given.get(f"verdict_{name}") == REVOKE and not given.get(f"note_{name}", "").strip():
                self.add_error(f"note_{name}", "Say why it is revoked.")
        return given

    def role_fields(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        """Give the two fields of each role."""
        return (self._fields(name) for name in self.about if not name.startswith(_PROGRAM))

    def token_fields(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        """Give the two fields of each token."""
        return (self._fields(name) for name in self.about if name.startswith(_PROGRAM))

    def verdicts(self) -> dict[int, Verdict]:
        """Return what was said of each role, by its key."""
        return {int(name): self._verdict(name) for name in self.about if not name.startswith(_PROGRAM)}

    def verdicts_on_tokens(self) -> dict[int, Verdict]:
        """Return what was said of each token, by its key."""
        said = (name for name in self.about if name.startswith(_PROGRAM))
        return {int(name.removeprefix(_PROGRAM)): self._verdict(name) for name in said}

    def _fields(self, name: str) -> tuple[forms.BoundField, forms.BoundField]:
        return self[f"verdict_{name}"], self[f"note_{name}"]

    def _verdict(self, name: str) -> Verdict:
        return Verdict(self.cleaned_data[f"verdict_{name}"], self.cleaned_data[f"note_{name}"])
