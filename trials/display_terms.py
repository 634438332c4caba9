"""What a charter says of how images are laid out before a reader, and of what the reader may draw on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag, Number, Place, Problem, Text
from trials.terms.records import Rows, term

APPLIES = {"baseline": "the first timepoint", "follow_up": "later timepoints"}
#: Rows and columns of a layout, and how it is said.
LAYOUTS = {
    "1x1": "one picture",
    "1x2": "two side by side",
    "1x3": "three side by side",
    "2x1": "two, one above the other",
    "2x2": "two rows of two",
}
TIMEPOINTS = {
    "present": "the timepoint that is read",
    "previous": "the one before it",
    "baseline": "the first one",
}
PLANES = {
    "stack": "as acquired",
    "axial": "axial",
    "coronal": "coronal",
    "sagittal": "sagittal",
    "mip": "maximum intensity projection, seen from the front",
    "fusion": "in colour, over another series",
}
TOOLS = {
    "length": "length",
    "bidirectional": "longest diameter and the one across it",
    "ellipse": "ellipse",
    "freehand": "freehand region",
    "angle": "angle",
    "point": "point",
    "brush": "brush and threshold, with volume",
}
#: Who may take images into programs that are not ours.
OUTSIDE = {"readers": "readers, the blinded images of their reads", "staff": "QC analysts, coordinators and auditors"}


@dataclass(frozen=True, slots=True)
class HangingCell:
    """One picture of a layout."""

    place: int = term(
        Number(least=1, most=4, whole=True), "Place", "From 1, row by row; a place left out is empty.", required=True
    )
    series: str = term(Text(80), "Series", "As it is called under “Images to acquire”.", required=True)
    timepoint: str = term(Choice(TIMEPOINTS), "Timepoint", default="present")
    plane: str = term(Choice(PLANES), "Plane", default="stack")
    preset: str = term(Text(40), "Window", "One of the display windows; the first one if left out.")
    over: str = term(Text(80), "Over the series", "Of a fusion: what lies beneath, such as the CT.")
    over_preset: str = term(Text(40), "Window beneath", "Of a fusion: the window of what lies beneath.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanging:
    """How a read opens: which series of which timepoints lie where. The reader may change it."""

    name: str = term(Text(40), "Hanging", "As readers see it in the menu.", required=True)
    applies: str = term(Choice(APPLIES), "Applies at", "Every timepoint, if left out.")
    layout: str = term(Choice(LAYOUTS), "Layout", default="1x1")
    linked: bool = term(Flag(), "Pictures scroll together", default=True)
    cells: tuple[HangingCell, ...] = term(
        Rows(HangingCell, "place", "picture", least=1, most=4), "Pictures", required=True
    )

    @property
    def places(self) -> int:
        """How many pictures the layout has room for."""
        rows, columns = map(int, self.layout.split("x"))
        return rows * columns

    def applies_at(self, *, baseline: bool) -> bool:
        """Tell whether a read of the first timepoint, or of a later one, may open so."""
        return self.applies in ("", "baseline" if baseline else "follow_up")


def faults_of_hangings(
    hangings: Sequence[Hanging], labels: Collection[str], presets: Collection[str], place: Place
) -> Iterator[Problem]:
    """Return what hangings name that the charter does not have, and what cannot lie where they put it."""
    for number, hanging in enumerate(hangings, start=1):
        for row, cell in enumerate(hanging.cells, start=1):
            here = (*place, number, "cells", row)
            for name, reason in _faults_of(cell, hanging, labels, presets):
                yield Problem((*here, name), reason)


def _faults_of(
    cell: HangingCell, hanging: Hanging, labels: Collection[str], presets: Collection[str]
) -> Iterator[tuple[str, str]]:
    if cell.place > hanging.places:
        yield "place", f"the layout has room for {LAYOUTS[hanging.layout]} only"
    if cell.series not in labels:
        yield "series", f"“{cell.series}” is none of the images to acquire"
    if hanging.applies == "baseline" and cell.timepoint != "present":
        yield "timepoint", "there is none before the first timepoint"
    for name in ("preset", "over_preset"):
        if (preset := getattr(cell, name)) and preset not in presets:
            yield name, f"“{preset}” is none of the display windows"
    if cell.plane == "fusion" and not cell.over:
        yield "over", "a fusion needs the series that lies beneath"
    elif cell.over and cell.plane != "fusion":
        yield "over", "only a fusion lies over another series"
    elif cell.over and cell.over not in labels:
        yield "over", f"“{cell.over}” is none of the images to acquire"
    elif cell.over and cell.over == cell.series:
        yield "over", "it is the same series"
