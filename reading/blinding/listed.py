"""The small pictures by which reads are recognised in their reader's list: of what they are, and who may look."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Q

from compliance import access, audit
from compliance.models import AuditEvent, User
from compliance.standing import Ground
from imaging.models import ImagingStudy, Instance, Series
from imaging.services import displaying
from imaging.states import OriginalState
from reading.blinding.names import Keys
from reading.blinding.pictures import BlindedBytes, Looked, NotOpen, look_at_read, record_viewing, small_picture
from reading.blinding.stacks import in_order
from reading.models import ReadTask
from reading.selectors_qualification import is_open_to
from reading.states import ReadState
from trials.models import Role
from trials.states import QcState

#: States of a read that has a picture in the list, as long as its images are cleared.
_PICTURED = (ReadState.ASSIGNED, ReadState.READING)
#: Pictures that one decision covers; of a longer list the others are decided on one by one.
_AT_ONCE = 200


def glance_at_read(task: ReadTask, *, actor: User, at: dt.datetime) -> Looked:
    """Return what small pictures may show of a read: before it was opened, the scan that opening it would show.

    Raises
    ------
    NotOpen, compliance.access.AccessDenied
    """
    if task.state != ReadState.ASSIGNED:
        return look_at_read(task, actor=actor)
    access.require(actor, "reading.read", task)
    if task.timepoint.qc_state != QcState.CLEARED or not is_open_to(task, at):
        raise NotOpen(f"Read {task.blinded_code} is not open, so nothing of its images is shown.")
    return _glance(task)


def _glance(task: ReadTask) -> Looked:
    return Looked(task, Keys(task.timepoint.subject.trial, task.blinded_code), (task.timepoint,), task.charter)


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """The picture of a read in its reader's list: of a series under a key of the read.

    `of` changes with the images of the series. `stamp` is what its plan rests on (`imaging.services.displaying`).
    """

    task: ReadTask
    series: Series
    series_key: str
    of: str
    stamp: tuple[object, ...]


class ListedPictures:
    """The pictures of a reader's list, decided on together; their looks are recorded when they leave."""

    def __init__(self, tasks: Sequence[ReadTask], *, actor: User, at: dt.datetime) -> None:
        """Take reads of the person's own list that they may open now."""
        self.by_task = {one.task.pk: one for one in _pictured(tasks)}
        self._actor, self._day = actor, at.astimezone(dt.UTC).date().isoformat()
        self._decided = list(self.by_task.values())[:_AT_ONCE]
        self._recorded = self._looks_on_record()

    @property
    def decided(self) -> dict[int, ListedPicture]:
        """Those that `grounds` are about, by the number of their read."""
        return {one.task.pk: one for one in self._decided}

    def grounds(self) -> list[Ground]:
        """Return what the decision rests on that all of them may be seen."""
        pictures = self._decided
        tasks = ReadTask.every.filter(pk__in=[one.task.pk for one in pictures])
        studies = {one.series.imaging_study_id: one.series.imaging_study.timepoint_id for one in pictures}
        moved = reduce(or_, (Q(pk=study) & ~Q(timepoint=timepoint) for study, timepoint in studies.items()), Q(pk=None))
        series = [one.series.pk for one in pictures]
        trials = {one.task.timepoint.subject.trial_id: one.task.timepoint.subject.trial for one in pictures}
        return [
            *(Ground(*access.grant_of(self._actor, [Role.READER.permission], trial)) for trial in trials.values()),
            Ground(
                tasks.filter(
                    ~Q(reader=self._actor) | ~Q(state__in=_PICTURED) | ~Q(timepoint__qc_state=QcState.CLEARED)
                ),
                absent=True,
            ),
            Ground(ImagingStudy.objects.filter(moved), absent=True),
            Ground(Series.objects.filter(pk__in=series, for_reading=False), absent=True),
            Ground(Instance.objects.filter(series__in=series).exclude(stored_state=OriginalState.KEPT), absent=True),
        ]

    def picture(self, listed: ListedPicture, *, at: dt.datetime) -> BlindedBytes:
        """Return one of them; that it was looked at is on record.

        Raises
        ------
        NotShown
        """
        looked, plan = _glance(listed.task), displaying.plan_at(listed.series, listed.stamp)
        shown = small_picture(looked, listed.series, plan)
        key = str(listed.series.pk), listed.task.blinded_code
        if key not in self._recorded:
            record_viewing(looked, listed.series, self._actor, at)
            self._recorded.add(key)
        return shown

    def _looks_on_record(self) -> set[tuple[str, str]]:
        """Series and reads of which it is on record today that this person looked."""
        series = [one.series for one in self._decided]
        if not series:
            return set()
        seen = AuditEvent.objects.filter(
            action="series.viewed",
            object_type=audit.label_of(series[0]),
            object_id__in=[str(one.pk) for one in series],
            actor=self._actor,
            after__day=self._day,
        )
        return set(seen.values_list("object_id", "after__read"))


def _pictured(tasks: Sequence[ReadTask]) -> Iterable[ListedPicture]:
    """The picture of each read that has one: of the first of the charter's series that has images."""
    shown: dict[int, list[Series]] = defaultdict(list)
    for series in displaying.pictured([task.timepoint_id for task in tasks]):
        shown[series.imaging_study.timepoint_id].append(series)
    for task in tasks:
        if task.timepoint_id in shown:
            names = Keys(task.timepoint.subject.trial, task.blinded_code)
            _, key, series = in_order(names, shown[task.timepoint_id], task.charter)[0]
            _, *held = stamp = displaying.stamp_of(series)
            yield ListedPicture(task, series, key, names.of(f"listed {series.pk} {held}")[:16], stamp)
