"""How quickly a site's scans and answers come, and how often a scan passes at once: figures, and where to draw them.

Only what is done is counted; what still waits is among the work. Percentiles are nearest ranks, so that each is a
time that was really taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Drawing, in px of the figure.
WIDTH, ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 30, 96, 20, 8, 30


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of some values: the smallest that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


@dataclass(frozen=True, slots=True)
class Times:
    """How many days something took at a site, each time that it happened."""

    site: str
    days: tuple[float, ...]

    @property
    def count(self) -> int:
        """How often."""
        return len(self.days)

    @property
    def median(self) -> float | None:
        """Half of them took no longer."""
        return percentile(self.days, 0.5) if self.days else None

    @property
    def ninetieth(self) -> float | None:
        """Nine of ten took no longer."""
        return percentile(self.days, 0.9) if self.days else None

    @property
    def longest(self) -> float | None:
        """The longest of all."""
        return max(self.days, default=None)


@dataclass(frozen=True, slots=True)
class Measure:
    """One time that is measured, by site in the order of the sites; `all_sites` has the sites together."""

    name: str
    title: str
    meaning: str
    by_site: Sequence[Times]

    @property
    def all_sites(self) -> Times:
        """What took how long anywhere."""
        return Times("All", tuple(day for times in self.by_site for day in times.days))


@dataclass(frozen=True, slots=True)
class FirstPass:
    """Of a site's scans, or of its transfer forms, on which QC has decided, how many passed at the first decision."""

    site: str
    passed: int
    decided: int

    @property
    def percent(self) -> float | None:
        """The share in percent; None where nothing was decided."""
        return 100 * self.passed / self.decided if self.decided else None


@dataclass(slots=True)
class Facts:
    """What happened, as days taken by site, from which the measures are made."""

    to_arrival: Mapping[str, list[float]] = field(default_factory=dict)
    to_decision: Mapping[str, list[float]] = field(default_factory=dict)
    to_answer: Mapping[str, list[float]] = field(default_factory=dict)
    #: For each timepoint that QC decided on: whether its images passed at once, and whether its transfer form did.
    first_images: Mapping[str, list[bool]] = field(default_factory=dict)
    first_forms: Mapping[str, list[bool]] = field(default_factory=dict)


def measures(sites: Sequence[str], facts: Facts) -> list[Measure]:
    """Return the times measured, for the sites in their order; one at which nothing happened has none."""

    def by_site(days: Mapping[str, list[float]]) -> list[Times]:
        return [Times(site, tuple(sorted(days.get(site, ())))) for site in sites]

    return [
        Measure(
            "scan_to_arrival",
            "Scan to arrival",
            "Days from the scan to the day on which its images had arrived and were checked.",
            by_site(facts.to_arrival),
        ),
        Measure(
            "arrival_to_qc",
            "Arrival to QC",
            "Days until QC decided for the first time: passed, or back to the site.",
            by_site(facts.to_decision),
        ),
        Measure("query_to_answer", "Query to answer", "Days until the site first answered.", by_site(facts.to_answer)),
    ]


def first_pass(sites: Sequence[str], decided: Mapping[str, list[bool]]) -> list[FirstPass]:
    """Return how often what was decided passed at once, for the sites in their order."""
    return [FirstPass(site, sum(passed), len(passed)) for site in sites for passed in [decided.get(site, [])]]


@dataclass(frozen=True, slots=True)
class Box:
    """A box of a figure."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PlotRow:
    """One site's line of a figure: where its points lie, and the bar at their median."""

    site: str
    y: float
    points: Sequence[float]
    median: Box | None


@dataclass(frozen=True, slots=True)
class Plot:
    """Where everything of a figure lies: a line for each site, a point for each time that something took."""

    rows: Sequence[PlotRow]
    ticks: Sequence[tuple[float, str]]
    height: int
    left: int = _LEFT
    width: int = WIDTH

    @property
    def right(self) -> int:
        """Where the lines end."""
        return self.width - _RIGHT

    @property
    def floor(self) -> int:
        """Where the axis lies."""
        return self.height - _BOTTOM


def plot(measure: Measure) -> Plot | None:
    """Lay a measure out; None where there is nothing to draw."""
    longest = measure.all_sites.longest
    if longest is None:
        return None
    step = _step(longest)
    end = max(math.ceil(longest / step), 1) * step

    def x(days: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * days / end, 1)

    rows = []
    for place, times in enumerate(measure.by_site):
        y = _TOP + ROW * (place + 0.5)
        median = Box(round(x(times.median) - 1.5, 1), y - 10, 3, 20) if times.median is not None else None
        rows.append(PlotRow(times.site, y, sorted({x(days) for days in times.days}), median))
    ticks = [(x(number * step), f"{number * step:g}") for number in range(round(end / step) + 1)]
    return Plot(rows, ticks, _TOP + ROW * len(rows) + _BOTTOM)


def _step(longest: float) -> float:
    """Return a round distance of ticks, so that there are at most six."""
    power = 10.0 ** math.floor(math.log10(longest)) if longest > 0 else 1.0
    return next(power * factor for factor in (0.2, 0.5, 1.0, 2.0) if longest <= 5 * power * factor)
