"""The only way a pixel reaches a reader: as a picture of the read under a key of it, its viewing on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from compliance import access, audit, unchanging
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from compliance.standing import Ground
from imaging.display import manifest
from imaging.models import ImagingStudy, Instance, Series
from imaging.services import displaying, viewing
from reading import derivation, selectors
from reading.blinding.cases import is_of_case
from reading.blinding.names import Keys
from reading.blinding.reads import title_of, title_of_read
from reading.blinding.replays import reads_of_replay
from reading.blinding.stacks import named_series, pictures_of, shown_stacks, stacks_of
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.states import Purpose, ReadState
from trials.charter.records import WindowPreset
from trials.models import ImagingCharter, Role, Timepoint

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
    """A read or a case at which somebody looks, the keys of it, and what is shown of it.

    `grounds` are the rows on which it rests that each timepoint is shown, by the timepoint's number; none where they
    cannot be told.
    """

    about: ReadTask | Adjudication | GlobalReview
    names: Keys
    timepoints: tuple[Timepoint, ...]
    charter: ImagingCharter
    grounds: Mapping[int, Sequence[Ground]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlindedBytes:
    """Something that a browser may keep: a name of its content that no other read has, and how it is read."""

    tag: str
    read: unchanging.Read


@dataclass(frozen=True, slots=True)
class BlindedPictures:
    """The pictures of a series of a read, whose viewing is on record; `grounds` as in `Looked`."""

    names: Keys
    plan: displaying.Plan
    grounds: Sequence[Ground]

    def at(self, n: int) -> BlindedBytes:
        """Return the values of a picture by its place in the stack, from 1.

        Raises
        ------
        NotShown
        """
        place = self._place(n)
        tag = self.names.of(f"pixels {place.sop_instance_uid} {place.frame} {place.kind}")
        return BlindedBytes(tag, lambda: displaying.frame_of(place))

    def values(self, n: int) -> bytes:
        """Return the values of a picture as the archive has them, whatever copies there are; as `at`."""
        return displaying.original_frame_of(self._place(n)).content

    def _place(self, n: int) -> displaying.Place:
        place = self.plan.places[n - 1] if 1 <= n <= len(self.plan.places) else None
        if place is None or not place.kept:
            raise NotShown(_NOT_PART)
        return place


def look_at_read(task: ReadTask, *, actor: User) -> Looked:
    """Return what a reader may look at in a read: the present timepoint, and the reader's own earlier ones.

    Raises
    ------
    NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    if task.state not in selectors.SHOWN or task.state == ReadState.ASSIGNED:
        raise NotOpen(f"Read {task.blinded_code} is not open. Open it from your list of reads first.")
    before, trial = list(selectors.own_reads_before(task)), task.timepoint.subject.trial
    mine = ReadTask.every.filter(pk=task.pk, reader=actor, state=task.state, timepoint=task.timepoint_id)
    roles = [Role.READER, Role.ADJUDICATOR] if task.purpose == Purpose.QUALIFICATION else [Role.READER]
    own = Ground(mine), Ground(*access.grant_of(actor, [one.permission for one in roles], trial))
    grounds: dict[int, Sequence[Ground]] = {task.timepoint_id: own}
    for one in before:
        grounds[one.timepoint_id] = *own, Ground(ReadTask.every.filter(pk=one.pk, state=one.state))
    timepoints = tuple(t.timepoint for t in (*before, task))
    return Looked(task, Keys(trial, task.blinded_code), timepoints, task.charter, grounds)


