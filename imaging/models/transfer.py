from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.states import (
    ORIGINAL,
    RECEIVED_INSTANCE,
    TRANSFER,
    HoldReason,
    OriginalState,
    ReceivedState,
    TransferState,
)
from trials.models import Site, Timepoint


class Transfer(Record):
    """One delivery of a site through one door: an association, or a coordinator's upload.

    `timepoint` is the coordinator's choice, where there was one; otherwise instances are matched one by one
    from their trial identifiers and study day.
    """

    class Door(models.TextChoices):
        DIMSE = "dimse", "DICOM (C-STORE)"
        WEB = "web", "Web upload"
        STOW = "stow", "DICOMweb (STOW-RS)"
        COMMAND = "command", "Command line"

    machines = {"state": TRANSFER}

    public_id = models.UUIDField(unique=True, default=uuid.uuid4)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="transfers")
    timepoint = models.ForeignKey(Timepoint, null=True, on_delete=models.PROTECT, related_name="transfers")
    door = models.CharField(max_length=8, choices=Door)
    sender = models.CharField("calling AE title or user name", max_length=64)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in TransferState], default=TransferState.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"transfer {self.pk} from {self.site.code} ({self.get_door_display()})"

    def scope(self) -> Scope:
        return self.site.scope()


class ReceivedInstance(Record):
    """One instance as it came, in quarantine. The bytes lie under `quarantine_key`; nothing of the header does.

    The bytes leave by the rule of the trial's charter; the row stays.

    `sop_uid_key` is the trial's pseudonym of the SOP Instance UID, so that the original is not kept in the
    database; `dataset_sha256` is over the data set without file meta, so that the door does not matter.
    """

    machines = {"state": RECEIVED_INSTANCE, "original_state": ORIGINAL}

    spool_id = models.UUIDField(unique=True)
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="instances")
    received_at = models.DateTimeField()
    size = models.BigIntegerField()
    file_sha256 = models.CharField(max_length=64)
    dataset_sha256 = models.CharField(max_length=64, blank=True)
    quarantine_key = models.CharField(max_length=120)
    sop_uid_key = models.CharField(max_length=64, blank=True)
    series_uid_key = models.CharField(max_length=64, blank=True)
    study_uid_key = models.CharField(max_length=64, blank=True)
    modality = models.CharField(max_length=16, blank=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ReceivedState], default=ReceivedState.RECEIVED
    )
    hold_reason = models.CharField(max_length=24, blank=True, choices=[(r, r.replace("_", " ")) for r in HoldReason])
    hold_sentence = models.TextField(blank=True)
    timepoint = models.ForeignKey(Timepoint, null=True, on_delete=models.PROTECT, related_name="received_instances")
    original_state = models.CharField(
        max_length=8, choices=[(s, s.title()) for s in OriginalState], default=OriginalState.KEPT
    )
    original_left_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["transfer"],
                condition=models.Q(original_state=OriginalState.LEAVING),
                name="originals_on_their_way_out",
            ),
            models.Index(fields=["transfer", "state"], name="received_by_transfer"),
            models.Index(fields=["sop_uid_key"], name="received_by_sop"),
            models.Index(fields=["file_sha256"], name="received_by_file_sha256"),
        ]

    def __str__(self) -> str:
        return f"received instance {self.pk}"

    def scope(self) -> Scope:
        return self.transfer.scope()
