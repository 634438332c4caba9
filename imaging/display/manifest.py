"""What a viewer is told of the pictures that it shows: one shape, whoever looks at them, and nothing else of a header.

Keys, labels and addresses come from whoever builds it, as they depend on who is to know what. Lengths are in mm,
coordinates in patient LPS.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from imaging.display.facts import Facts, place_of

#: What a frame is like; a picture that is not like the first of its series says so itself.
_LIKE = ("rows", "columns", "samples", "bits", "signed", "float", "photometric", "spacing", "orientation")
#: Of an instance whose file cannot be read, so that its place in the stack is kept.
UNREADABLE: Facts = {
    "rows": 0,
    "columns": 0,
    "samples": 1,
    "bits": 16,
    "signed": False,
    "float": False,
    "photometric": "MONOCHROME2",
    "unit": "",
    "suv_factor": None,
    "suv_reason": "",
    "suv_in_header": False,
    "spacing": None,
    "orientation": None,
    "space": "",
    "cine_ms": None,
    "window": None,
    "places": [[None, 1.0, 0.0]],
    "raw": None,
    "film": None,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame (from 1) of an instance, under the key by which the instance is known here.

    `offset_mm` is how far it lies behind the first of its stack where its facts do not place it.
    """

    instance: str
    frame: int
    facts: Facts
    offset_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A stack of pictures in order; `named` makes an opaque key of a frame of reference."""

    key: str
    label: str
    modality: str
    interval_mm: float | None
    pictures: Sequence[Picture]
    named: Callable[[str], str]
    window_shown: bool = False

    def plain(self) -> dict[str, Any]:
        """Write it as plain values."""
        first = self.pictures[0].facts if self.pictures else UNREADABLE
        factors = [picture.facts["suv_factor"] for picture in self.pictures]
        factor = factors[0] if factors else None
        if factor is not None and not all(f is not None and math.isclose(f, factor, rel_tol=1e-6) for f in factors):
            factor = None
        slices = [self._slice(picture, first) for picture in self.pictures]
        units = {picture.facts["unit"] for picture in self.pictures}
        return {
            "key": self.key,
            "label": self.label,
            "modality": self.modality,
            **{name: first[name] for name in _LIKE},
            "unit": units.pop() if len(units) == 1 else "",
            "suv_factor": factor,
            "suv_reason": self._reason(factor),
            # Facts that are older than these two know of headers alone.
            "suv_in_header": all(picture.facts.get("suv_in_header", True) for picture in self.pictures),
            "interval": _interval(slices) if self.interval_mm is None else self.interval_mm,
            "space": self.named(first["space"]) if first["space"] else "",
            "cine_ms": first["cine_ms"],
            "window": first["window"] if self.window_shown else None,
            "slices": slices,
            "film": self.is_film,
        }

    @property
    def is_film(self) -> bool:
        """Whether it holds films, which no viewport of pictures shows."""
        return any(picture.facts.get("film") for picture in self.pictures)

    def films(self, title: str, url: str) -> list[Film]:
        """Return its films, with addresses made of one that holds `SERIES` and `/0/`."""
        return [
            Film.of(title, self.label, url.replace("SERIES", self.key).replace("/0/", f"/{n}/"), picture.facts)
            for n, picture in enumerate(self.pictures, 1)
            if picture.facts.get("film")
        ]

    def _reason(self, factor: float | None) -> str:
        """Why the series has no SUV; empty where it has, or is no PET."""
        if factor is not None or not self.pictures:
            return ""
        told = {(one.facts["suv_factor"], one.facts.get("suv_reason", "")) for one in self.pictures}
        return next(iter(told))[1] if len(told) == 1 else "its pictures have no factor in common"

    def _slice(self, picture: Picture, first: Facts) -> list[Any]:
        position, slope, intercept = place_of(picture.facts, picture.frame)
        offset = self._offset(position, first)
        offset = picture.offset_mm if offset is None else offset
        told: list[Any] = [picture.instance, picture.frame, offset, position, slope, intercept]
        other = {name: picture.facts[name] for name in _LIKE if picture.facts[name] != first[name]}
        return [*told, other] if other else told

    def _offset(self, position: list[float] | None, first: Facts) -> float | None:
        """How far a picture lies behind the first along the first one's normal."""
        start, axes = place_of(first, self.pictures[0].frame)[0], first["orientation"]
        if position is None or start is None or axes is None:
            return None
        (a, b, c), (d, e, f) = axes[:3], axes[3:]
        normal = b * f - c * e, c * d - a * f, a * e - b * d
        return round(math.fsum((p - s) * n for p, s, n in zip(position, start, normal, strict=True)), 3)


