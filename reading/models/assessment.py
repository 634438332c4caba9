from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models import Instance
from reading.models.link import links_of
from reading.models.mark import MarkVersion, marks_of
from reading.models.of_read import OfRead
from reading.models.segment import segments_of
from reading.models.task import ReadTask
from reading.states import Purpose, ReadState
from trials.models import Subject


class Assessment(OfRead):
    """What a reader found at one timepoint. Measurements are entered; the response is derived, with its trace.

    `version` counts saves, so that a stale page cannot overwrite a newer one. `answers` holds what the pack's form
    asks of the timepoint as a whole, by name. A reader who disagrees with the derived response states another one
    with the reason; the derived one is kept, and it is the one that counts. `verdict` answers what is asked of a
    read on a clock (`reading.questions`).
    """

    task = models.OneToOneField(ReadTask, on_delete=models.PROTECT, related_name="assessment")
    version = models.PositiveIntegerField(default=0)
    image_quality = models.CharField(
        max_length=16,
        choices=[("adequate", "Adequate"), ("limited", "Limited"), ("not_evaluable", "Not evaluable")],
        default="adequate",
    )
    comment = models.TextField(blank=True)
    answers = models.JSONField(default=dict)
    stated_response = models.CharField(max_length=24, blank=True)
    stated_reason = models.TextField(blank=True)
    verdict = models.CharField(max_length=13, blank=True)
    verdict_reason = models.TextField(blank=True)
    derivation = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"assessment of {self.task}"

    def entries(self) -> list[Measurement]:
        """Return what was entered of lesions, by their numbers; the database is asked unless it was fetched along."""
        fetched = getattr(self, "_prefetched_objects_cache", {}).get("measurements")
        found = self.measurements.select_related("lesion") if fetched is None else fetched
        return sorted(found, key=lambda entry: (entry.lesion.number, entry.part))

    def content(self) -> dict[str, object]:
        """Return everything the reader stated and what was derived from it, as plain values.

        What a form did not ask, what nobody stated and what was not drawn have no place in it.
        """
        drawn = [mark.content() for mark in marks_of(self.task)]
        painted = [segment.content() for segment in segments_of(self.task)]
        links = links_of(self.task)
        verdict = {"answer": self.verdict, "reason": self.verdict_reason}
        disagreement = {"response": self.stated_response, "reason": self.stated_reason}
        return {
            "image_quality": self.image_quality,
            "comment": self.comment,
            "measurements": [
                m.content()
                for m in self.measurements.select_related("lesion", "mark__mark").order_by("lesion__number", "part")
            ],
            "derivation": self.derivation,
            **({"answers": self.answers} if self.answers else {}),
            **({"marks": drawn} if drawn else {}),
            **({"segments": painted} if painted else {}),
            **({"links": links.links} if links and links.links else {}),
            **({"disagreement": disagreement} if self.stated_response else {}),
            **({"verdict": verdict} if self.verdict else {}),
        }


class _OfFirstReads(models.Manager["Lesion"]):
    """Lesions of reads that count; see `ReadTask.objects`."""

    def get_queryset(self) -> models.QuerySet[Lesion]:
        return super().get_queryset().filter(reread=False, purpose=Purpose.ENDPOINT)


class Lesion(Record):
    """A lesion of one reader in one subject; its number stays the same through time. A re-read, and a
    read for another purpose, has its own.
    """

    objects = _OfFirstReads()
    every = models.Manager()

    class Category(models.TextChoices):
        TARGET = "target", "Target"
        NON_TARGET = "non_target", "Non-target"
        NEW = "new", "New"

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="lesions")
    first_seen = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="lesions_found")
    number = models.PositiveSmallIntegerField()
    category = models.CharField(max_length=10, choices=Category)
    organ = models.CharField(max_length=40)
    nodal = models.BooleanField(default=False)
    reread = models.BooleanField(default=False)
    purpose = models.CharField(max_length=13, choices=[(p, p.title()) for p in Purpose], default=Purpose.ENDPOINT)
    description = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reader", "subject", "purpose", "reread", "number"], name="lesion_number_once"
            )
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"lesion {self.label}"

    @property
    def label(self) -> str:
        """Number as readers and SDTM name it: T01, NT02, NEW03."""
        prefix = {"target": "T", "non_target": "NT", "new": "NEW"}[self.category]
        return f"{prefix}{self.number:02d}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        if self.first_seen.state in (ReadState.SUBMITTED, ReadState.LOCKED):
            return "the read in which it was found is signed"
        return self.first_seen.frozen_by()


