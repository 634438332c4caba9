"""The endpoint figures of a locked trial, each with the numbers it is drawn from; the report prints the same.

A new figure is one function that draws, one that lists its numbers, and one line in `FIGURES`. Page, downloads, API
and report follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from compliance.spreadsheets import as_csv
from reading.exports.endpoint_results import Course, Endpoints, ResultSet
from reading.variability import Proportion, Undefined
from reading.variability.proportion import proportion_ci
from reading.variability.response_plots import (
    ResponseRow,
    SpiderLine,
    WaterfallBar,
    best_response_svg,
    spider_svg,
    waterfall_svg,
)
from reading.variability.survival_plots import Curve, Swimmer, kaplan_meier_svg, swimmer_svg

Rows = Iterable[Sequence[object]]

COMPARED = "compared"
"""Stands in addresses for the sets of results side by side."""
_PROGRESSION_ONLY = "Event: progression; deaths are not known here."


@dataclass(frozen=True, slots=True)
class EndpointFigure:
    """A figure of one set of results or, `compares`, of all sets side by side.

    Attributes
    ----------
    name
        Part of its address and file name.
    said
        What it shows, as the page and the report call it.
    note
        What whoever reads the figure must know.
    draw
        Returns one SVG element.
    rows
        The numbers it shows, the first row their names.
    """

    name: str
    said: str
    note: str
    draw: Callable[[Endpoints, Sequence[ResultSet]], str]
    rows: Callable[[Endpoints, Sequence[ResultSet]], Rows]
    compares: bool = False

    def csv(self, found: Endpoints, sets: Sequence[ResultSet]) -> str:
        """Return the numbers as a table, one line of names first."""
        header, *rows = self.rows(found, sets)
        return as_csv([str(name) for name in header], rows)


def _titled(said: str, sets: Sequence[ResultSet]) -> str:
    return f"{said}: {sets[0].title.lower()}" if len(sets) == 1 else said


def _burden(found: Endpoints) -> str:
    return found.burden[:1].lower() + found.burden[1:]


# --- best overall response -------------------------------------------------------------------------------------------


def counts(found: Endpoints, results: ResultSet) -> list[tuple[str, int, Proportion | Undefined, bool]]:
    """Count best overall responses, and those that are a response together; each with its exact interval."""
    bors = [course.bor for course in results.subjects]
    used = [term for term in found.terms if term in bors]
    listed = [*used, *sorted(set(bors).difference(used))]
    rows = [(bor, bors.count(bor), proportion_ci(bors.count(bor), len(bors)), False) for bor in listed]
    if found.responders:
        responded = sum(bor in found.responders for bor in bors)
        name = f"Response ({' or '.join(found.responders)})"
        rows.append((name, responded, proportion_ci(responded, len(bors)), True))
    return rows


def _best(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    rows = [ResponseRow(name, share, strong) for name, _, share, strong in counts(found, sets[0])]
    return best_response_svg(rows, title=_titled("Best overall response", sets), subjects=len(sets[0].subjects))


def _best_rows(found: Endpoints, sets: Sequence[ResultSet]) -> Rows:
    yield "response", "subjects", "of", "share", "lower", "upper"
    for name, count, share, _ in counts(found, sets[0]):
        known = (share.value, *share.ci) if isinstance(share, Proportion) else (None, None, None)
        yield name, count, len(sets[0].subjects), *known


# --- tumour burden ---------------------------------------------------------------------------------------------------


def _waterfall(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    bars = [WaterfallBar(subject, change, bor) for subject, change, bor in _best_changes(sets[0])]
    axis = f"Best change in {_burden(found)} (%)"
    return waterfall_svg(
        bars, title=_titled("Best change from baseline", sets), axis=axis, thresholds=found.thresholds_percent
    )


def _best_changes(results: ResultSet) -> list[tuple[str, float, str]]:
    return [
        (course.subject, min(change for _, change in course.changes), course.bor)
        for course in results.subjects
        if course.changes
    ]


def _waterfall_rows(found: Endpoints, sets: Sequence[ResultSet]) -> Rows:
    yield "subject", "best change from baseline (%)", "best overall response"
    yield from sorted(_best_changes(sets[0]), key=lambda row: (-row[1], row[0]))


def _spider(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    lines = []
    for course in sets[0].subjects:
        points = [(visit, visit.weeks, change) for visit, change in course.changes if visit.weeks is not None]
        new = tuple(weeks for visit, weeks, _ in points if visit.new_lesion)
        lines.append(SpiderLine(course.subject, tuple((weeks, change) for _, weeks, change in points), course.bor, new))
    axis = f"Change in {_burden(found)} (%)"
    return spider_svg(
        lines, title=_titled("Change from baseline over time", sets), axis=axis, thresholds=found.thresholds_percent
    )


def _spider_rows(found: Endpoints, sets: Sequence[ResultSet]) -> Rows:
    yield (
        "subject",
        "timepoint",
        "study day",
        "weeks from baseline",
        "change from baseline (%)",
        "new lesion",
        "response",
    )
    for course in sets[0].subjects:
        for visit, change in course.changes:
            new = "yes" if visit.new_lesion else "no"
            yield course.subject, visit.code, visit.day, visit.weeks, change, new, visit.overall


# --- time ------------------------------------------------------------------------------------------------------------


def _swum(course: Course) -> Swimmer | None:
    if course.last_day is None or course.last_day < 1:
        return None
    return Swimmer(
        course.subject,
        course.last_day,
        course.bor,
        course.response_day,
        course.progression_day,
        ongoing=not course.progressed and not course.withdrawn,
        withdrawn=course.withdrawn,
    )


def _swimmer(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    swimmers = [swum for course in sets[0].subjects if (swum := _swum(course))]
    return swimmer_svg(swimmers, title=_titled("Time on study", sets))


def _swimmer_rows(found: Endpoints, sets: Sequence[ResultSet]) -> Rows:
    yield "subject", "last scan (study day)", "best overall response", "first response", "progression", "withdrawn"
    for course in sets[0].subjects:
        withdrawn = "yes" if course.withdrawn else "no"
        yield course.subject, course.last_day, course.bor, course.response_day, course.progression_day, withdrawn


def _free(results: ResultSet) -> list[tuple[str, int, int]]:
    return [(course.subject, course.free_days, int(course.progressed)) for course in results.subjects]


def _lasted(results: ResultSet) -> list[tuple[str, int, int]]:
    return [
        (course.subject, course.duration_days, int(course.progressed))
        for course in results.subjects
        if course.duration_days is not None
    ]


def _curve(results: ResultSet, times: Callable[[ResultSet], list[tuple[str, int, int]]]) -> Curve:
    found = times(results)
    return Curve(
        results.title.removesuffix(" reads"), tuple(days for _, days, _ in found), tuple(event for *_, event in found)
    )


def _until_progression(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    return kaplan_meier_svg(
        [_curve(results, _free) for results in sets],
        title=_titled("Time to progression by imaging", sets),
        axis="Progression-free (%)",
        time="Months from day 1",
        note=_PROGRESSION_ONLY,
    )


def _duration(found: Endpoints, sets: Sequence[ResultSet]) -> str:
    return kaplan_meier_svg(
        [_curve(results, _lasted) for results in sets],
        title=_titled("Duration of response", sets),
        axis="Still in response (%)",
        time="Months from the first response",
        nobody="No subject had a response.",
        note=_PROGRESSION_ONLY,
    )


def _time_rows(times: Callable[[ResultSet], list[tuple[str, int, int]]]) -> Callable[..., Rows]:
    def rows(found: Endpoints, sets: Sequence[ResultSet]) -> Rows:
        yield "results", "subject", "days", "progressed"
        for results in sets:
            for subject, days, event in times(results):
                yield results.title, subject, days, event

    return rows


#: In the order of page and report.
FIGURES: Mapping[str, EndpointFigure] = {
    figure.name: figure
    for figure in (
        EndpointFigure(
            "best-response",
            "Best overall response",
            "Intervals of Clopper and Pearson. A subject without a baseline that can be read is not evaluable.",
            _best,
            _best_rows,
        ),
        EndpointFigure(
            "waterfall",
            "Best change from baseline",
            "One bar per subject with a complete value at baseline and at one follow-up or more, up to progression. "
            "A response can be worse than its bar shows, by a new or a non-target lesion.",
            _waterfall,
            _waterfall_rows,
        ),
        EndpointFigure(
            "spider",
            "Change from baseline over time",
            "One line per subject up to progression. Progression is counted from the nadir, not from baseline.",
            _spider,
            _spider_rows,
        ),
        EndpointFigure(
            "swimmer",
            "Time on study of each subject",
            "From day 1 to the last scan that was received. Deaths and new treatments are not known to the core lab.",
            _swimmer,
            _swimmer_rows,
        ),
        EndpointFigure(
            "progression-free",
            "Time to progression by imaging",
            "From day 1 to the first progression; without one, follow-up ends at the last timepoint that could be "
            "evaluated. Deaths, new treatments and missed visits are left to the analysis of the sponsor.",
            _until_progression,
            _time_rows(_free),
        ),
        EndpointFigure(
            "duration",
            "Duration of response",
            "Subjects with a response, from its first day to progression; ends of follow-up as above.",
            _duration,
            _time_rows(_lasted),
        ),
        EndpointFigure(
            "concordance",
            "Time to progression by reader",
            "The same subjects by each reader alone, and as accepted after adjudication.",
            _until_progression,
            _time_rows(_free),
            compares=True,
        ),
    )
}


def places(found: Endpoints) -> Iterable[tuple[EndpointFigure, str, tuple[ResultSet, ...]]]:
    """Give each figure that a trial has, with its place in addresses and the results that it shows."""
    for results in found.sets:
        yield from ((figure, results.name, (results,)) for figure in FIGURES.values() if not figure.compares)
    if len(found.sets) > 1:
        yield from ((figure, COMPARED, found.sets) for figure in FIGURES.values() if figure.compares)
