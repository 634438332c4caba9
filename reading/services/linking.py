"""Linking: how a reader sets the stacks of a read against each other is kept, version by version."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from compliance import audit
from compliance.errors import HouseError
from compliance.models import User
from reading.blinding.shown import series_of
from reading.models import LinkVersion, ReadTask
from reading.models.link import links_of
from reading.services.working import drawing_in, require_hand

#: Pairs of series that may be linked, and how far apart two places of one patient may lie (mm, or slices).
MOST_LINKS, FURTHEST = 60, 5000.0


class StaleLinks(HouseError):
    """The links were changed elsewhere since; `stored` is what stands."""

    code = "stale_links"
    status = 409

    def __init__(self, stored: LinkVersion | None) -> None:
        super().__init__("The stacks were linked in another window since, so these links were not stored.")
        self.stored = stored


class InvalidLink(HouseError):
    """A link does not lead from one series of the read to another."""

    code = "invalid_link"
    status = 422


def put_links(
    *, task: ReadTask, expected: int | None, links: Sequence[Mapping[str, Any]], actor: User, at: dt.datetime
) -> LinkVersion:
    """Store how the stacks of a read are linked, as a whole; each version is kept.

    Parameters
    ----------
    expected
        The version that the page started from; None or 0 where nothing was linked.
    links
        For each pair of series `from`, `to` (keys of the read), and `offset` (three mm, LPS) or `steps` (slices).

    Raises
    ------
    StaleLinks, InvalidLink
    reading.services.working.ReadLocked
        The read is signed.
    reading.blinding.NotShown, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    require_hand(task, actor)
    told = _checked(task, links)
    with drawing_in(task) as row:
        last = links_of(row)
        if last is not None and last.links == told:
            return last
        if (expected or 0) != (last.number if last else 0):
            raise StaleLinks(last)
        version = LinkVersion(task=row, number=(last.number if last else 0) + 1, links=told, made_at=at)
        return audit.save(version, action="links.changed", actor=actor, at=at)


def _checked(task: ReadTask, links: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if len(links) > MOST_LINKS:
        raise InvalidLink("These are more links than the read has stacks. Reload the page.")
    told, pairs = [], set()
    for link in links:
        ends = [series_of(task, str(link.get(end, "")), earlier=True).series_instance_uid for end in ("from", "to")]
        pairs.add(frozenset(ends))
        told.append({"from": ends[0], "to": ends[1], **_leads(link)})
    if len(pairs) != len(told) or any(len(pair) != 2 for pair in pairs):
        raise InvalidLink("A link joins two stacks, and two stacks have one link. Reload the page.")
    return told


def _leads(link: Mapping[str, Any]) -> dict[str, Any]:
    offset, steps = link.get("offset"), link.get("steps")
    if isinstance(offset, list) and len(offset) == 3 and steps is None and all(map(_is_near, offset)):
        return {"offset": [round(float(value), 3) for value in offset]}
    if offset is None and isinstance(steps, int) and _is_near(steps):
        return {"steps": steps}
    raise InvalidLink("A link says by how many millimetres in three directions, or by how many slices, it leads on.")


def _is_near(value: object) -> bool:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and math.isfinite(value) and abs(value) <= FURTHEST  # type: ignore[arg-type]
