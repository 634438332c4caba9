"""A reader's own figures: how much, when and how long they read. Nothing of another person, and no case's result.

How a reader agrees with others is not among them, at no time. As long as a trial is read, a count of agreement that
moves with a signature tells the other reader's result of that case; after its lock the same readers read other trials,
and who knows how they stand to their pair reads towards it. Agreement with the own earlier reads would tell which
cases were hidden re-reads. For the same reason re-reads count here like any read: leaving them out would tell them.
A reading manager who wants a reader to know more tells them, as the charter's monitoring plan says.

A new figure is one function that draws, one that lists its numbers, and one line in `FIGURES`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from compliance.spreadsheets import as_csv
from reading.figure_files import KINDS, FigureFile, NoSuchFigure, as_file
from reading.models import ReadTask
from reading.variability.monitoring import ReadTimes, read_times
from reading.variability.workload_plots import read_times_svg, reads_by_month_svg

Rows = Iterable[Sequence[object]]


@dataclass(frozen=True, slots=True)
class OwnRead:
    """A read that its reader signed, under the codes that this reader knows."""

    code: str
    case: str
    opened_at: dt.datetime
    signed_at: dt.datetime

    @property
    def minutes(self) -> float:
        """From first opening to signature, pauses included."""
        return round((self.signed_at - self.opened_at).total_seconds() / 60, 1)


@dataclass(frozen=True, slots=True)
class OwnFigure:
    """A figure of one reader's reads; `rows` are the numbers it shows, the first row their names."""

    name: str
    said: str
    draw: Callable[[Sequence[OwnRead]], str]
    rows: Callable[[Sequence[OwnRead]], Rows]

    def csv(self, reads: Sequence[OwnRead]) -> str:
        """Return the numbers as a table, one line of names first."""
        header, *rows = self.rows(reads)
        return as_csv([str(name) for name in header], rows)


def own_reads(tasks: Iterable[ReadTask]) -> list[OwnRead]:
    """Return signed reads in order of signature."""
    found = [
        OwnRead(task.blinded_code, task.case_code, task.opened_at, task.submitted_at)
        for task in tasks
        if task.opened_at and task.submitted_at
    ]
    return sorted(found, key=lambda read: (read.signed_at, read.code))


def times_of(reads: Sequence[OwnRead]) -> ReadTimes | None:
    """Return median and quartiles of the reads' minutes; None without a read."""
    return read_times({"own": [read.minutes for read in reads]}).get("own")


def _months(reads: Sequence[OwnRead]) -> list[tuple[str, int]]:
    counts = Counter((read.signed_at.year, read.signed_at.month) for read in reads)
    if not counts:
        return []
    (year, month), last, found = min(counts), max(counts), []
    while (year, month) <= last:
        found.append((f"{year}-{month:02d}", counts[year, month]))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def _month_rows(reads: Sequence[OwnRead]) -> Rows:
    yield "month", "signed reads"
    yield from _months(reads)


def _time_rows(reads: Sequence[OwnRead]) -> Rows:
    yield "read", "case", "opened", "signed", "minutes"
    for read in reads:
        yield read.code, read.case, f"{read.opened_at:%Y-%m-%d %H:%M}", f"{read.signed_at:%Y-%m-%d %H:%M}", read.minutes


FIGURES: Mapping[str, OwnFigure] = {
    figure.name: figure
    for figure in (
        OwnFigure(
            "reads",
            "Reads signed by month",
            lambda reads: reads_by_month_svg(_months(reads), title="Reads signed by month"),
            _month_rows,
        ),
        OwnFigure(
            "read-times",
            "Time from opening to signature",
            lambda reads: read_times_svg([read.minutes for read in reads], title="Time from opening to signature"),
            _time_rows,
        ),
    )
}


def figure_file(reads: Sequence[OwnRead], name: str, kind: str) -> FigureFile:
    """Return one figure of a reader's reads as `svg` or `png`, or the numbers it shows as `csv`.

    Raises
    ------
    reading.figure_files.NoSuchFigure, compliance.printing.PrintNotPossible
    """
    figure = FIGURES.get(name)
    if figure is None or kind not in KINDS:
        raise NoSuchFigure(
            f"There is no figure “{name}.{kind}”. There are {', '.join(FIGURES)}, each as .svg, .png and .csv."
        )
    return as_file(kind, lambda: figure.draw(reads), lambda: figure.csv(reads))
