"""The only way a pixel reaches a reader: as a windowed picture of the read, its viewing on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from imaging.models import Instance, Series
from imaging.services import viewing
from reading import selectors
from reading.blinding.cases import is_of_case
from reading.blinding.names import Keys
from reading.blinding.stacks import named_series, pictures_of, stacks_of
from reading.models import Adjudication, ReadTask
from reading.states import ReadState
from trials.models import ImagingCharter, Timepoint


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


def frame_png(task: ReadTask, series_key: str, n: int, preset: str, *, actor: User, at: dt.datetime) -> bytes:
    """Return one picture of a read as PNG, in one of the charter's display windows; the viewing is recorded.

    Parameters
    ----------
    series_key
        Key of a series of the present timepoint, or of the reader's own earlier ones.
    n
        Place in the stack, from 1.
    preset
        Name of one of the charter's window presets.

    Raises
    ------
    NotShown, NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    if task.state not in selectors.SHOWN or task.state == ReadState.ASSIGNED:
        raise NotOpen(f"Read {task.blinded_code} is not open. Open it from your list of reads first.")
    timepoints = [t.timepoint for t in (task, *selectors.own_reads_before(task))]
    names = Keys(task.timepoint.subject.trial, task.blinded_code)
    return _picture(task, names, timepoints, task.charter, series_key, n, preset, actor, at)


def adjudication_frame_png(
    adjudication: Adjudication, series_key: str, n: int, preset: str, *, actor: User, at: dt.datetime
) -> bytes:
    """Return one picture of an adjudicated case as PNG; as `frame_png`."""
    access.require(actor, "reading.adjudicate", adjudication)
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    timepoints = [t for t in subject.timepoints.order_by("-order") if is_of_case(t, adjudication)]
    names = Keys(subject.trial, adjudication.blinded_code)
    return _picture(adjudication, names, timepoints, charter, series_key, n, preset, actor, at)


def _picture(
    about: ReadTask | Adjudication,
    names: Keys,
    timepoints: Iterable[Timepoint],
    charter: ImagingCharter,
    series_key: str,
    n: int,
    preset: str,
    actor: User,
    at: dt.datetime,
) -> bytes:
    window = next((p for p in charter.terms.window_presets if p.name == preset), None)
    shown = (row for timepoint in timepoints for row in named_series(names, timepoint, charter))
    series = next((series for _, key, series in shown if key == series_key), None)
    pictures = pictures_of(series) if series else ()
    if window is None or series is None or not 1 <= n <= len(pictures):
        raise NotShown("This picture is not part of the read. Reload the page.")
    instance, frame = pictures[n - 1]
    _record_viewing(about, series, names.code, actor, at)
    return viewing.picture(instance.archive_key, frame - 1, (window.centre, window.width))


def _record_viewing(about: ReadTask | Adjudication, series: Series, code: str, actor: User, at: dt.datetime) -> None:
    """Record once per read, series and day (UTC) that somebody looked at a series; never fewer times."""
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
