"""What the reading room's pages show: rows and counts put together from selectors and from `blinding`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compliance.models import User
from imaging.display import manifest
from reading import blinding, selectors
from reading.blinded import (
    BlindedAdjudication,
    BlindedDue,
    BlindedLesion,
    BlindedMeasurement,
    BlindedPreset,
    BlindedSide,
    BlindedTimepoint,
)
from reading.models import Adjudication, ReadTask
from reading.replayed import ReplayedMeasurement
from reading.selectors_consensus import meetings_of
from reading.selectors_reviews import reviews_of
from reading.states import UNDECIDED, GlobalReviewState, Purpose, ReadState
from trials.states import QcState

# --- readers and adjudicators: codes only ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A read in its reader's list; `picture` is the address of a small picture of it, perhaps empty."""

    code: str
    case: str
    title: str
    state: str
    is_open: bool
    submitted_at: dt.datetime | None
    #: What holds it, where it is not open.
    waits_for: str = ""
    due: BlindedDue | None = None
    picture: str = ""


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A global review in its reader's list."""

    code: str
    case: str
    state: str
    signed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """A reader's list: what to do now, what is on hold, what is signed. `next` is the first to do.

    `reviews` are cases to go over as a whole, `reviewed` those that were; `meetings` are
    cases that the two readers settle together.
    """

    open: tuple[ReadRow, ...]
    on_hold: tuple[ReadRow, ...]
    signed: tuple[ReadRow, ...]
    reviews: tuple[ReviewRow, ...]
    reviewed: tuple[ReviewRow, ...]
    meetings: tuple[CaseRow, ...]

    @property
    def next(self) -> ReadRow | None:
        """The read to go on with."""
        return self.open[0] if self.open else None


def read_row(task: ReadTask, *, closed: bool = False) -> ReadRow:
    """Return what a reader's list says of a read; its images must be cleared for it to be open.

    `closed`: the reader has not qualified for it.
    """
    return ReadRow(
        code=task.blinded_code,
        case=task.case_code,
        title=blinding.title_of_read(task),
        state=task.state,
        is_open=task.state in (ReadState.ASSIGNED, ReadState.READING)
        and task.timepoint.qc_state == QcState.CLEARED
        and not closed,
        submitted_at=task.submitted_at,
        waits_for="your qualification" if closed else "images with quality control",
        due=blinding.due_of(task),
    )


def worklist_of(
    reader: User,
    closed: Collection[int] = (),
    pictures_of: Callable[[Sequence[ReadTask]], Mapping[int, str]] = lambda _: {},
) -> Worklist:
    """A reader's reads: what is waited for first, then those begun, then the oldest; signed ones, the latest first.

    Cases of training and qualification have a list of their own. `closed` are the trials for which the reader has not
    qualified, by their keys: their reads wait. `pictures_of` gives the addresses of the small pictures of reads, by
    their numbers; it is asked of open ones, as nobody is to recognise a case by a signed one below it.
    """
    mine = selectors.tasks_of(reader).exclude(purpose=Purpose.QUALIFICATION)
    tasks = sorted(mine, key=lambda t: (t.state != ReadState.READING, t.created_at, t.pk))
    rows = [read_row(task, closed=task.timepoint.subject.trial_id in closed) for task in tasks]
    pictures = pictures_of([task for task, row in zip(tasks, rows, strict=True) if row.is_open])
    rows = [replace(row, picture=pictures.get(task.pk, "")) for task, row in zip(tasks, rows, strict=True)]
    signed = [row for row in rows if row.state in selectors.SIGNED]
    reviews = [review_row(review) for review in reviews_of(reader)]
    return Worklist(
        open=tuple(sorted((row for row in rows if row.is_open), key=_waited_for)),
        on_hold=tuple(row for row in rows if not row.is_open and row.state not in selectors.SIGNED),
        signed=tuple(sorted(signed, key=lambda row: (row.submitted_at is None, row.submitted_at), reverse=True)),
        reviews=tuple(row for row in reviews if row.state == GlobalReviewState.OPEN),
        reviewed=tuple(row for row in reviews if row.state != GlobalReviewState.OPEN),
        meetings=tuple(case_row(one) for one in meetings_of(reader)),
    )


def _waited_for(row: ReadRow) -> tuple[bool, bool, float]:
    due = row.due.due_at if row.due else None
    return row.due is None, due is None, due.timestamp() if due else 0


def review_row(review: Any) -> ReviewRow:
    """Return what a reader's list says of a global review out of `selectors_reviews.reviews_of`."""
    return ReviewRow(review.blinded_code, review.case_code, review.state, review.signed_at)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """An adjudication in its adjudicator's list."""

    code: str
    title: str
    state: str
    triggers: tuple[str, ...]
    decided_at: dt.datetime | None


