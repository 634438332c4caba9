"""A figure as a file: a drawing, a picture, or the numbers that it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compliance import printing
from compliance.errors import HouseError

#: Forms of a figure, and their media types.
KINDS = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}


class NoSuchFigure(HouseError):
    """There is no figure of this name, or it is not made in this kind of file."""

    code = "no_such_figure"
    status = 404


@dataclass(frozen=True, slots=True)
class FigureFile:
    """A figure, or its numbers, as a file."""

    content: bytes
    media_type: str


def as_file(kind: str, draw: Callable[[], str], numbers: Callable[[], str]) -> FigureFile:
    """Return one of `KINDS` of a figure.

    Raises
    ------
    compliance.printing.PrintNotPossible
    """
    if kind == "csv":
        return FigureFile(numbers().encode("utf-8-sig"), f"{KINDS[kind]}; charset=utf-8")
    svg = draw()
    return FigureFile(svg.encode() if kind == "svg" else printing.png(svg), KINDS[kind])
