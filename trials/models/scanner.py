from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.site import Site
from trials.states import SCANNER, SCANNER_NOTICE, NoticeState, ScannerState


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

    def signed_content(self) -> dict[str, object]:
        """What a qualification says of it; its state is no part."""
        return {
            "modality": self.modality,
            "manufacturer": self.manufacturer,
            "model": self.model_name,
            "serial_number": self.serial_number,
            "software": self.software,
        }


class ScannerNotice(Record):
    """Images came from a scanner that is not registered, or that is not what it was: somebody says what follows.

    `before` is what the registry said, empty for a scanner that nobody knows; `after` what the headers say. What one
    notice has said once is not said again.
    """

    class Kind(models.TextChoices):
        UNKNOWN = "unknown", "Unknown scanner"
        MODEL = "model", "Another model"
        SOFTWARE = "software", "Another software"

    machines = {"state": SCANNER_NOTICE}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="scanner_notices")
    scanner = models.ForeignKey(Scanner, null=True, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=8, choices=Kind)
    before = models.CharField(max_length=210, blank=True)
    after = models.CharField(max_length=210)
    seen_at = models.DateTimeField("first seen at")
    state = models.CharField(
        max_length=13, choices=[(s, s.replace("_", " ")) for s in NoticeState], default=NoticeState.OPEN
    )
    settled_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["scanner", "kind", "after"], name="scanner_notice_once"),
            models.UniqueConstraint(
                fields=["site", "kind", "after"],
                condition=models.Q(scanner=None),
                name="scanner_notice_of_nobody_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display().lower()} at site {self.site.code}"

    def scope(self) -> Scope:
        return self.site.scope()

    def frozen_by(self) -> str:
        return self.site.frozen_by()
