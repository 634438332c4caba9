from __future__ import annotations

import secrets

from django.core.validators import RegexValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.states import TRIAL, TrialState


def _fresh_seed() -> str:
    return secrets.token_hex(16)


class Trial(Record):
    """A clinical trial's imaging: the protocol (CDISC STUDYID) under which everything else hangs.

    `seed` replays assignment and display order; it is no secret of the subjects (those keys lie in files).
    """

    machines = {"state": TRIAL}

    code = models.CharField(
        "protocol identifier",
        max_length=20,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9-]{2,20}$", "Use 2 to 20 capitals, digits and hyphens.")],
    )
    title = models.CharField(max_length=200)
    indication = models.CharField(max_length=120, blank=True)
    sponsor_name = models.CharField("sponsor", max_length=120)
    seed = models.CharField(max_length=64, default=_fresh_seed)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in TrialState], default=TrialState.SETUP)
    created_at = models.DateTimeField()
    locked_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [
            ("as_trial_administrator", "Trial administrator"),
            ("as_qc_analyst", "QC analyst"),
            ("as_reading_manager", "Reading manager"),
            ("as_reader", "Reader"),
            ("as_adjudicator", "Adjudicator"),
            ("as_sponsor", "Sponsor"),
            ("as_auditor", "Auditor"),
        ]

    def __str__(self) -> str:
        return self.code

    def scope(self) -> Scope:
        return Scope(self.pk)

    def frozen_by(self) -> str:
        return "the trial's database is locked" if self.state == TrialState.LOCKED else ""

    def charter_signed_under(self) -> int | None:
        return charter.version if (charter := self.charter_in_force) else None

    def signed_content(self) -> dict[str, object]:
        return {"trial": self.code, "state": self.state}

    @property
    def charter_in_force(self):
        """The charter version in force, or None before the first signature."""
        return self.charters.filter(state="in_force").first()
