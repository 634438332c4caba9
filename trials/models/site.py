from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
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
    plain_dicom = models.BooleanField(
        "DICOM without encryption",
        default=False,
        help_text="Only where the site's network is protected otherwise, by a VPN for instance.",
    )

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
    #: The certificate with which it calls over TLS; nothing else identifies it there.
    certificate = models.TextField("certificate (PEM)", blank=True)
    certificate_sha256 = models.CharField(max_length=64, blank=True)
    host = models.CharField("address at which it listens", max_length=255, blank=True)
    port = models.PositiveIntegerField(
        "port at which it listens", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(
                fields=["certificate_sha256"], condition=~models.Q(certificate_sha256=""), name="certificate_once"
            )
        ]

    def __str__(self) -> str:
        return self.title

    def scope(self) -> Scope:
        return Scope(self.site.trial_id, self.site_id)

    def frozen_by(self) -> str:
        return self.site.frozen_by()


#: Days that a site's token may last.
DAYS_OF_TOKEN = (30, 90, 180, 365)


class SiteToken(Record):
    """What a site's program shows at the DICOMweb door, until it ends or is revoked.

    Only its digest is kept; the secret is shown once.
    """

    audit_exclude = frozenset({"token_sha256"})

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=80)
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"token “{self.label}” of {self.site.code}"

    def scope(self) -> Scope:
        return Scope(self.site.trial_id, self.site_id)

    def frozen_by(self) -> str:
        # A secret must be taken back at any time, also after the lock.
        return "" if self.pk else self.site.frozen_by()
