from __future__ import annotations

import secrets
from functools import cached_property
from typing import Any

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from compliance.signing import digest
from trials.charter import SEALED, Charter
from trials.models.trial import Trial
from trials.states import CHARTER, OPEN_CHARTER, CharterState
from trials.terms.records import withheld_of


def _salt() -> str:
    return secrets.token_hex(16)


class ImagingCharter(Record):
    """One version of a trial's imaging charter; a draft may change, a version that was in force never does."""

    machines = {"state": CHARTER}
    audit_exclude = frozenset({"salt"})

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="charters")
    version = models.PositiveSmallIntegerField()
    content = models.JSONField()
    #: Arms have few names, which could be tried one after the other against a digest that has no salt.
    salt = models.CharField(max_length=32, default=_salt, editable=False)
    change_summary = models.TextField(blank=True)
    state = models.CharField(
        max_length=12, choices=[(s, s.replace("_", " ")) for s in CharterState], default=CharterState.DRAFT
    )
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "version"], name="charter_version_once"),
            models.UniqueConstraint(
                fields=["trial"], condition=models.Q(state="in_force"), name="charter_one_in_force"
            ),
        ]
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"{self.trial.code} imaging charter version {self.version}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        if self.state not in OPEN_CHARTER:
            return "a signed charter version never changes; write an amendment"
        reviewed = "a reviewed charter version changes only after it is opened again"
        return self.trial.frozen_by() or (reviewed if self.state == CharterState.REVIEWED else "")

    def charter_signed_under(self) -> int | None:
        return self.version

    def signed_content(self) -> dict[str, object]:
        return {"trial": self.trial.code, "version": self.version, "charter": self.sealed}

    def trailed(self, field: models.Field[Any, Any]) -> Any:
        return self.sealed if field.name == "content" else super().trailed(field)

    @property
    def sealed(self) -> dict[str, object]:
        """The content as everybody in the trial may have it: under `sealed`, a digest stands for what is withheld.

        The same for signer and reader, and for whoever may know all of it, so that one digest holds for everybody.
        """
        told, withheld = withheld_of(Charter, self.content)
        return {**told, SEALED: digest({"salt": self.salt, **withheld})} if withheld else told

    @property
    def sha256(self) -> str:
        """Digest of the charter's content, which also tells whether what is withheld is still the same."""
        return digest(self.sealed)

    @cached_property
    def terms(self) -> Charter:
        """The content as typed terms."""
        return Charter.stored(self.content)
