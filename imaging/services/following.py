"""Following a delivery: how many of its images passed each step of the road, and what stopped the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compliance.models import Job
from imaging.models import Finding, QcReview, ReceivedInstance, Transfer, WebUpload
from imaging.selectors import LOOKED_AT, REASONS
from imaging.selectors_recognised import Recognised, recognised_in
from imaging.services import spool
from imaging.services.checking import CHECK
from imaging.services.receiving import BATCH
from imaging.states import HoldReason, ReceivedState
from trials.models import Timepoint

#: Reasons for which an image is held after it was matched; for all others it has found no place.
_AFTER_MATCHING = LOOKED_AT | {HoldReason.CANNOT_DEIDENTIFY, HoldReason.LEAK_FOUND}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the road: how many images passed it, were stopped at it, and are still before it."""

    name: str
    done: int
    stopped: int
    left: int

    @property
    def total(self) -> int:
        """How many images come to this step."""
        return self.done + self.stopped + self.left

    @property
    def tone(self) -> str:
        """How it is shown, as in `docs/ui.md`."""
        if self.left:
            return "info" if self.done else "wait"
        return "warn" if self.stopped else "ok" if self.done else "wait"


@dataclass(frozen=True, slots=True)
class Held:
    """Images of a delivery that are held for one reason, and the sentence that says what to do.

    `looked_at` says that the core lab looks at them, so that nobody else need do anything; `of_a_face`, that it is the
    mask of a face that is looked at.
    """

    reason: str
    sentence: str
    count: int
    looked_at: bool = False
    of_a_face: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A timepoint that got images, with the latest round of its QC and how many findings block or need a look."""

    timepoint: Timepoint
    review: QcReview | None = None
    blocking: int = 0
    remarks: int = 0


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a delivery stands.

    `coming` counts files of the browser that are not whole yet, `unpacking` ZIPs and attachments in work; `settled`
    says that nothing is worked on and nothing on its way.
    """

    recognised: Recognised
    total: int
    coming: int
    unpacking: int
    steps: Sequence[Step]
    held: Sequence[Held]
    places: Sequence[Place]
    settled: bool


def follow(transfer: Transfer) -> Followed:
    """Tell where a delivery stands: received, indexed, matched, de-identified, checked, or why not."""
    recognised = recognised_in(transfer)
    waiting = _in_the_spool(transfer)
    uploads = Counter(transfer.uploads.values_list("state", flat=True))
    coming, unpacking = uploads[WebUpload.State.RECEIVING], uploads[WebUpload.State.UNPACKING]
    unchecked = _unchecked(recognised)
    return Followed(
        recognised=recognised,
        total=waiting + sum(recognised.counts.values()),
        coming=coming,
        unpacking=unpacking,
        steps=_steps(recognised, waiting, coming + unpacking, unchecked),
        held=[
            Held(REASONS[HoldReason(reason)], sentence, count, reason in LOOKED_AT, reason == HoldReason.FACE_REVIEW)
            for (reason, sentence), count in recognised.held.items()
        ],
        places=_places(recognised.archived),
        settled=recognised.settled and not (waiting or coming or unpacking or unchecked),
    )


def _in_the_spool(transfer: Transfer) -> int:
    """How many instances of a delivery are durable and have no row yet."""
    try:
        ids = [entry.spool_id for entry in spool.entries(spool.root() / str(transfer.public_id))]
    except FileNotFoundError:
        return 0
    # The indexer takes a name away after it wrote the row, batch by batch from the front.
    return len(ids) - ReceivedInstance.objects.filter(spool_id__in=ids[:BATCH]).count()


def _unchecked(recognised: Recognised) -> set[Timepoint]:
    """Timepoints that got images which are not checked yet."""
    if not recognised.settled:
        return set(recognised.archived)
    by_key = {str(timepoint.pk): timepoint for timepoint in recognised.archived}
    jobs = Job.objects.filter(kind=CHECK, key__in=by_key, state__in=(Job.State.QUEUED, Job.State.RUNNING))
    return {by_key[key] for key in jobs.values_list("key", flat=True)}


def _steps(recognised: Recognised, waiting: int, coming: int, unchecked: set[Timepoint]) -> list[Step]:
    stopped: Counter[bool] = Counter()
    for (state, reason), count in recognised.counts.items():
        if state in (ReceivedState.HELD, ReceivedState.DISCARDED):
            stopped[reason in _AFTER_MATCHING] += count
    indexed = sum(recognised.counts.values())
    kept = sum(recognised.archived.values()) + recognised.known
    checked = kept - sum(recognised.archived[timepoint] for timepoint in unchecked)
    unread = waiting + indexed - kept - stopped[False] - stopped[True]
    return [
        Step("Received", waiting + indexed, 0, coming),
        Step("Indexed", indexed, 0, waiting),
        Step("Matched", kept + stopped[True], stopped[False], unread),
        Step("De-identified", kept, stopped[True], unread),
        Step("Checked", checked, 0, unread + kept - checked),
    ]


def _places(timepoints: Iterable[Timepoint]) -> list[Place]:
    rounds = QcReview.objects.filter(timepoint__in=timepoints).order_by("round")
    latest = {review.timepoint_id: review for review in rounds}
    findings = Finding.objects.filter(review__in=latest.values()).values_list("review", "severity")
    count = Counter(findings)
    return [
        Place(timepoint, review, count[review.pk, "block"], count[review.pk, "warn"])
        if (review := latest.get(timepoint.pk))
        else Place(timepoint)
        for timepoint in timepoints
    ]
