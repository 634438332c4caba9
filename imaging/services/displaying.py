"""Showing archived pictures in a viewer: what is to be known of them, and the bytes of one frame.

What a viewer needs of a header is read once, by a job when a series is archived, or when somebody looks first. Whoever
calls has asked whether the person may look.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet

from compliance import confined, standing, storage
from compliance.errors import HouseError
from imaging.display.facts import Facts, of_uptake
from imaging.display.manifest import UNREADABLE
from imaging.display.suv import Uptake
from imaging.models import Instance, Series, SeriesDisplay
from imaging.services.limits import budget
from imaging.states import OriginalState
from trials.charter import Charter

#: Files that a child reads at once.
_BATCH = 50
#: Seconds that decoding a frame may take.
_PATIENCE = 20

RAW = "application/octet-stream"
log = logging.getLogger(__name__)


class NotShowable(HouseError):
    """The pixels cannot be made a picture."""

    code = "not_showable"
    status = 422


class Frame(NamedTuple):
    """The bytes of a frame and what they are."""

    content: bytes
    content_type: str


def kept_instances(series: Series) -> list[Instance]:
    """Instances of a series whose bytes are in the archive, in the order of the stack."""
    kept = series.instances.filter(stored_state=OriginalState.KEPT)
    return list(kept.order_by("position_mm", "number", "sop_instance_uid"))


def facts_of(series: Series, instances: Sequence[Instance]) -> dict[int, Facts]:
    """Return the facts of instances of a series by their numbers; what is not known yet is read from the archive.

    Uptake is as it was noted of the header that came, which may have said more than the archived one does.
    """
    known = SeriesDisplay.objects.filter(series=series).values_list("pictures", flat=True).first() or {}
    missing = [one for one in instances if str(one.pk) not in known]
    if missing:
        known = _keep(series, _read(missing))
    return {one.pk: _noted(one, known[str(one.pk)] or UNREADABLE) for one in instances}


def _noted(instance: Instance, facts: Facts) -> Facts:
    noted = instance.measured.get("uptake")
    return facts | of_uptake(Uptake.of(noted)) if noted else facts


def _read(instances: Sequence[Instance]) -> dict[str, Facts | None]:
    found: dict[str, Facts | None] = {}
    for start in range(0, len(instances), _BATCH):
        batch = instances[start : start + _BATCH]
        with ExitStack() as files:
            paths = [str(files.enter_context(storage.on_disk(storage.ARCHIVE, one.archive_key))) for one in batch]
            read = _read_files(paths, sum(one.size for one in batch))
        found |= {str(one.pk): facts for one, facts in zip(batch, read, strict=True)}
    return found


def _read_files(paths: list[str], size: int) -> list[Facts | None]:
    """Read files together and, where one of them ends the reader, each for itself."""
    try:
        read: list[Facts | None] = confined.call("imaging.display.facts:facts_of_all", paths, **budget(size))
    except (confined.OverBudget, confined.Failed):
        return [None] if len(paths) == 1 else [one for path in paths for one in _read_files([path], size)]
    return read


def _keep(series: Series, found: dict[str, Facts | None]) -> dict[str, Facts | None]:
    with changed(series) as display:
        display.pictures |= found
    return display.pictures


@contextmanager
def changed(series: Series) -> Iterator[SeriesDisplay]:
    """Change what is known of a series, while nobody else does."""
    with transaction.atomic():
        SeriesDisplay.objects.get_or_create(series=series)
        display = SeriesDisplay.objects.select_for_update().get(series=series)
        yield display
        display.version += 1
        display.save()


@dataclass(frozen=True, slots=True)
class Place:
    """A picture in its stack: one frame (from 1) of an instance, and where its values are to be had.

    `raw` is where they lie in the instance's file just as they leave: begin and length. `copy` is where the copy for
    viewers has them: what they are, its key, begin and length, and their digest.
    """

    instance_id: int
    sop_instance_uid: str
    sha256: str
    archive_key: str
    frame: int
    kept: bool
    raw: tuple[int, int] | None
    copy: Copied | None = None

    @property
    def kind(self) -> str:
        """What its values leave as."""
        return self.copy.content_type if self.copy else RAW


class Copied(NamedTuple):
    """Where the copy for viewers has a frame."""

    content_type: str
    key: str
    begin: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every picture of a series in the order of its stack, as it was under a stamp that changes with the series."""

    stamp: tuple[Any, ...]
    places: tuple[Place, ...]

    @property
    def kept(self) -> tuple[Place, ...]:
        """Those whose bytes are in the archive."""
        return self.places if all(place.kept for place in self.places) else tuple(p for p in self.places if p.kept)

    @property
    def middle(self) -> Place:
        """The one by which the series is recognised; there must be one that is kept."""
        kept = self.kept
        return kept[len(kept) // 2]


#: Plans of the series that this process showed last, by their number.
_plans: OrderedDict[int, Plan] = OrderedDict()
_plans_lock = threading.Lock()
_MOST_PLANS = 200


def plan_of(series: Series) -> Plan:
    """Return the plan of a series; it is made anew where anything of it has changed."""
    return plan_at(series, stamp_of(_stamped(Series.objects.filter(pk=series.pk)).get()))


def plan_at(series: Series, stamp: tuple[Any, ...]) -> Plan:
    """Return the plan of a series whose stamp was seen just now (`stamp_of`); as `plan_of`."""
    with _plans_lock:
        plan = _plans.get(series.pk)
    if plan is not None and plan.stamp == stamp:
        return plan
    instances = list(series.instances.order_by("position_mm", "number", "sop_instance_uid"))
    kept = [one for one in instances if one.stored_state == OriginalState.KEPT]
    facts = facts_of(series, kept)
    stamp = stamp_of(_stamped(Series.objects.filter(pk=series.pk)).get())
    copies = SeriesDisplay.objects.filter(series=series).values_list("copies", flat=True).first() or {}
    plan = Plan(stamp, tuple(_places(instances, facts, copies)))
    with _plans_lock:
        _plans[series.pk] = plan
        while len(_plans) > _MOST_PLANS:
            _plans.popitem(last=False)
    return plan


def pictured(timepoints: Collection[int]) -> list[Series]:
    """Series of timepoints, by their numbers, that readers are shown and that have images still; with their stamps."""
    shown = Series.objects.filter(for_reading=True, imaging_study__timepoint__in=timepoints)
    stamped = _stamped(shown.select_related("imaging_study").order_by("number", "pk"))
    return [series for series in stamped if stamp_of(series)[-1]]


def _stamped(series: QuerySet[Series]) -> QuerySet[Series]:
    return series.annotate(
        _version=F("display__version"),
        _held=Count("instances"),
        _last=Max("instances__pk"),
        # Numbers of rows that were undone are given again; keys of the archive never are.
        _key=Max("instances__archive_key"),
        _kept=Count("instances", filter=Q(instances__stored_state=OriginalState.KEPT)),
    )


def stamp_of(series: Any) -> tuple[Any, ...]:
    """Return the stamp of a series out of `pictured`: what is known for showing it, and of how many images."""
    return series._version, series._held, series._last, series._key, series._kept


def _places(instances: Sequence[Instance], facts: Mapping[int, Facts], copies: Mapping[str, Any]) -> Iterator[Place]:
    for one in instances:
        kept, raw, copy = one.pk in facts, facts.get(one.pk, UNREADABLE)["raw"], copies.get(str(one.pk))
        for frame in range(1, one.pictures + 1):
            yield Place(
                instance_id=one.pk,
                sop_instance_uid=one.sop_instance_uid,
                sha256=one.sha256,
                archive_key=one.archive_key,
                frame=frame,
                kept=kept,
                raw=(raw[0] + (frame - 1) * raw[1], raw[1]) if raw else None,
                copy=Copied(copy["type"], key_of(one), *copy["frames"][frame - 1]) if copy else None,
            )


def key_of(instance: Instance) -> str:
    """Return where the copy of an instance for viewers lies."""
    return f"{instance.series_id}/{instance.pk}"


def unchanged(series: Series, plan: Plan) -> list[standing.Ground]:
    """Return what a plan rests on: the series holds what it held."""
    last = plan.stamp[2] or 0
    other = Q(pk__gt=last) | ~Q(stored_state=OriginalState.KEPT)
    return [
        standing.Ground(SeriesDisplay.objects.filter(pk=series.pk, version=plan.stamp[0])),
        standing.Ground(series.instances.filter(other), absent=True),
    ]


def frame_of(place: Place) -> Frame:
    """Return a picture as a viewer gets it (`imaging.display.frames`): of the copy if there is one.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It cannot be shown.
    """
    if place.copy:
        try:
            content = storage.read(storage.DISPLAY, place.copy.key, place.copy.begin, place.copy.length)
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() == place.copy.sha256:
            return Frame(content, place.copy.content_type)
        log.error("the display copy of instance %s is not what was written; the archive is read", place.instance_id)
    return original_frame_of(place)


def original_frame_of(place: Place) -> Frame:
    """Return a picture as a viewer gets it, from the archive.

    What lies in the file just so is taken from there; anything else is decoded in a child process.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It cannot be shown.
    """
    if place.raw:
        return Frame(storage.read(storage.ARCHIVE, place.archive_key, *place.raw), RAW)
    try:
        with storage.on_disk(storage.ARCHIVE, place.archive_key) as path:
            content = confined.call("imaging.display.frames:frame_bytes", str(path), place.frame - 1, seconds=_PATIENCE)
    except confined.Failed as problem:
        raise NotShowable("The picture cannot be shown. Tell the trial administrator in which series it lies.") from (
            problem
        )
    return Frame(content, RAW)


@dataclass(frozen=True, slots=True)
class Film:
    """Where the bytes of a film lie in the archive, and what they are."""

    archive_key: str
    begin: int
    length: int
    content_type: str

    def read(self, begin: int, end: int) -> bytes:
        """Return a part of it."""
        return storage.read(storage.ARCHIVE, self.archive_key, self.begin + begin, end - begin)


def film_of(series: Series, place: Place) -> Film:
    """Return the film that lies at a place of a series.

    Raises
    ------
    NotShowable
        There is a picture.
    """
    told = facts_of(series, list(series.instances.filter(pk=place.instance_id)))[place.instance_id].get("film")
    if not told:
        raise NotShowable("This is a picture and no film. Reload the page.")
    return Film(place.archive_key, told["begin"], told["length"], told["type"])


def first_window(series: Series, terms: Charter) -> tuple[float, float] | None:
    """Return the charter's first display window for CT; other pictures are shown in their own."""
    if series.modality != "CT":
        return None
    return terms.window_presets[0].centre, terms.window_presets[0].width


def thumbnail_of(series: Series, place: Place, window: tuple[float, float] | None) -> bytes:
    """Return a picture of a series as a small PNG, in a window or its own; it is made once and kept.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It cannot be shown.
    """
    of = f"{place.instance_id} {place.frame} {window}"
    kept = SeriesDisplay.objects.filter(series=series, thumbnail_of=of).values_list("thumbnail", flat=True).first()
    if kept:
        return bytes(kept)
    with storage.on_disk(storage.ARCHIVE, place.archive_key) as path:
        png: bytes = confined.call(
            "imaging.display.thumbnails:thumbnail", str(path), place.frame - 1, window, seconds=_PATIENCE
        )
    with transaction.atomic():
        SeriesDisplay.objects.get_or_create(series=series)
        display = SeriesDisplay.objects.select_for_update().get(series=series)
        display.thumbnail, display.thumbnail_of = png, of
        display.save()
    return png
