"""Copies of archived pictures for viewers: made in the background, deleted with the images, never the record.

A frame that decodes slowly, or is long, comes quicker from a copy: losslessly compressed where the machine can do that,
else decoded. Each frame of a copy was decoded once and compared, and its digest is looked at whenever it leaves.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from compliance import confined, jobs, storage
from compliance.errors import HouseError
from imaging.display import htj2k
from imaging.display.facts import Facts
from imaging.display.frames import dtype_of
from imaging.models import Instance, Series, SeriesDisplay
from imaging.services import displaying
from imaging.services.displaying import RAW, Place
from imaging.states import OriginalState

log = logging.getLogger(__name__)

PREPARE = "imaging.prepare_display"
#: A series is prepared when nothing more of it came for so long.
QUIET = dt.timedelta(seconds=20)
#: Frames that are copied in one step, so that no worker is away for long; and series that a sweep asks for.
_FRAMES, _AT_ONCE = 100, 50


@jobs.handler(PREPARE)
def prepare(*, series_id: int, at: dt.datetime) -> None:
    """Make ready what showing a series needs: its facts, its thumbnail, and step by step its copies."""
    series = Series.objects.select_related("imaging_study__timepoint__charter").get(pk=series_id)
    plan = displaying.plan_of(series)
    if not plan.kept:
        return
    window = displaying.first_window(series, series.imaging_study.timepoint.charter.terms)
    try:
        displaying.thumbnail_of(series, plan.middle, window)
    except (HouseError, confined.Failed) as problem:
        log.warning("series %s has no thumbnail: %s", series.pk, type(problem).__name__)
    if _copy(series, plan.kept):
        jobs.enqueue(PREPARE, str(series.pk), at=at, series_id=series.pk)
        return
    display = SeriesDisplay.objects.get(series=series)
    display.prepared_to = max(place.instance_id for place in plan.kept)
    display.save(update_fields=["prepared_to"])


def sweep(*, at: dt.datetime) -> None:
    """Have series prepared of which something was archived since they were last, the newest first."""
    shown = Instance.objects.filter(series=OuterRef("pk"), stored_state=OriginalState.KEPT, frames__gt=0)
    new = shown.filter(pk__gt=Coalesce(OuterRef("display__prepared_to"), 0))
    arriving = shown.filter(received__received_at__gt=at - QUIET)
    due = Series.objects.filter(Exists(new), ~Exists(arriving)).order_by("-pk")
    for series in due[:_AT_ONCE]:
        jobs.enqueue(PREPARE, str(series.pk), at=at, series_id=series.pk)


def remove(instances: Sequence[Instance]) -> None:
    """Take away the copies of instances, and all that is known for showing their series."""
    storage.remove(storage.DISPLAY, [displaying.key_of(one) for one in instances])
    for display in SeriesDisplay.objects.filter(series__in={one.series_id for one in instances}):
        display.delete()


def _copy(series: Series, places: Sequence[Place]) -> bool:
    """Copy some instances that have no copy yet; tell whether there are more."""
    known = SeriesDisplay.objects.get(series=series)
    left = [
        list(frames)
        for instance, frames in groupby(places, key=lambda place: place.instance_id)
        if str(instance) not in known.copies
    ]
    made: dict[str, Any] = {}
    copied = 0
    for frames in left:
        if copied >= _FRAMES:
            break
        made[str(frames[0].instance_id)] = _copied(series, frames, known.pictures[str(frames[0].instance_id)])
        copied += len(frames)
    if made:
        with displaying.changed(series) as display:
            display.copies |= made
    return len(made) < len(left)


def _copied(series: Series, frames: Sequence[Place], facts: Facts | None) -> dict[str, Any] | None:
    """Write the copy of an instance; None where the archive serves as well."""
    if facts is None or facts.get("film"):
        return None
    try:
        coded = [_encoded(displaying.original_frame_of(place).content, facts) for place in frames]
        content_type = htj2k.MEDIA_TYPE
    except htj2k.NotEncoded:
        if frames[0].raw:
            return None
        content_type = RAW
        coded = [displaying.original_frame_of(place).content for place in frames]
    except (HouseError, confined.Failed) as problem:
        log.warning("instance %s has no display copy: %s", frames[0].instance_id, type(problem).__name__)
        return None
    key, begin, places = f"{series.pk}/{frames[0].instance_id}", 0, []
    for content in coded:
        places.append([begin, len(content), hashlib.sha256(content).hexdigest()])
        begin += len(content)
    storage.remove(storage.DISPLAY, [key])  # what a worker left that was killed
    sha256 = storage.put(storage.DISPLAY, key, b"".join(coded))
    return {"type": content_type, "sha256": sha256, "frames": places}


def _encoded(content: bytes, facts: Facts) -> bytes:
    shape = [facts["rows"], facts["columns"], *([3] if facts["samples"] == 3 else [])]
    return htj2k.encode(np.frombuffer(content, dtype_of(facts)).reshape(shape))