def look_at_case(adjudication: Adjudication, *, actor: User) -> Looked:
    """Return what those may look at who settle a case: the timepoints both reads were made on.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.meet" if adjudication.is_by_consensus else "reading.adjudicate", adjudication)
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    timepoints = tuple(t for t in subject.timepoints.order_by("order") if is_of_case(t, adjudication))
    return Looked(adjudication, Keys(subject.trial, adjudication.blinded_code), timepoints, charter)


def look_at_review(review: GlobalReview, *, actor: User) -> Looked:
    """Return what a reader may look at in a global review: all own timepoints.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.review", review)
    subject, charter = review.subject, selectors.reading_charter(review.subject)
    assert charter is not None
    own = ReadTask.objects.filter(timepoint__subject=subject, slot=review.slot, state__in=selectors.SIGNED)
    timepoints = tuple(task.timepoint for task in own.select_related("timepoint__subject__trial").order_by("order"))
    return Looked(review, Keys(subject.trial, review.blinded_code), timepoints, charter)


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
    about = looked.about
    if isinstance(about, ReadTask) and derivation.stands_alone(about.charter):
        titles = [title_of_read(about)]
    else:
        titles = [title_of(timepoint, looked.charter) for timepoint in looked.timepoints]
    return [
        (title, shown_stacks(looked.names, timepoint, looked.charter))
        for title, timepoint in zip(titles, looked.timepoints, strict=True)
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
    _, series = _series(looked, series_key)
    stack = pictures_of(series)
    if not 1 <= n <= len(stack):
        raise NotShown(_NOT_PART)
    instance, frame = stack[n - 1]
    record_viewing(looked, series, actor, at)
    return viewing.picture(instance.archive_key, frame - 1, _stored(window, series, instance))


def _stored(window: WindowPreset, series: Series, instance: Instance) -> tuple[float, float] | None:
    """A window in the values of the file; None, for the picture's own, where uptake (SUV) cannot be known of it."""
    if window.unit != "SUV":
        return window.centre, window.width
    factor = displaying.facts_of(series, [instance])[instance.pk]["suv_factor"]
    return (window.centre / factor, window.width / factor) if factor else None


def pictures_shown(looked: Looked, series_key: str, *, actor: User, at: dt.datetime) -> BlindedPictures:
    """Return the pictures of a series for a viewer, as values (`imaging.display.frames`); the viewing is recorded.

    Raises
    ------
    NotShown
    """
    timepoint, series = _series(looked, series_key)
    plan = displaying.plan_of(series)
    record_viewing(looked, series, actor, at)
    grounds: list[Ground] = []
    if timepoint.pk in looked.grounds:
        study = ImagingStudy.objects.filter(pk=series.imaging_study_id, timepoint=timepoint)
        shown = Series.objects.filter(pk=series.pk, for_reading=True, imaging_study=series.imaging_study_id)
        grounds = [*looked.grounds[timepoint.pk], Ground(study), Ground(shown), *displaying.unchanged(series, plan)]
    return BlindedPictures(looked.names, plan, grounds)


def thumbnail(looked: Looked, series_key: str, *, actor: User, at: dt.datetime) -> BlindedBytes:
    """Return a small picture of the middle of a stack as PNG, in the charter's first display window for CT.

    Raises
    ------
    NotShown
    """
    _, series = _series(looked, series_key)
    shown = small_picture(looked, series, displaying.plan_of(series))
    record_viewing(looked, series, actor, at)
    return shown


def small_picture(looked: Looked, series: Series, plan: displaying.Plan) -> BlindedBytes:
    """Return the small picture of a series; whoever gives it away records the look.

    Raises
    ------
    NotShown
    """
    if not plan.kept:
        raise NotShown(_NOT_PART)
    place, window = plan.middle, displaying.first_window(series, looked.charter.terms)
    tag = looked.names.of(f"thumbnail {place.sop_instance_uid} {place.frame} {window}")
    return BlindedBytes(tag, lambda: (displaying.thumbnail_of(series, place, window), "image/png"))


def film(looked: Looked, series_key: str, n: int, *, actor: User, at: dt.datetime) -> tuple[str, displaying.Film]:
    """Return a film of a series by its place in the stack, from 1, after a tag of it as in `BlindedBytes`.

    Raises
    ------
    NotShown, imaging.services.displaying.NotShowable
    """
    _, series = _series(looked, series_key)
    places = displaying.plan_of(series).places
    place = places[n - 1] if 1 <= n <= len(places) else None
    if place is None or not place.kept:
        raise NotShown(_NOT_PART)
    found = displaying.film_of(series, place)
    record_viewing(looked, series, actor, at)
    return looked.names.of(f"film {place.sop_instance_uid}"), found


def _series(looked: Looked, series_key: str) -> tuple[Timepoint, Series]:
    for timepoint in looked.timepoints:
        for _, key, series in named_series(looked.names, timepoint, looked.charter):
            if key == series_key:
                return timepoint, series
    raise NotShown(_NOT_PART)


def record_viewing(looked: Looked, series: Series, actor: User, at: dt.datetime) -> None:
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
