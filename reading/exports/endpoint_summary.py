"""What the endpoint report counts: disposition, responses, agreement, listings; plain rows for its template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from reading.exports.locked import (
    LockedAdjudication,
    LockedCriteria,
    LockedFigure,
    LockedLesion,
    LockedMeasurement,
    LockedRead,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
)
from reading.variability import Undefined
from reading.variability.proportion import proportion_ci

_STATES = {
    "PRESENT": "present",
    "ABSENT": "absent",
    "TOO_SMALL": "too small",
    "NOT_EVALUABLE": "not evaluable",
    "UNEQUIVOCAL_PD": "unequivocal PD",
    "EQUIVOCAL": "equivocal",
    "UNEQUIVOCAL": "unequivocal",
    "NOT_A_LESION": "not a lesion",
}
_TRIGGERS = {
    "overall_response": "Overall response",
    "best_overall_response": "Best overall response",
    "response_class": "Responder or not",
    "progression_date": "Date of progression",
    "first_response_date": "Date of first response",
}
#: Timepoints side by side in a listing before it goes on below.
_ACROSS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a report table: its name and its cells."""

    name: str
    cells: tuple[str, ...]
    strong: bool = False


def in_order(responses: Iterable[str], trial: LockedTrial) -> list[str]:
    """Return the responses that occur, from best to worst as the criteria list them."""
    found, known = set(responses) - {""}, [term.value for term in trial.criteria.terms]
    return [*(r for r in known if r in found), *sorted(found.difference(known))]


def share(count: int, of: int) -> str:
    """Return a count with its percentage, as “7 (50.0%)”."""
    return f"{count} ({100 * count / of:.1f}%)" if of else f"{count}"


def percent(change: Decimal | None) -> str:
    """Return a change in percent with its sign and one decimal; a dash where there is none."""
    if change is None:
        return "–"
    rounded = change.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{rounded:+f}".replace("-", "−") if rounded else "0.0"


def millimetres(value: Decimal | None) -> str:
    """Return a length to one decimal, a dash where there is none."""
    return "–" if value is None else f"{value.quantize(Decimal('0.1'), rounding=ROUND_HALF_UP):f}"


def day(study_day: int) -> str:
    """Return a study day with a true minus sign."""
    return f"{study_day}".replace("-", "−")


def words(name: str) -> str:
    """Return a stored name as words: not_evaluable is “not evaluable”."""
    return name.replace("_", " ")


def trigger_words(name: str) -> str:
    """Return a charter trigger as words."""
    return _TRIGGERS.get(name, words(name).capitalize())


def disposition_by_site(trial: LockedTrial) -> list[Line]:
    """Count subjects and timepoints of each site, and of all."""
    lines = []
    groups: list[tuple[str, list[LockedSubject]]] = [
        (f"{code} {name}".strip(), [subject for subject in trial.subjects if subject.site == code])
        for code, name in trial.sites
    ]
    for name, subjects in [*groups, ("All sites", list(trial.subjects))]:
        visits = [timepoint for subject in subjects for timepoint in subject.timepoints]
        withdrawn = sum(subject.state in ("withdrawn", "consent_withdrawn") for subject in subjects)
        cells = (len(subjects), withdrawn, *_visit_counts(visits))
        lines.append(Line(name, tuple(map(str, cells)), strong=name == "All sites"))
    return lines


def disposition_by_timepoint(trial: LockedTrial) -> list[Line]:
    """Count timepoints of each visit of the schedule: planned, received, on time, missed, cleared, read."""
    lines = []
    for code, name in visits_of(trial):
        visits = [found for subject in trial.subjects if (found := subject.timepoint(code))]
        lines.append(Line(f"{code} {name}", tuple(map(str, _visit_counts(visits)))))
    return lines


def _visit_counts(visits: Sequence[LockedTimepoint]) -> tuple[int, ...]:
    return (
        len(visits),
        sum(visit.images == "received" for visit in visits),
        sum(
            visit.study_day is not None and visit.window_first_day <= visit.study_day <= visit.window_last_day
            for visit in visits
        ),
        sum(visit.images == "missed" for visit in visits),
        sum(visit.qc == "cleared" for visit in visits),
        sum(visit.reading == "read" for visit in visits),
    )


