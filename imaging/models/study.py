from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.deid.reports import digest_of
from imaging.models.face import FaceReview
from imaging.models.transfer import ReceivedInstance
from imaging.states import ARCHIVED_IMAGE, OriginalState
from trials.models import Timepoint, Trial


class ImagingStudy(Record):
    """A DICOM Study in the archive: de-identified, placed at a timepoint. Dates are study days, or shifted."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="imaging_studies")
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="imaging_studies")
    study_instance_uid = models.CharField(max_length=64)
    study_day = models.SmallIntegerField(null=True)
    shifted_date = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "study_instance_uid"], name="imaging_study_once_per_trial")
        ]
        verbose_name_plural = "imaging studies"

    def __str__(self) -> str:
        return f"imaging study {self.pk} at {self.timepoint}"

    def scope(self) -> Scope:
        return self.timepoint.scope()

    def frozen_by(self) -> str:
        return self.timepoint.frozen_by()


class Series(Record):
    """A DICOM Series in the archive.

    `facts` holds the acquisition as `imaging.quality` measured it; `label` is the charter's series that it
    fulfils; `for_reading` says that readers are shown it.
    """

    imaging_study = models.ForeignKey(ImagingStudy, on_delete=models.PROTECT, related_name="series")
    series_instance_uid = models.CharField(max_length=64)
    number = models.IntegerField(null=True)
    modality = models.CharField(max_length=16)
    label = models.CharField(max_length=80, blank=True)
    for_reading = models.BooleanField(default=False)
    #: Who chose the label; None: the checks did.
    labelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["imaging_study", "series_instance_uid"], name="series_once_per_study")
        ]
        ordering = ["number", "id"]
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return f"{self.modality} series {self.number if self.number is not None else self.pk}"

    def scope(self) -> Scope:
        return self.imaging_study.scope()

    def frozen_by(self) -> str:
        return self.imaging_study.frozen_by()


class Fingerprint(models.Model):
    """What a series looks like (`imaging.quality.fingerprints`): made from it at each check, so that it needs no audit.

    It is compared within a site, and shown to nobody.
    """

    series = models.OneToOneField(Series, primary_key=True, on_delete=models.CASCADE, related_name="fingerprint")
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"fingerprint of {self.series}"


class ActionList(models.Model):
    """What de-identification did to an instance, attribute by attribute, under the digest of its content.

    `actions` are triples in file order: path of the attribute, such as `(0040,0275)[].(0040,0007)`, letter of the
    action (PS3.15 §E.3.1), and how often; no value is in it. Instances of a scan are treated alike and share a
    list. Their audited rows name its digest, so that a changed list shows.
    """

    sha256 = models.CharField(primary_key=True, max_length=64)
    actions = models.JSONField()

    def __str__(self) -> str:
        return f"actions {self.sha256[:12]}"

    @classmethod
    def of(cls, actions: Sequence[Sequence[str | int]]) -> ActionList:
        """Return the list, not stored yet."""
        return cls(sha256=digest_of(actions), actions=actions)

    @property
    def is_intact(self) -> bool:
        """Whether the content still has its digest."""
        return digest_of(self.actions) == self.sha256


class Instance(Record):
    """A de-identified DICOM instance, written once to the archive under `archive_key`.

    `measured` are the attributes by which its series is measured (`imaging.dicom.excerpts`), so that a check need
    not read the archive again. The bytes leave only where the charter has images erased; the row stays.
    """

    machines = {"stored_state": ARCHIVED_IMAGE}

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    received = models.OneToOneField(ReceivedInstance, on_delete=models.PROTECT, related_name="archived_as")
    #: Found through the unique constraint, which begins with it.
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="+", db_index=False)
    sop_instance_uid = models.CharField(max_length=64)
    sop_class_uid = models.CharField(max_length=64)
    number = models.IntegerField(null=True)
    position_mm = models.FloatField("position along the slice normal", null=True)
    rows = models.PositiveIntegerField(default=0)
    columns = models.PositiveIntegerField(default=0)
    frames = models.PositiveIntegerField(default=1)
    archive_key = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    recipe_sha256 = models.CharField(max_length=64)
    deid_counters = models.JSONField(default=dict)
    #: None in rows that are older than this record.
    deid_actions = models.ForeignKey(
        ActionList, null=True, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    #: The decision of a person by which the face was taken out, or the image left as it was.
    face_review = models.ForeignKey(
        FaceReview, null=True, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    measured = models.JSONField(default=dict)
    stored_state = models.CharField(
        max_length=8, choices=[(s, s.title()) for s in OriginalState], default=OriginalState.KEPT
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "sop_instance_uid"], name="instance_once_per_trial")]
        ordering = ["position_mm", "number", "id"]

    def __str__(self) -> str:
        return f"instance {self.pk} of {self.series}"

    @property
    def pictures(self) -> int:
        """How many pictures of a stack it is: its frames, but a film is one."""
        return 1 if "film" in self.measured else self.frames

    def scope(self) -> Scope:
        return self.series.scope()

    def frozen_by(self) -> str:
        return self.series.frozen_by()
