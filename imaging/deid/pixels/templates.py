"""Where known devices write into their pictures: a trial's own list, by maker, model, kind and size of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self

from pydicom.dataset import Dataset

from imaging.deid.pixels.networks import Box
from imaging.deid.pixels.regions import Region

#: Instead of rectangles: all that lies outside of the regions which the header describes (PS3.3 §C.8.5.5).
OUTSIDE = "outside ultrasound regions"
#: Templates of a recipe, rectangles of one, and rows or columns of an image, at most.
MOST, MOST_REGIONS, LARGEST = 100, 60, 65535

_ASKED = {"manufacturer": "Manufacturer", "model": "ManufacturerModelName", "modality": "Modality"}
_ASKED |= {"sop_class": "SOPClassUID"}
_PARTS = {"name", *_ASKED, "rows", "columns", "regions", "reason"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}")


class Unusable(ValueError):
    """A template cannot be used as written; the text says what is wrong and what to do."""


class Place(NamedTuple):
    """A rectangle of an image on which a device writes, and the name of the template that says so."""

    template: str
    box: Box


@dataclass(frozen=True)
class Template:
    """Where one device writes.

    Attributes
    ----------
    manufacturer, model, modality, sop_class
        Of the images; what is empty is not asked for. Case and blanks around and between words do not matter.
    rows, columns
        Of the images; 0 is not asked for.
    regions
        Left, top, right, bottom in pixels, right and bottom outside; none stands for `OUTSIDE`.
    reason
        Why these are blanked.
    """

    name: str
    reason: str
    regions: tuple[Box, ...]
    rows: int = 0
    columns: int = 0
    manufacturer: str = ""
    model: str = ""
    modality: str = ""
    sop_class: str = ""

    @classmethod
    def parse(cls, entry: Any) -> Self:
        """Read an entry of a recipe's `pixel_regions`.

        Raises
        ------
        Unusable
        """
        if not isinstance(entry, Mapping) or entry.keys() - _PARTS:
            raise Unusable(f"has other parts than {', '.join(sorted(_PARTS))}. Correct them")
        texts = {name: _text(entry, name) for name in ("name", "reason", *_ASKED)}
        if not _NAME.fullmatch(texts["name"]):
            raise Unusable("needs its name: up to 24 letters, digits, dots, hyphens or underscores. Write one")
        if not texts["reason"]:
            raise Unusable("gives no reason. Write one")
        if not any(texts[name] for name in _ASKED):
            raise Unusable("says nothing of the device. Write manufacturer, model, modality or sop_class")
        rows, columns = (_size(entry, name) for name in ("rows", "columns"))
        if entry.get("regions") == OUTSIDE:
            return cls(regions=(), rows=rows, columns=columns, **texts)
        if not rows or not columns:
            raise Unusable("has rectangles without the size of the image. Write rows and columns")
        return cls(regions=tuple(_boxes(entry.get("regions"), rows, columns)), rows=rows, columns=columns, **texts)

    def plain(self) -> dict[str, Any]:
        """Write it as a recipe holds it."""
        texts = {name: getattr(self, name) for name in ("name", *_ASKED, "rows", "columns") if getattr(self, name)}
        return {**texts, "regions": [list(box) for box in self.regions] or OUTSIDE, "reason": self.reason}

    @property
    def asks(self) -> tuple[str | int, ...]:
        """What it asks of an image; two templates that ask the same are one."""
        return (*(_bare(getattr(self, name)) for name in _ASKED), self.rows, self.columns)

    def boxes(self, dataset: Dataset) -> list[Box]:
        """Rectangles to blank in an image; none where it is not of this device."""
        rows, columns = dataset.get("Rows"), dataset.get("Columns")
        if not (_whole(rows) and _whole(columns)):
            return []
        if (self.rows or rows, self.columns or columns) != (rows, columns):
            return []
        asked = ((getattr(self, name), keyword) for name, keyword in _ASKED.items())
        if not all(_bare(text) == _bare(dataset.get(keyword)) for text, keyword in asked if text):
            return []
        return list(self.regions) or list(_outside(_described(dataset), rows, columns))


def parse_all(entries: Any) -> tuple[Template, ...]:
    """Read a recipe's `pixel_regions`.

    Raises
    ------
    Unusable
        With the place of the entry.
    """
    if not isinstance(entries, list | tuple) or len(entries) > MOST:
        raise Unusable(f"pixel_regions is no list of up to {MOST} templates. Write it as one")
    found: list[Template] = []
    for number, entry in enumerate(entries, start=1):
        try:
            one = Template.parse(entry)
            if any(other.name == one.name for other in found):
                raise Unusable("has the name of another one. Give it its own")
            if same := [other.name for other in found if other.asks == one.asks]:
                raise Unusable(f"is about the same images as {same[0]}. Put their regions together")
        except Unusable as problem:
            raise Unusable(f"pixel_regions[{number}] {problem}") from None
        found.append(one)
    return tuple(found)


def places(templates: Sequence[Template], dataset: Dataset) -> list[Place]:
    """Where the templates that fit an image say that text is."""
    return [Place(one.name, box) for one in templates for box in one.boxes(dataset)]


def device_of(dataset: Dataset) -> tuple[str, str]:
    """Manufacturer and model as an image says them; empty where they are malformed."""
    said = (str(dataset.get(_ASKED[name]) or "").strip() for name in ("manufacturer", "model"))
    manufacturer, model = (text if len(text) <= 64 and text.isprintable() else "" for text in said)
    return manufacturer, model


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name) or ""
    if not isinstance(value, str) or not value.isprintable() or len(value) > 200:
        raise Unusable(f"has a {name} that is no text of one line. Correct it")
    return value.strip()


def _size(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name) or 0
    if not _whole(value) or not 0 <= value <= LARGEST:
        raise Unusable(f"has {name} that are no whole number up to {LARGEST}. Correct them")
    return int(value)


def _boxes(regions: Any, rows: int, columns: int) -> Iterator[Box]:
    if not isinstance(regions, list | tuple) or not 0 < len(regions) <= MOST_REGIONS:
        raise Unusable(f"has no list of 1 to {MOST_REGIONS} rectangles. Write regions")
    for box in regions:
        if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(_whole, box)):
            raise Unusable("has a rectangle that is not left, top, right, bottom. Correct it")
        left, top, right, bottom = box
        if not Region(left, top, right, bottom).is_within(rows, columns, 1):
            raise Unusable(f"has a rectangle that is empty or not within {columns} × {rows} pixels. Correct it")
        if (left, top, right, bottom) == (0, 0, columns, rows):
            raise Unusable("blanks the whole image. Hold or discard such images instead")
        yield left, top, right, bottom


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bare(value: Any) -> str:
    return " ".join(str(value or "").split()).casefold()


def _described(dataset: Dataset) -> list[Box]:
    """The regions that an ultrasound image says it has; the last column and row are part of them."""
    names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    found = []
    for item in dataset.get("SequenceOfUltrasoundRegions") or ():
        corners = [item.get(name) for name in names]
        if all(map(_whole, corners)):
            left, top, right, bottom = corners
            found.append((left, top, right + 1, bottom + 1))
    return found


def _outside(regions: Sequence[Box], rows: int, columns: int) -> Iterator[Box]:
    """All of an image but the regions, as rectangles; nothing where there are none within it."""
    within = [one for one in regions if Region(*one).is_within(rows, columns, 1)]
    if not within or len(within) < len(regions):
        return
    for top, bottom in pairwise(sorted({0, rows, *(edge for one in within for edge in (one[1], one[3]))})):
        at = 0
        for left, _, right, _ in sorted(one for one in within if one[1] <= top and bottom <= one[3]):
            if left > at:
                yield at, top, left, bottom
            at = max(at, right)
        if at < columns:
            yield at, top, columns, bottom
