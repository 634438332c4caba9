from __future__ import annotations

import uuid

from django.db import models

from compliance.models.base import Scope
from imaging.models.transfer import Transfer


class WebUpload(models.Model):
    """One file on its way through a coordinator's browser, in as many pieces as it takes.

    A record of operation, like a job: the delivery it is part of is the regulated one. The sender's name of the
    file is no part of it. `sha256` is what the browser announced; empty if it did not.
    """

    class State(models.TextChoices):
        RECEIVING = "receiving"
        UNPACKING = "unpacking"
        KEPT = "kept"
        REFUSED = "refused"
        DISCARDED = "discarded"

    class Kind(models.TextChoices):
        DICOM = "dicom", "DICOM"
        ZIP = "zip", "ZIP archive"
        ATTACHMENT = "attachment", "Attachment"

    class Picture(models.TextChoices):
        PHOTOGRAPH = "photograph", "Photograph"
        CAPTURE = "capture", "Screen capture"

    public_id = models.UUIDField(unique=True, default=uuid.uuid4)
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="uploads")
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    #: Of an attachment: what a picture shows, and the day that it is of.
    picture = models.CharField(max_length=10, choices=Picture, default=Picture.PHOTOGRAPH)
    taken_on = models.DateField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVING)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["sha256"], name="upload_by_sha256"),
            models.Index(fields=["state", "created_at"], name="upload_by_state"),
        ]

    def __str__(self) -> str:
        return f"upload {self.pk} ({self.state})"

    def scope(self) -> Scope:
        """Return where it belongs; who may do what to it hangs on that."""
        return self.transfer.scope()


class RefusedFile(models.Model):
    """A file of an upload that was not taken, and the sentence why.

    `entry` counts the files of a ZIP; 0 is the ZIP, or the single file, itself. Names stay with the sender.
    """

    upload = models.ForeignKey(WebUpload, on_delete=models.CASCADE, related_name="refused")
    entry = models.PositiveIntegerField()
    code = models.CharField(max_length=40)
    sentence = models.TextField()

    class Meta:
        ordering = ["upload", "entry"]
        constraints = [models.UniqueConstraint(fields=["upload", "entry"], name="refused_once_per_entry")]

    def __str__(self) -> str:
        return f"refused entry {self.entry} ({self.code})"
