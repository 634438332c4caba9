"""The only way a pixel reaches a reader: as a picture of the read under a key of it, its viewing on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from imaging.display import manifest
from imaging.models import Instance, Series
from imaging.services import displaying, viewing
from reading import selectors
from reading.blinding.cases import is_of_case
from reading.blinding.names import Keys
from reading.blinding.reads import title_of
from reading.blinding.replays import reads_of_replay
from reading.blinding.stacks import named_series, pictures_of, shown_stacks, stacks_of
from reading.models import Adjudication, ReadTask
from reading.states import ReadState
from trials.models import ImagingCharter, Timepoint

_NOT_PART = "This picture is not part of the read. Reload the page."


class NotShown(HouseError):
    """The series, slice or display window asked for is no part of the read."""

    code = "not_shown"
    status = 404


class NotOpen(HouseError):
    """The read cannot be worked on now."""

    code = "read_not_open"
    status = 409


def instance_of(task: ReadTask, instance_key: str, frame: int) -> Instance:
    """Find the instance of the present timepoint that a key of this task stands for.

    Raises
    ------
    NotShown
        No picture of this timepoint has the key, or the instance has no such frame.
    """
    names = Keys(task.timepoint.subject.trial, task.blinded_code)
    for stack in stacks_of(names, task.timepoint, task.charter):
        for picture, (instance, number) in zip(stack.blinded.slices, stack.pictures, strict=True):
            if picture.instance_key == instance_key and number == frame:
                return instance
    raise NotShown("A measurement names a picture that is not part of this read. Reload the page and enter it again.")


@dataclass(frozen=True, slots=True)
class Looked:
    """A read or an adjudicated case at which somebody looks, the keys of it, and what is shown of it."""

    about: ReadTask | Adjudication
    names: Keys
    timepoints: tuple[Timepoint, ...]
    charter: ImagingCharter


@dataclass(frozen=True, slots=True)
class BlindedBytes:
    """Something that a browser may keep: a name of its content that no other read has, and how it is read."""

    tag: str
    read: Callable[[], tuple[bytes, str]]


def look_at_read(task: ReadTask, *, actor: User) -> Looked:
    """Return what a reader may look at in a read: the present timepoint, and the reader's own earlier ones.

    Raises
    ------
    NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    if task.state not in selectors.SHOWN or task.state == ReadState.ASSIGNED:
        raise NotOpen(f"Read {task.blinded_code} is not open. Open it from your list of reads first.")
    timepoints = tuple(t.timepoint for t in (*selectors.own_reads_before(task), task))
    return Looked(task, Keys(task.timepoint.subject.trial, task.blinded_code), timepoints, task.charter)


def look_at_case(adjudication: Adjudication, *, actor: User) -> Looked:
    """Return what an adjudicator may look at in a case: the timepoints both reads were made on.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.adjudicate", adjudication)
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    timepoints = tuple(t for t in subject.timepoints.order_by("order") if is_of_case(t, adjudication))
    return Looked(adjudication, Keys(subject.trial, adjudication.blinded_code), timepoints, charter)


def look_at_replay(task: ReadTask, *, actor: User) -> Looked:
    """Return what the reader of a signed read had before them, under the keys that the reader had.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.replay", task)
    timepoints = tuple(one.timepoint for one in reads_of_replay(task))
    return Looked(task, Keys(task.timepoint.subject.trial, task.blinded_code), timepoints, task.charter)


def stacks_shown(looked: Looked) -> list[tuple[str, list[manifest.Series]]]:
    """Return what a viewer is told: the title of each timepoint and its stacks, in order."""
    return [
        (title_of(timepoint, looked.charter), shown_stacks(looked.names, timepoint, looked.charter))
        for timepoint in looked.timepoints
    ]


def frame_png(looked: Looked, series_key: str, n: int, preset: str, *, actor: User, at: dt.datetime) -> bytes:
    """Return one picture as PNG, in one of the charter's display windows; the viewing is recorded.

    Parameters
    ----------
    series_key
        Key of a series of what is looked at.
    n
        Place in the stack, from 1.
    preset
        Name of one of the charter's window presets.

    Raises
    ------
    NotShown
    """
    window = next((p for p in looked.charter.terms.window_presets if p.name == preset), None)
    if window is None:
        raise NotShown(_NOT_PART)
    series, instance, frame = _picture(looked, series_key, n)
    _record_viewing(looked, series, actor, at)
    return viewing.picture(instance.archive_key, frame - 1, (window.centre, window.width))


def frame_pixels(looked: Looked, series_key: str, n: int, *, actor: User, at: dt.datetime) -> BlindedBytes:
    """Return the values of one picture for a viewer (`imaging.display.frames`); the viewing is recorded.

    Raises
    ------
    NotShown
    """
    series, instance, frame = _picture(looked, series_key, n)
    _record_viewing(looked, series, actor, at)

    def read() -> tuple[bytes, str]:
        shown = displaying.frame_of(instance, displaying.facts_of(series, [instance])[instance.pk], frame)
        return shown.content, shown.content_type

    return BlindedBytes(looked.names.of(f"pixels {instance.sop_instance_uid} {frame}"), read)


def thumbnail(looked: Looked, series_key: str, *, actor: User, at: dt.datetime) -> BlindedBytes:
    """Return a small picture of the middle of a stack, in the charter's first display window, as PNG.

    Raises
    ------
    NotShown
    """
    series = _series(looked, series_key)
    pictures = pictures_of(series)
    if not pictures:
        raise NotShown(_NOT_PART)
    instance, frame = pictures[len(pictures) // 2]
    _record_viewing(looked, series, actor, at)
    preset = looked.charter.terms.window_presets[0]
    window = (preset.centre, preset.width) if series.modality == "CT" else None

    def read() -> tuple[bytes, str]:
        return displaying.thumbnail_of(instance, frame, window), "image/png"

    return BlindedBytes(looked.names.of(f"thumbnail {instance.sop_instance_uid} {frame} {window}"), read)


def _series(looked: Looked, series_key: str) -> Series:
    shown = (row for timepoint in looked.timepoints for row in named_series(looked.names, timepoint, looked.charter))
    series = next((series for _, key, series in shown if key == series_key), None)
    if series is None:
        raise NotShown(_NOT_PART)
    return series


def _picture(looked: Looked, series_key: str, n: int) -> tuple[Series, Instance, int]:
    series = _series(looked, series_key)
    pictures = pictures_of(series)
    if not 1 <= n <= len(pictures):
        raise NotShown(_NOT_PART)
    return series, *pictures[n - 1]


def _record_viewing(looked: Looked, series: Series, actor: User, at: dt.datetime) -> None:
    """Record once per read, series and day (UTC) that somebody looked at a series; never fewer times."""
    about, code = looked.about, looked.names.code
    day = at.astimezone(dt.UTC).date().isoformat()
    seen = {"read": code, "day": day}
    known = AuditEvent.objects.filter(
        action="series.viewed",
        object_type=audit.label_of(series),
        object_id=str(series.pk),
        actor=actor,
        after__read=code,
        after__day=day,
    )
    if known.exists():
        return
    with transaction.atomic():
        # The first pictures of a stack are asked for at once: only one of the requests records.
        type(about)._base_manager.select_for_update().get(pk=about.pk)
        if not known.exists():
            audit.record("series.viewed", series, actor=actor, at=at, after=seen)