def case_row(adjudication: Adjudication) -> CaseRow:
    """Return what an adjudicator's list says of a case."""
    charter = adjudication.timepoint.charter if adjudication.timepoint else None
    return CaseRow(
        code=adjudication.blinded_code,
        title=blinding.title_of(adjudication.timepoint, charter) if adjudication.timepoint and charter else "",
        state=adjudication.state,
        triggers=names_of(adjudication),
        decided_at=adjudication.decided_at,
    )


def names_of(adjudication: Adjudication) -> tuple[str, ...]:
    return tuple(dict.fromkeys(trigger["name"] for trigger in adjudication.triggers))


def cases_of(adjudicator: User) -> tuple[tuple[CaseRow, ...], tuple[CaseRow, ...]]:
    """An adjudicator's cases: those to decide, the oldest first; and the decided ones, the latest first."""
    found = selectors.adjudications_of(adjudicator).select_related("timepoint__charter")
    rows = [case_row(a) for a in found.order_by("opened_at", "pk")]
    decided = [row for row in rows if row.state not in UNDECIDED]
    decided.sort(key=lambda row: (row.decided_at is None, row.decided_at), reverse=True)
    return tuple(row for row in rows if row.state in UNDECIDED), tuple(decided)


@dataclass(frozen=True, slots=True)
class LesionCourse:
    """A lesion of one side with its entries by timepoint; None: no entry there."""

    lesion: BlindedLesion
    entries: tuple[BlindedMeasurement | None, ...]


@dataclass(frozen=True, slots=True)
class ComparedRead:
    """Both sides' responses at one timepoint; `differs` marks those that are not the same."""

    title: str
    left: Any
    right: Any
    differs: bool


def compared(case: BlindedAdjudication) -> tuple[ComparedRead, ...]:
    """Set both sides' reads side by side, by timepoint."""
    pairs = zip(case.left.reads, case.right.reads, strict=True)
    return tuple(ComparedRead(a.title, a, b, a.overall != b.overall) for a, b in pairs)


def courses(side: BlindedSide, timepoints: Iterable[BlindedTimepoint]) -> tuple[LesionCourse, ...]:
    """A side's lesions through time."""
    if not side.reads:
        return ()
    by_title = [timepoint.title for timepoint in timepoints]
    rows = []
    for lesion in side.reads[-1].lesions:
        entries = {entry.timepoint: entry for entry in (*lesion.prior, *lesion.present)}
        rows.append(LesionCourse(lesion, tuple(entries.get(title) for title in by_title)))
    return tuple(rows)


# --- what the image stage is told --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the pictures of a page lie, with `SERIES` for the key of a series and `/0/` for a place in it."""

    pixels: str
    rendered: str
    thumbnail: str
    film: str
    marks: str | None = None


def stage(
    role: str,
    addresses: Addresses,
    presets: Iterable[BlindedPreset],
    timepoints: Sequence[tuple[str, Sequence[manifest.Series]]],
    views: Sequence[Mapping[str, Any]],
    tools: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return what the image stage needs to know (`imaging.display.manifest`).

    Parameters
    ----------
    timepoints
        As from `blinding.stacks_shown`.
    views
        Per viewport: `name`, the index of its `timepoint`, and `marks` (see `marks_of`).
    more
        What else a manifest holds: hangings, whether windows are locked, and where links and segments are kept.
    """
    told = manifest.Manifest(
        role=role,
        pixels_url=addresses.pixels,
        frame_url=addresses.rendered,
        thumbnail_url=addresses.thumbnail,
        film_url=addresses.film,
        marks_url=addresses.marks,
        presets=[{"name": p.name, "centre": p.centre, "width": p.width, "unit": p.unit} for p in presets],
        timepoints=timepoints,
        views=views,
        tools=tools,
        **more,
    )
    return told.plain()


def marks_of(lesions: Iterable[BlindedLesion]) -> list[dict[str, Any]]:
    """Return where lesions were measured: series, place in the stack, and the words to show there."""
    return [
        {
            "series": entry.series_key,
            "slice": entry.slice,
            "text": f"{lesion.label} {entry.said}",
        }
        for lesion in lesions
        for entry in (*lesion.prior, *lesion.present)
        if entry.series_key and entry.slice
    ]


def marks_of_replay(measurements: Iterable[ReplayedMeasurement]) -> list[dict[str, Any]]:
    """Return the same of a read that is replayed."""
    return [
        {"series": one.series_key, "slice": one.slice, "text": f"{one.label} {one.said}"}
        for one in measurements
        if one.series_key and one.slice
    ]
