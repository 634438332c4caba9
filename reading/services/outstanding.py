"""What is open of a subject before its data can be closed, by a freeze or by the trial's lock; and where to go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.urls import reverse

from imaging.models import FaceReview, ReceivedInstance
from imaging.states import FaceState, ReceivedState
from reading import selectors
from reading.models import GlobalReview, RealTimeRead, Reopening
from reading.selectors_real_time import OPEN
from reading.services.adjudicating import discordant_places
from reading.states import UNDECIDED, GlobalReviewState, ReopeningState
from trials.models import Query, Subject, Timepoint
from trials.selectors import open_queries_of, queries_about
from trials.states import ImageState, QcState, SubjectState


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing to finish first, and where: `url` may be empty."""

    sentence: str
    url: str = ""


def of_subject(subject: Subject, through: int | None = None) -> Iterator[Blocker]:
    """Yield what of a subject's reading is open: of its visits up to the one of order `through`, or (None) of all.

    Each is missed, or was cleared and read by every planned reader, and what they differ in is adjudicated.
    """
    if subject.state == SubjectState.SCREENED:
        screened = f"Subject {subject.code} is being screened: enrol it, or record that its screening failed."
        yield Blocker(screened, reverse("trials:subject", args=[subject.pk]))
        return
    for timepoint in visits(subject, through).select_related("subject__trial").order_by("order"):
        if sentence := _open_point(timepoint):
            yield Blocker(sentence, reverse("imaging:timepoint", args=[timepoint.pk]))
    if through is not None:
        return
    for review in GlobalReview.objects.filter(subject=subject, state=GlobalReviewState.OPEN):
        unsigned = f"Global review {review.blinded_code} is not signed."
        yield Blocker(unsigned, reverse("reading:progress", args=[subject.trial_id]))
    yield from _adjudication(subject)


def visits(subject: Subject, through: int | None) -> QuerySet[Timepoint]:
    """Return the visits of a subject up to the one of an order, or (None) all."""
    return subject.timepoints.all() if through is None else subject.timepoints.filter(order__lte=through)


def before_freezing(subject: Subject, through: int | None) -> Iterator[Blocker]:
    """Yield all that is open of a subject up to a visit, or (None) at all: its reading, and what is beside it."""
    found = list(of_subject(subject, through))
    yield from found
    points = visits(subject, through)
    yield from reopenings(points)
    yield from questions(points)
    asked = open_queries_of(subject.trial)
    about = asked.filter(timepoint__in=points)
    yield from queries(about | asked.filter(queries_about(subject)) if through is None else about)
    place = Q(timepoint__in=points) | Q(pixel_review__timepoint__in=points)
    waiting = ReceivedInstance.objects.filter(place, state__in=(ReceivedState.RECEIVED, ReceivedState.HELD))
    if count := waiting.count():
        noun = "instance" if count == 1 else "instances"
        url = reverse("imaging:quarantine", args=[subject.trial_id])
        yield Blocker(f"{count} {noun} of subject {subject.code} are not in the archive: assign or discard.", url)
    if FaceReview.objects.filter(timepoint__in=points, state__in=(FaceState.WAITING, FaceState.DECIDED)).exists():
        face = f"Images of subject {subject.code} wait for somebody to look at the face in them."
        yield Blocker(face, reverse("imaging:faces", args=[subject.trial_id]))
    if not found and selectors.subject_result(subject, through).accepted is None:
        yield Blocker(
            f"The reads of subject {subject.code}{'' if through is None else ' up to that visit'} have no result that "
            "counts: they differ and are not adjudicated, or the charter settles or reviews subjects as wholes. "
            "Settle it, or choose a later visit.",
            reverse("reading:progress", args=[subject.trial_id]),
        )


def reopenings(timepoints: QuerySet[Timepoint]) -> Iterator[Blocker]:
    """Yield the reads that somebody asked to open again."""
    asked = Reopening.objects.filter(task__timepoint__in=timepoints, state=ReopeningState.ASKED)
    for reopening in asked.select_related("task").order_by("pk"):
        sentence = f"Read {reopening.task.blinded_code} was asked to be opened again: decide on it."
        yield Blocker(sentence, reverse("reading:reopening", args=[reopening.pk]))


def questions(timepoints: QuerySet[Timepoint]) -> Iterator[Blocker]:
    """Yield the reads on a clock that have no answer."""
    asked = RealTimeRead.objects.filter(timepoint__in=timepoints, state__in=OPEN)
    for question in asked.select_related("timepoint__subject").order_by("asked_at", "pk"):
        url = reverse("reading:real_time", args=[question.timepoint.subject.trial_id])
        yield Blocker(f"The read for {question.purpose} at {question.timepoint} has no answer yet.", url)


def queries(asked: QuerySet[Query]) -> Iterator[Blocker]:
    """Yield these queries, which are not closed."""
    for query in asked.select_related("site").order_by("pk"):
        yield Blocker(f"Query {query.pk} to {query.asked} is not closed.", reverse("trials:query", args=[query.pk]))


def _open_point(timepoint: Timepoint) -> str:
    if selectors.is_absent(timepoint):
        return ""
    if timepoint.image_state == ImageState.EXPECTED:
        return f"Timepoint {timepoint} has no images: wait for them, or mark it as missed."
    if timepoint.qc_state != QcState.CLEARED:
        state = timepoint.qc_state.replace("_", " ")
        return f"Timepoint {timepoint} is not cleared by quality control ({state})."
    if not selectors.is_readable(timepoint) or selectors.is_read_by_all(timepoint):
        return ""
    if selectors.is_too_late(timepoint):
        return f"Timepoint {timepoint} came after a later one was signed: the later reads have to be opened again."
    if not timepoint.read_tasks.exists():
        return f"Timepoint {timepoint} has no readers yet: add readers to the trial."
    return f"Timepoint {timepoint} is not signed by all its readers."


def _adjudication(subject: Subject) -> Iterator[Blocker]:
    known = {a.timepoint_id: a for a in subject.adjudications.all()}
    progress = reverse("reading:progress", args=[subject.trial_id])
    for adjudication in subject.adjudications.filter(state__in=UNDECIDED).order_by("blinded_code"):
        yield Blocker(f"Adjudication {adjudication.blinded_code} is not decided.", progress)
    charter = selectors.reading_charter(subject)
    together = charter is not None and charter.terms.adjudication.by_consensus
    todo = "their readers are not asked yet: try again in a minute" if together else "no adjudicator is free: add one"
    for timepoint, _ in discordant_places(subject):
        if (timepoint.pk if timepoint else None) not in known:
            where = progress if together else reverse("trials:setup", args=[subject.trial_id])
            yield Blocker(f"The reads of subject {subject.code} differ, and {todo}.", where)