def _interval(slices: Sequence[Sequence[Any]]) -> float | None:
    """The usual distance from slice to slice."""
    offsets = sorted({offset for _, _, offset, *_ in slices if offset is not None})
    return round(median(b - a for a, b in pairwise(offsets)), 3) if len(offsets) > 1 else None


#: Header and film tell the same pace within a hundredth: headers round it.
_SAME_PACE = 0.01


@dataclass(frozen=True, slots=True)
class Film:
    """A film, beside the stacks of pictures: at which timepoint, where its bytes are had, and what they are.

    `frame_ms` is by the film, `told_ms` by the header; `steady`: each of its frames stands as long as the others.
    """

    title: str
    label: str
    url: str
    content_type: str
    rows: int
    columns: int
    frames: int
    frame_ms: float
    told_ms: float | None
    steady: bool

    @classmethod
    def of(cls, title: str, label: str, url: str, facts: Facts) -> Film:
        """Make it of the facts of a film."""
        film = facts["film"]
        size = facts["rows"], facts["columns"]
        told = facts["cine_ms"], film["steady"]
        return cls(title, label, url, film["type"], *size, film["frames"], film["frame_ms"], *told)

    @property
    def seconds(self) -> float:
        """How long what is seen took, by the header where it says so."""
        return self.frames * (self.told_ms or self.frame_ms) / 1000

    @property
    def per_second(self) -> float:
        """How many frames a second has, by the header where it says so."""
        return 1000 / (self.told_ms or self.frame_ms)

    @property
    def played(self) -> float | None:
        """How many frames a second has as the film is played, where the header says that it was taken otherwise."""
        differs = self.told_ms and abs(self.told_ms - self.frame_ms) > _SAME_PACE * self.frame_ms
        return 1000 / self.frame_ms if differs else None

    def plain(self) -> dict[str, Any]:
        """Write it as plain values."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "seconds": round(self.seconds, 2),
            "per_second": round(self.per_second, 2),
            "played": None if self.played is None else round(self.played, 2),
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a viewer is told when a page opens. Addresses hold `SERIES` and `/0/`, into which the page puts its own.

    Attributes
    ----------
    role
        ``reader``, ``adjudicator``, ``qc``, ``site`` or ``auditor``.
    tools
        What may be drawn; none: pictures are looked at.
    timepoints
        Title and series of each, in order.
    hangings
        How the pictures may be laid out, as the charter says; the viewer opens in the first.
    views
        Viewports of the page: `name`, the index of its `timepoint`, and its `marks`.
    """

    role: str
    pixels_url: str
    frame_url: str
    thumbnail_url: str
    presets: Sequence[Mapping[str, Any]]
    timepoints: Sequence[tuple[str, Sequence[Series]]]
    windows_locked: bool = True
    tools: Sequence[str] = ()
    hangings: Sequence[Mapping[str, Any]] = ()
    views: Sequence[Mapping[str, Any]] = ()
    marks_url: str | None = None
    links_url: str | None = None
    segments_url: str | None = None
    film_url: str = ""

    def plain(self) -> dict[str, Any]:
        """Write it as plain values, for a page to carry as JSON.

        A browser keeps what it got from an address, so the addresses change with what the stacks hold.
        """
        timepoints: list[dict[str, Any]] = [
            {"title": title, "series": [one.plain() for one in series if not one.is_film]}
            for title, series in self.timepoints
        ]
        held = hashlib.sha256(json.dumps(timepoints).encode()).hexdigest()[:16]
        return {
            "role": self.role,
            "pixels_url": f"{self.pixels_url}?of={held}",
            "frame_url": self.frame_url,
            "thumbnail_url": f"{self.thumbnail_url}?of={held}",
            "marks_url": self.marks_url,
            "links_url": self.links_url,
            "segments_url": self.segments_url,
            "presets": [dict(preset) for preset in self.presets],
            "windows_locked": self.windows_locked,
            "tools": list(self.tools),
            "hanging": dict(self.hangings[0]) if self.hangings else None,
            "hangings": [dict(one) for one in self.hangings],
            "timepoints": timepoints,
            "views": list(self.views),
            "pictured": any(one["series"] for one in timepoints),
            "films": [
                film.plain()
                for title, series in self.timepoints
                for one in series
                for film in one.films(title, self.film_url)
            ],
        }