class Measurement(Record):
    """A lesion at one timepoint: a size or a state, with the slice on which it was seen.

    `diameter_mm` is the chief diameter: of a node the short axis where the pack measures nodes so, else the longest.
    `values` holds what else the pack's form asks of a lesion, by name; decimals as text.
    """

    class State(models.TextChoices):
        MEASURED = "MEASURED", "Measured"
        PRESENT = "PRESENT", "Present"
        ABSENT = "ABSENT", "Absent"
        TOO_SMALL = "TOO_SMALL", "Too small to measure"
        NOT_EVALUABLE = "NOT_EVALUABLE", "Not evaluable"
        UNEQUIVOCAL_PD = "UNEQUIVOCAL_PD", "Unequivocal progression"
        EQUIVOCAL = "EQUIVOCAL", "Equivocal"
        UNEQUIVOCAL = "UNEQUIVOCAL", "Unequivocal"
        NOT_A_LESION = "NOT_A_LESION", "Not a lesion"
        FURTHER_INCREASE = "FURTHER_INCREASE", "Further increase"
        NO_CHANGE_FROM_LAST = "NO_CHANGE_FROM_LAST", "No change from last"
        DECREASED = "DECREASED", "Decreased"

    assessment = models.ForeignKey(Assessment, on_delete=models.PROTECT, related_name="measurements")
    lesion = models.ForeignKey(Lesion, on_delete=models.PROTECT, related_name="measurements")
    part = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=24, choices=State)
    diameter_mm = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    values = models.JSONField(default=dict)
    instance = models.ForeignKey(Instance, null=True, on_delete=models.PROTECT, related_name="+")
    frame = models.PositiveIntegerField(default=1)
    reason = models.CharField(max_length=200, blank=True)
    #: What it was taken from, where the reader drew it.
    mark = models.ForeignKey(MarkVersion, null=True, on_delete=models.PROTECT, related_name="measurements")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assessment", "lesion", "part"], name="measurement_once"),
            models.CheckConstraint(
                condition=models.Q(diameter_mm__isnull=True)
                | models.Q(state__in=["MEASURED", "EQUIVOCAL", "UNEQUIVOCAL"]),
                name="measurement_diameter_when_seen",
            ),
        ]
        ordering = ["lesion__number", "part"]

    def __str__(self) -> str:
        return f"measurement of {self.lesion} in {self.assessment}"

    def scope(self) -> Scope:
        return self.assessment.scope()

    def frozen_by(self) -> str:
        return self.assessment.frozen_by()

    def stated(self) -> dict[str, object]:
        """Return every value that was entered, by its name in the form."""
        return self.values if self.diameter_mm is None else {"diameter_mm": self.diameter_mm, **self.values}

    def content(self) -> dict[str, object]:
        """Return the measurement with its lesion, as plain values."""
        return {
            "lesion": self.lesion.label,
            "category": self.lesion.category,
            "organ": self.lesion.organ,
            "nodal": self.lesion.nodal,
            "part": self.part,
            "state": self.state,
            "diameter_mm": None if self.diameter_mm is None else str(self.diameter_mm),
            "sop_instance_uid": self.instance.sop_instance_uid if self.instance else None,
            "frame": self.frame,
            "reason": self.reason,
            **({"values": self.values} if self.values else {}),
            **({"mark": str(self.mark.mark.key)} if self.mark else {}),
        }