def visits_of(trial: LockedTrial) -> list[tuple[str, str]]:
    """Return code and name of every visit that a subject has, in schedule order."""
    found: dict[str, tuple[int, str]] = {}
    for subject in trial.subjects:
        for timepoint in subject.timepoints:
            found.setdefault(timepoint.code, (timepoint.order, timepoint.name))
    return [(code, name) for code, (_, name) in sorted(found.items(), key=lambda item: (item[1][0], item[0]))]


def best_responses(trial: LockedTrial) -> tuple[list[str], list[Line]]:
    """Count best overall responses by reader and as accepted; returns the columns' names and the rows."""
    columns = [*trial.evalids, "Accepted"]
    bors: dict[str, list[str]] = {name: [] for name in columns}
    for subject in trial.subjects:
        for result in subject.results:
            if result.evalid in bors:
                bors[result.evalid].append(result.bor)
            if result.accepted:
                bors["Accepted"].append(result.bor)
    lines = [
        Line(response, tuple(share(bors[c].count(response), len(bors[c])) for c in columns))
        for response in in_order((bor for column in bors.values() for bor in column), trial)
    ]
    lines.append(Line("Subjects evaluated", tuple(str(len(bors[c])) for c in columns), strong=True))
    responders = trial.criteria.responders
    if not responders:
        return columns, lines
    counts = [sum(bor in responders for bor in bors[c]) for c in columns]
    rates = tuple(share(n, len(bors[c])) for n, c in zip(counts, columns, strict=True))
    limits = tuple(_interval(n, len(bors[c])) for n, c in zip(counts, columns, strict=True))
    return columns, [
        *lines,
        Line(f"Objective response ({' or '.join(responders)})", rates, strong=True),
        Line("Exact 95% interval (Clopper and Pearson)", limits),
    ]


def _interval(count: int, of: int) -> str:
    found = proportion_ci(count, of)
    return "–" if isinstance(found, Undefined) else " to ".join(f"{100 * end:.1f}%" for end in found.ci)


def responses_by_timepoint(trial: LockedTrial) -> tuple[list[str], list[tuple[str, list[Line]]]]:
    """Count overall responses at each follow-up by reader and as accepted; one group of rows per visit."""
    columns = [*trial.evalids, "Accepted"]
    groups = []
    for code, name in visits_of(trial):
        counts: dict[str, Counter[str]] = {column: Counter() for column in columns}
        for _, timepoint, read in trial.reads():
            if timepoint.code == code and read.overall:
                counts[read.evalid][read.overall] += 1
                counts["Accepted"][read.overall] += read.accepted
        found = in_order((response for count in counts.values() for response in count), trial)
        lines = [
            Line(response, tuple(share(counts[c][response], counts[c].total()) for c in columns)) for response in found
        ]
        if lines:
            groups.append((f"{code} {name}", lines))
    return columns, groups


def cross_table(trial: LockedTrial) -> tuple[list[str], list[Line]]:
    """Count overall responses of READER 1 (rows) against READER 2 (columns) over all timepoints read by both."""
    pairs: Counter[tuple[str, str]] = Counter()
    for subject in trial.subjects:
        for timepoint in subject.timepoints:
            said = {read.evalid: read.overall for read in timepoint.reads if read.overall}
            if len(said) == 2:
                first, second = (said[name] for name in sorted(said))
                pairs[first, second] += 1
    found = in_order((response for pair in pairs for response in pair), trial)
    return found, [Line(row, tuple(str(pairs[row, column]) for column in found)) for row in found]


def adjudication_counts(trial: LockedTrial) -> list[Line]:
    """Count adjudications, what opened them, and whose evaluation was accepted."""
    adjudications = [a for subject in trial.subjects for a in subject.adjudications]
    read = sum(len(subject.results) > 1 for subject in trial.subjects)
    subjects = sum(bool(subject.adjudications) for subject in trial.subjects)
    lines = [Line("Subjects read by two readers", (str(read),)), Line("Subjects adjudicated", (share(subjects, read),))]
    fired = Counter(name for a in adjudications for name in {trigger.name for trigger in a.triggers})
    lines += [
        Line(f"Adjudications opened by: {trigger_words(name).lower()}", (share(count, len(adjudications)),))
        for name, count in sorted(fired.items(), key=lambda item: (-item[1], item[0]))
    ]
    chosen = Counter(a.chosen for a in adjudications)
    return [
        *lines,
        *(Line(f"{name.title()} accepted", (share(chosen[name], len(adjudications)),)) for name in sorted(chosen)),
    ]


