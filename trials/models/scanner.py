from __future__ import annotations

from typing import NamedTuple

from django.core.validators import RegexValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.site import Site
from trials.states import SCANNER, SCANNER_NOTICE, NoticeState, ScannerState


class Device(NamedTuple):
    """A scanner as headers name it, or as it was registered; empty where nothing is said."""

    modality: str
    manufacturer: str
    model_name: str
    serial_number: str = ""
    software: str = ""

    @property
    def words(self) -> str:
        """All that is said, in a line."""
        number = f", serial number {self.serial_number}" if self.serial_number else ""
        software = f", software {self.software}" if self.software else ""
        return f"{self.manufacturer} {self.model_name} ({self.modality}){number}{software}".strip()

    def is_model_of(self, other: Device) -> bool:
        """Tell whether both are of the same model; case and blanks do not matter, as scanners write them anyhow."""
        return _same(self.manufacturer, other.manufacturer) and _same(self.model_name, other.model_name)


def _same(one: str, other: str) -> bool:
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()


class Scanner(Record):
    """A scanner of a site, as it was registered; what its images say later is compared with it.

    Without a serial number it is known by manufacturer and model. `software` is empty until the first image says it.
    """

    machines = {"state": SCANNER}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="scanners")
    modality = models.CharField(
        max_length=16,
        validators=[RegexValidator(r"^[A-Z][A-Z0-9]{1,15}$", "Use a DICOM code in capitals, such as CT, MR or PT.")],
    )
    manufacturer = models.CharField(max_length=64)
    model_name = models.CharField("model", max_length=64)
    serial_number = models.CharField(
        "serial number", max_length=64, blank=True, help_text="Needed where the site has two of the same model."
    )
    software = models.CharField(
        "software version", max_length=64, blank=True, help_text="Leave empty if unknown: the first images say it."
    )
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ScannerState], default=ScannerState.REGISTERED
    )
    registered_at = models.DateTimeField()

    class Meta:
        ordering = ["modality", "manufacturer", "model_name", "id"]

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model_name} ({self.modality})"

    def scope(self) -> Scope:
        return self.site.scope()

    def frozen_by(self) -> str:
        return self.site.frozen_by()

    @property
    def registered(self) -> Device:
        """What the registry says of it."""
        return Device(self.modality, self.manufacturer, self.model_name, self.serial_number, self.software)


class ScannerNotice(Record):
    """Images came from a scanner that is not registered, or that is not what it was: somebody says what follows.

    `before` is what the registry said, empty for a scanner that nobody knows; the rest is what the headers say. What
    was noticed once is not noticed again.
    """

    class Kind(models.TextChoices):
        UNKNOWN = "unknown", "Unknown scanner"
        MODEL = "model", "Another model"
        SOFTWARE = "software", "Another software"

    machines = {"state": SCANNER_NOTICE}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="scanner_notices")
    scanner = models.ForeignKey(Scanner, null=True, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=8, choices=Kind)
    before = models.CharField(max_length=200, blank=True)
    modality = models.CharField(max_length=16)
    manufacturer = models.CharField(max_length=64, blank=True)
    model_name = models.CharField("model", max_length=64, blank=True)
    serial_number = models.CharField(max_length=64, blank=True)
    software = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField("first seen at")
    state = models.CharField(
        max_length=13, choices=[(s, s.replace("_", " ")) for s in NoticeState], default=NoticeState.OPEN
    )
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "kind", "modality", "manufacturer", "model_name", "serial_number", "software"],
                name="scanner_notice_once",
            )
        ]

    @property
    def seen(self) -> Device:
        """What the headers say."""
        return Device(self.modality, self.manufacturer, self.model_name, self.serial_number, self.software)

    @property
    def after(self) -> str:
        """What the headers say, in words: the software alone where that alone is another."""
        return self.software if self.kind == self.Kind.SOFTWARE else self.seen.words

    def __str__(self) -> str:
        return f"{self.get_kind_display().lower()} at site {self.site.code}"

    def scope(self) -> Scope:
        return self.site.scope()

    def frozen_by(self) -> str:
        return self.site.frozen_by()
