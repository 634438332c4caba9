from __future__ import annotations

import datetime as dt

from django.core.validators import RegexValidator
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.charter import ImagingCharter
from trials.models.site import Site
from trials.models.trial import Trial
from trials.schedule import date_of, visit_window
from trials.states import (
    LEFT,
    SUBJECT,
    TIMEPOINT_IMAGES,
    TIMEPOINT_QC,
    TIMEPOINT_READING,
    FreezeState,
    ImageState,
    QcState,
    ReadingState,
    SubjectState,
)
from trials.subject_terms import AFTER_CONSENT, MOST_LETTERS, MOST_OF_ARM, READ_NO_FURTHER


class Subject(Record):
    """A person in the trial, known by the subject code alone (USUBJID); never by name.

    `screening_code` is the code before, where enrolment brought another one.
    `reference_date` is the protocol's day 1 (randomisation or first dose); scans are placed by their study
    day relative to it, so that no scan date needs to be kept.
    """

    machines = {"state": SUBJECT}
    #: The trail is read by people who are blinded to it.
    audit_exclude = frozenset({"arm"})

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="subjects")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="subjects")
    code = models.CharField(
        "subject code",
        max_length=MOST_LETTERS,
        validators=[RegexValidator(r"^[A-Z0-9-]{2,20}$", "Use 2 to 20 capitals, digits and hyphens.")],
    )
    screening_code = models.CharField("code while screened", max_length=MOST_LETTERS, blank=True)
    arm = models.CharField(max_length=MOST_OF_ARM, blank=True)
    reference_date = models.DateField("day 1 (randomisation or first dose)")
    state = models.CharField(
        max_length=20,
        choices=[(s, s.replace("_", " ").title()) for s in SubjectState],
        default=SubjectState.SCREENED,
    )
    screened_at = models.DateTimeField(null=True)
    enrolled_at = models.DateTimeField(null=True)
    consent_withdrawn_on = models.DateField(null=True)
    #: What the charter in force said of images on that day.
    images_rule = models.CharField(max_length=20, blank=True, choices=list(AFTER_CONSENT.items()))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "code"], name="subject_code_once_per_trial")]
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code

    @property
    def first_code(self) -> str:
        """The code that never changes: pseudonyms are made from it, so that all scans of a subject fit together."""
        return self.screening_code or self.code

    @property
    def has_left(self) -> bool:
        """Whether nothing more is expected of the subject."""
        return self.state in LEFT

    @property
    def is_read_no_further(self) -> bool:
        """Whether none of its images is read any more: it never took part, or the rule on withdrawn consent says so."""
        return self.images_rule in READ_NO_FURTHER or (self.has_left and self.enrolled_at is None)

    def charter_signed_under(self) -> int | None:
        return charter.version if (charter := self.trial.charter_in_force) else None

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.code,
            "state": self.state,
            "consent_withdrawn_on": self.consent_withdrawn_on,
            "images": self.images_rule,
        }

    def scope(self) -> Scope:
        return Scope(self.trial_id, self.site_id)

    def frozen_by(self) -> str:
        return self.trial.frozen_by() or self.frozen_through(None)

    def frozen_through(self, order: int | None) -> str:
        """Return what closed the visit of this order, or (None) all that there is of the subject; empty: nothing.

        Readers are shown it too, so it names nobody.
        """
        if self._state.adding:
            return ""
        reaching = models.Q(through=None)
        if order is not None:
            reaching |= models.Q(through__gte=order)
        is_frozen = self.freezes.filter(reaching).exclude(freeze__state=FreezeState.LIFTED).exists()
        return "its data are frozen" if is_frozen else ""

    @property
    def is_frozen_anywhere(self) -> bool:
        """Whether a freeze covers the subject, if only its first visit."""
        return bool(self.frozen_through(0))


class Timepoint(Record):
    """An imaging visit of a subject (VISIT), with three lives side by side: images, QC and reading."""

    machines = {
        "image_state": TIMEPOINT_IMAGES,
        "qc_state": TIMEPOINT_QC,
        "reading_state": TIMEPOINT_READING,
    }

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="timepoints")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=12)
    name = models.CharField(max_length=60)
    order = models.PositiveSmallIntegerField()
    day = models.SmallIntegerField()
    unscheduled = models.BooleanField(default=False)
    window_before = models.PositiveSmallIntegerField()
    window_after = models.PositiveSmallIntegerField()
    image_state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ImageState], default=ImageState.EXPECTED
    )
    qc_state = models.CharField(
        max_length=10, choices=[(s, s.replace("_", " ").title()) for s in QcState], default=QcState.NOT_READY
    )
    reading_state = models.CharField(
        max_length=10,
        choices=[(s, s.replace("_", " ").title()) for s in ReadingState],
        default=ReadingState.NOT_READY,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "code"], name="timepoint_once_per_subject")]
        ordering = ["subject", "order"]

    def __str__(self) -> str:
        return f"{self.subject.code} {self.code}"

    #: Number of queries not closed, where a selector counted them.
    open_queries: int

    @property
    def trial(self) -> Trial:
        """The trial that the timepoint belongs to."""
        return self.subject.trial

    @property
    def site(self) -> Site:
        """The site that enrolled the subject."""
        return self.subject.site

    def scope(self) -> Scope:
        return self.subject.scope()

    def frozen_by(self) -> str:
        return self.subject.trial.frozen_by() or self.subject.frozen_through(self.order)

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.subject.code,
            "timepoint": self.code,
            "images": self.image_state,
            "qc": self.qc_state,
        }

    @property
    def expected_on(self) -> dt.date:
        """The date for which the schedule promises the scan."""
        return date_of(self.day, self.subject.reference_date)

    @property
    def late_on(self) -> dt.date:
        """The last day of the visit window; a scan not there after it is late."""
        return date_of(self.day, self.subject.reference_date) + dt.timedelta(days=self.window_after)

    @property
    def window(self) -> tuple[int, int]:
        """First and last study day of the visit window."""
        return visit_window(self.day, self.window_before, self.window_after)
