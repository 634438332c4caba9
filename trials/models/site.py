from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial


class Site(Record):
    """A centre that enrols subjects and sends their scans."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="sites")
    code = models.CharField(
        max_length=12,
        validators=[RegexValidator(r"^[A-Z0-9-]{2,12}$", "Use 2 to 12 capitals, digits and hyphens.")],
    )
    name = models.CharField(max_length=150)
    country = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "code"], name="site_code_once_per_trial")]
        ordering = ["code"]
        permissions = [("as_site_coordinator", "Site coordinator")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def scope(self) -> Scope:
        return Scope(self.trial_id, self.pk)

    def frozen_by(self) -> str:
        return self.trial.frozen_by()


class ApplicationEntity(Record):
    """A scanner or archive of a site, known by the AE title with which it calls. One title, one site."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="application_entities")
    title = models.CharField(
        "calling AE title",
        max_length=16,
        unique=True,
        validators=[
            RegexValidator(r"^[\x21-\x5b\x5d-\x7e]{1,16}$", "Use 1 to 16 printable characters without spaces.")
        ],
    )
    description = models.CharField(max_length=100, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title

    def scope(self) -> Scope:
        return Scope(self.site.trial_id, self.site_id)
