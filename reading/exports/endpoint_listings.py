"""Listings of a large trial as text: set as pages of the report they would be hundreds, and take minutes and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reading.exports.endpoint_summary import Line, listing, listing_columns
from reading.exports.locked import LockedSubject, LockedTrial

#: Subjects whose listings the report holds; of a trial with more they stand in a file of their own.
MOST_IN_REPORT = 100
LISTINGS = "listings.txt"
_PAGE = "\f\n"


def apart(trial: LockedTrial) -> bool:
    """Tell whether the listings are too long for the report."""
    return len(trial.subjects) > MOST_IN_REPORT


def listings(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Return every subject's reads and lesions as text, a page for each; nothing where the report has them."""
    if apart(trial):
        columns = listing_columns(trial)
        yield LISTINGS, _PAGE.join(_subject(trial, subject, columns) for subject in trial.subjects).encode()


def summaries(trial: LockedTrial) -> list[Line]:
    """Return what stands in the report instead, a row for each subject: responses by reader and as accepted, visits."""
    lines = []
    for subject in trial.subjects:
        said = {result.evalid: result.bor for result in subject.results}
        counts = subject.result
        visits = (counts.bor, counts.progression, counts.first_response) if counts else ("", "", "")
        cells = (subject.site, *(said.get(name, "") for name in trial.evalids), *visits)
        lines.append(Line(subject.code, tuple(cell or "–" for cell in cells)))
    return lines


def _subject(trial: LockedTrial, subject: LockedSubject, columns: Sequence[str]) -> str:
    made = listing(subject, trial.criteria)
    state = "" if subject.state == "enrolled" else f", {subject.state.replace('_', ' ')}"
    lines = [f"Trial {trial.code}, subject {subject.code}, site {subject.site}{state}", ""]
    for result in subject.results:
        progression = f", progression at {result.progression}" if result.progression else ""
        lines.append(f"{result.evalid.title()}: {result.bor}{progression}{', accepted' if result.accepted else ''}")
    reads = [("Timepoint", "Day", "Reader", *columns, "Overall"), *_reads(made)]
    lines += ["", "Reads and responses", "", *_aligned(reads)]
    for part in made["lesions"]:
        rows = [("Lesion", *part["codes"])]
        for evalid, found in part["groups"]:
            rows += [(evalid.title(),), *((f"  {line.name}", *line.cells) for line in found)]
        lines += ["", "Lesions", "", *_aligned(rows)]
    return "\n".join([*lines, ""])


def _reads(made: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for row in made["reads"]:
        code = row["timepoint"].code
        if not row["lines"]:
            yield code, "–", "missed: no scan was made" if row["missed"] else "not read"
        for line in row["lines"]:
            overall = line["overall"] or "–"
            overall += f" (derived: {line['derived']})" if line["derived"] else ""
            overall += f" (reader: {line['stated']})" if line["stated"] else ""
            accepted = " accepted" if line["accepted"] else ""
            yield code, row["day"], f"{line['evalid'].title()}{accepted}", *line["cells"], overall


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows in columns, two spaces between them; a row that is shorter than the first one takes no part in it."""
    full = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