def adjudicated(trial: LockedTrial) -> list[tuple[LockedSubject, LockedAdjudication, list[Line]]]:
    """Return each adjudication with its subject and a row per trigger: where it fired and what the readers had."""
    return [
        (
            subject,
            adjudication,
            [
                Line(trigger_words(t.name), (t.timepoint or "all", t.reader_1 or "none", t.reader_2 or "none"))
                for t in adjudication.triggers
            ],
        )
        for subject in trial.subjects
        for adjudication in subject.adjudications
    ]


def listing_columns(trial: LockedTrial) -> list[str]:
    """Return the columns of a listing between reader and overall response: the criteria's figures."""
    return [f"{figure.short}, {figure.unit}" if figure.unit else figure.short for figure in trial.criteria.figures]


def listing(subject: LockedSubject, criteria: LockedCriteria) -> Mapping[str, Any]:
    """Return a subject's listing: its reads by timepoint, and each reader's lesions over time."""
    return {
        "subject": subject,
        "result": subject.result,
        "results": subject.results,
        "reads": [
            {
                "timepoint": timepoint,
                "day": "–" if timepoint.study_day is None else day(timepoint.study_day),
                "missed": timepoint.images == "missed",
                "lines": [
                    {**_read_line(read, criteria), "derived": subject.derived_before(timepoint.code, read.evalid)}
                    for read in timepoint.reads
                ],
            }
            for timepoint in subject.timepoints
        ],
        "lesions": _lesion_parts(subject),
    }


def _read_line(read: LockedRead, criteria: LockedCriteria) -> Mapping[str, Any]:
    chips = {term.value: term.chip for term in criteria.terms}
    return {
        "evalid": read.evalid,
        "accepted": read.accepted,
        "cells": tuple(_figure(read, figure) for figure in criteria.figures),
        "overall": read.overall,
        "stated": read.stated_response,
        "chip": chips.get(read.overall) or "other",
    }


def _figure(read: LockedRead, figure: LockedFigure) -> str:
    """Write a derived thing: lengths and other quantities with one decimal at least, changes with their sign."""
    value = next((found.value for found in read.values if found.derived and found.name == figure.key), None)
    if value is None or isinstance(value, str):
        return {None: "–", "Y": "yes", "N": "no"}.get(value, str(value))
    if figure.key.startswith("percent"):
        return percent(value)
    return millimetres(value) if figure.unit else f"{value:f}"


def _lesion_parts(subject: LockedSubject) -> list[Mapping[str, Any]]:
    visits = [timepoint for timepoint in subject.timepoints if timepoint.reads]
    return [
        {
            "codes": [timepoint.code for timepoint in shown],
            "groups": [
                (evalid, [_lesion_line(lesion, shown) for lesion in subject.lesions if lesion.evalid == evalid])
                for evalid in sorted({lesion.evalid for lesion in subject.lesions})
            ],
        }
        for shown in (visits[start : start + _ACROSS] for start in range(0, len(visits), _ACROSS))
    ]


def _lesion_line(lesion: LockedLesion, shown: Sequence[LockedTimepoint]) -> Line:
    organ = words(lesion.organ).lower()
    node = ", node" if lesion.nodal and "node" not in organ else ""
    return Line(f"{lesion.label} {organ}{node}", tuple(_found(visit, lesion.evalid, lesion.label) for visit in shown))


def _found(timepoint: LockedTimepoint, evalid: str, lesion: str) -> str:
    said = []
    for read in timepoint.reads:
        for measurement in read.measurements:
            if read.evalid == evalid and measurement.lesion == lesion:
                sizes = _sizes(read, measurement)
                state = _STATES.get(measurement.state, words(measurement.state).lower())
                said.append(sizes if measurement.state == "MEASURED" else f"{state} {sizes}".strip())
    return " + ".join(said) or "–"


def _sizes(read: LockedRead, measurement: LockedMeasurement) -> str:
    """Write the numbers of a lesion: a diameter, two of them, a volume."""
    mine = [v for v in read.values if (v.lesion, v.part, v.derived) == (measurement.lesion, measurement.part, False)]
    return " × ".join(_rounded(v.value, v.unit) for v in mine if isinstance(v.value, Decimal))


def _rounded(value: Decimal, unit: str) -> str:
    return millimetres(value) if unit else f"{value:f}"
