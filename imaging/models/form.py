from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.quality.declared import parts_for
from imaging.states import TRANSFER_FORM, FormState
from trials.models import Timepoint


def _between(least: float, most: float) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(most)]


_UNSAID = (None, "")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dt.date):
        return f"{value:%-d %B %Y}"
    return f"{value:%H:%M}" if isinstance(value, dt.time) else str(value)


class TransferForm(Record):
    """What a site declares of the scan at a timepoint, signed by its coordinator.

    A draft may change, a signed version never does: a correction is the next version, with its reason. The texts
    are the site's own words; nobody who reads blinded ever sees them.
    """

    machines = {"state": TRANSFER_FORM}

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="transfer_forms")
    version = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in FormState], default=FormState.DRAFT)
    correction_reason = models.TextField(blank=True)
    begun_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    acquired_on = models.DateField("date of the scan", null=True, blank=True)
    acquired_until = models.DateField("last day", null=True, blank=True)
    scanner = models.CharField("scanner", max_length=80, blank=True)
    images_complete = models.BooleanField("all images sent", null=True)
    incomplete_reason = models.TextField("what is missing, and why", max_length=1000, blank=True)

    contrast_given = models.BooleanField("contrast given", null=True)
    contrast_agent = models.CharField("agent", max_length=80, blank=True)
    contrast_volume_ml = models.DecimalField(
        "volume, mL", max_digits=5, decimal_places=1, null=True, blank=True, validators=_between(0.1, 1000)
    )
    contrast_delay_s = models.PositiveSmallIntegerField(
        "delay until the scan, s", null=True, blank=True, validators=_between(0, 7200)
    )

    tracer = models.CharField(max_length=80, blank=True)
    radionuclide = models.CharField(max_length=20, blank=True)
    injected_dose_mbq = models.DecimalField(
        "injected dose, MBq", max_digits=7, decimal_places=1, null=True, blank=True, validators=_between(0.1, 20000)
    )
    injected_at = models.TimeField("time of injection", null=True, blank=True)
    uptake_minutes = models.PositiveSmallIntegerField(
        "uptake time, min", null=True, blank=True, validators=_between(0, 10080)
    )
    glucose_mmol_l = models.DecimalField(
        "blood glucose, mmol/L", max_digits=4, decimal_places=1, null=True, blank=True, validators=_between(0.5, 60)
    )

    deviations = models.TextField("deviations from the charter", max_length=2000, blank=True)
    comments = models.TextField(max_length=2000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["timepoint", "version"], name="transfer_form_version_once"),
            models.UniqueConstraint(
                fields=["timepoint"], condition=models.Q(state="draft"), name="transfer_form_one_draft"
            ),
            models.UniqueConstraint(
                fields=["timepoint"], condition=models.Q(state="signed"), name="transfer_form_one_signed"
            ),
        ]
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"transfer form of {self.timepoint}, version {self.version}"

    def scope(self) -> Scope:
        return self.timepoint.scope()

    def frozen_by(self) -> str:
        if self.state != FormState.DRAFT:
            return "a signed transfer form never changes; correct it with a reason"
        return self.timepoint.frozen_by()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The fields that the timepoint's charter asks for, by the title of their part."""
        return parts_for({series.modality for series in self.timepoint.charter.terms.series})

    @property
    def field_names(self) -> dict[str, str]:
        """What each field that is asked is called, by field."""
        return {name: self._label(name) for fields in self.parts.values() for name in fields}

    @property
    def declared(self) -> dict[str, Any]:
        """What was declared, by field, with every field that is asked."""
        return {name: getattr(self, name) for fields in self.parts.values() for name in fields}

    @property
    def in_words(self) -> dict[str, list[tuple[str, str]]]:
        """What was declared, as labels and values for a page, by the title of the part."""
        said = {title: {name: getattr(self, name) for name in fields} for title, fields in self.parts.items()}
        return {
            title: [(self._label(name), _in_words(value)) for name, value in answers.items() if value not in _UNSAID]
            for title, answers in said.items()
        }

    def _label(self, name: str) -> str:
        label = str(self._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
        return label[:1].upper() + label[1:]

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.timepoint.subject.code,
            "timepoint": self.timepoint.code,
            "version": self.version,
            "correction_reason": self.correction_reason,
            "declared": self.declared,
        }
