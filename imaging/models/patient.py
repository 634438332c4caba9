from __future__ import annotations

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import Timepoint


class KnownPatient(Record):
    """Images of a timepoint came under this number of a hospital: keyed digests (`imaging.deid.patients`), no number.

    Rows are in the order in which the numbers came. They go with the timepoint, and are not repeated in the trail,
    which stays.
    """

    audit_exclude = frozenset({"number_key", "issuer_key"})

    timepoint = models.ForeignKey(Timepoint, on_delete=models.CASCADE, related_name="known_patients")
    number_key = models.CharField(max_length=64, db_index=True)
    issuer_key = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["timepoint", "number_key", "issuer_key"], name="known_patient_once_per_timepoint"
            )
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"patient of {self.timepoint}"

    def scope(self) -> Scope:
        return self.timepoint.scope()

    def frozen_by(self) -> str:
        return self.timepoint.frozen_by()
