"""Marking: what a reader draws on the pictures is measured here and kept, version by version."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from compliance import audit, confined, storage
from compliance.errors import HouseError
from compliance.models import User
from imaging.dicom.geometry import Plane
from imaging.display.facts import Facts, plane_in
from imaging.models import Instance
from imaging.services import displaying
from reading import blinding, selectors
from reading.measuring import Measured, Tool, beyond_edge, measure, outside_by
from reading.models import Mark, MarkVersion, ReadTask
from reading.services.entries import MarkEntry
from reading.services.working import drawing_in, require_hand

#: A mark lies on its slice: within what arithmetic in a browser loses, mm.
ON_PLANE_MM = 0.1
#: A hand may end a line a little beyond the last pixel.
BEYOND_EDGE_PIXELS = 2.0
#: Length of what a page may say of its view, as JSON.
LARGEST_VIEW = 4000
#: Seconds that decoding a frame may take.
_PATIENCE = 20


class StaleMark(HouseError):
    """The mark was changed elsewhere since; `stored` is what stands."""

    code = "stale_mark"
    status = 409

    def __init__(self, stored: MarkVersion | None) -> None:
        super().__init__(
            "The mark was changed in another window since, so yours was not stored. Choose which one shall stand."
            if stored
            else "The mark is not known here, so no change to it was stored. Draw it again."
        )
        self.stored = stored


class InvalidMark(HouseError):
    """What was drawn cannot be a mark of this picture."""

    code = "invalid_mark"
    status = 422


def put_mark(
    *, task: ReadTask, key: UUID, expected: int | None, entry: MarkEntry, actor: User, at: dt.datetime
) -> MarkVersion:
    """Store what a reader drew as a new version of a mark; its size is computed from its points.

    A request that says what stands already is taken as one sent twice, and changes nothing.

    Parameters
    ----------
    expected
        The version that the page started from; None for a mark that is new.

    Raises
    ------
    StaleMark
        Another version stands.
    reading.services.working.ReadLocked
        The read is signed.
    InvalidMark, reading.measuring.NotMeasured
        The points cannot be those of such a mark on this picture.
    reading.blinding.NotShown
        The picture is not part of this timepoint.
    reading.blinding.NotOpen, compliance.access.AccessDenied
    compliance.confined.NotRead, compliance.confined.Refused
        The picture cannot be read, so that its values are not known.
    """
    require_hand(task, actor)
    instance = blinding.instance_of(task, entry.instance, entry.frame)
    # Before any row is locked: a picture may have to be read.
    found = _measured(entry, instance)
    drawn = MarkVersion(
        tool=entry.tool,
        instance=instance,
        frame=entry.frame,
        points=[[round(value, 4) for value in point] for point in entry.points],
        view=_plain(entry.view),
        software=entry.software[:80],
        measured=found,
    )
    return _add(task, key, expected, drawn, actor, at)


def remove_mark(*, task: ReadTask, key: UUID, expected: int | None, actor: User, at: dt.datetime) -> MarkVersion:
    """Say that a mark does not stand any more; its versions are kept.

    Raises
    ------
    StaleMark, ReadLocked, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    require_hand(task, actor)
    last = selectors.mark_of(task, key)
    if last is None:
        raise StaleMark(None)
    drawn = MarkVersion(
        tool=last.tool,
        instance=last.instance,
        frame=last.frame,
        points=last.points,
        view=last.view,
        software=last.software,
        measured=last.measured,
        removed=True,
    )
    return _add(task, key, expected, drawn, actor, at)


def _add(
    task: ReadTask, key: UUID, expected: int | None, drawn: MarkVersion, actor: User, at: dt.datetime
) -> MarkVersion:
    with drawing_in(task) as row:
        last = selectors.mark_of(row, key)
        if last is not None and _same(last, drawn):
            return last
        if expected != (last.number if last else None):
            raise StaleMark(last)
        mark = (
            last.mark
            if last
            else audit.save(Mark(task=row, key=key, drawn_at=at), action="mark.drawn", actor=actor, at=at)
        )
        drawn.mark, drawn.number, drawn.made_at = mark, (last.number if last else 0) + 1, at
        action = "mark.removed" if drawn.removed else "mark.changed" if last else "mark.measured"
        return audit.save(drawn, action=action, actor=actor, at=at)


def _same(last: MarkVersion, drawn: MarkVersion) -> bool:
    """Whether two versions say the same; a removed mark is that whatever it looked like."""
    if last.removed and drawn.removed:
        return True
    told = ("tool", "instance_id", "frame", "points", "view", "removed")
    return all(getattr(last, name) == getattr(drawn, name) for name in told)


def _plain(view: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(view, allow_nan=False)
    except (TypeError, ValueError):
        raise InvalidMark("What the page says of its view is no plain JSON. Reload the page.") from None
    if len(text) > LARGEST_VIEW:
        raise InvalidMark("What the page says of its view is too long. Reload the page.")
    return dict(json.loads(text))


def _measured(entry: MarkEntry, instance: Instance) -> dict[str, Any]:
    """Return what a mark measures: sizes from its points, and of a region the values of the pixels inside."""
    if entry.tool not in set(Tool):
        raise InvalidMark("This kind of mark is not known. Reload the page.")
    facts = displaying.facts_of(instance.series, [instance])[instance.pk]
    tool, plane = Tool(entry.tool), plane_in(facts, entry.frame)
    dimensions = {len(point) for point in entry.points}
    if dimensions != {3 if plane else 2} or not all(math.isfinite(v) for point in entry.points for v in point):
        wanted = "three coordinates in the patient" if plane else "a column and a row of the picture"
        raise InvalidMark(f"Each point of a mark on this picture has {wanted}. Draw it again.")
    found = measure(tool, entry.points)
    pixels = _on_picture(entry, instance, plane)
    sizes = found.in_mm() if plane else Measured(angle_deg=found.angle_deg if tool is Tool.ANGLE else None).in_mm()
    return {**sizes, **(_values(instance, facts, entry.frame, tool, pixels) if tool.is_region else {})}


def _on_picture(entry: MarkEntry, instance: Instance, plane: Plane | None) -> list[list[float]]:
    """Return the points in pixels of the picture, on which they must lie."""
    if plane is None:
        pixels = [list(point) for point in entry.points]
        beyond = beyond_edge(pixels, instance.rows, instance.columns)
    else:
        off, beyond = outside_by(entry.points, plane)
        if off > ON_PLANE_MM:
            raise InvalidMark("The mark does not lie on the slice that it names. Draw it on a slice, and not across.")
        pixels = plane.to_pixels(entry.points).tolist()
    if beyond > BEYOND_EDGE_PIXELS:
        raise InvalidMark("The mark lies beyond the edge of its picture. Draw it inside.")
    return pixels


def _values(instance: Instance, facts: Facts, frame: int, tool: Tool, pixels: list[list[float]]) -> dict[str, Any]:
    """Values inside a region, of PET as SUV where the factor is known."""
    with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path:
        found = confined.call(
            "reading.measuring.regions:of_file", str(path), frame - 1, str(tool), pixels, seconds=_PATIENCE
        )
    if found is None:
        return {}
    _, mean, sd, least, most = found
    values, factor = {"mean": mean, "sd": sd, "min": least, "max": most}, facts["suv_factor"]
    told = {name: round(value * (factor or 1), 3) for name, value in values.items() if value is not None}
    return {**told, "unit": "SUVbw" if factor else facts["unit"]}
