"""Derivation traces: of every response, the rules that were applied, with clause, inputs and result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.exporting import readable
from reading.exports.endpoint_tables import numbered
from reading.exports.locked import LockedSubject, LockedTrial, plain


def traces(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Return one file for each subject that was read: traces/A-001.json."""
    rules = {**trial.criteria.content(), "parameters_sha256": trial.criteria.parameters_sha256}
    for subject in trial.subjects:
        responses = _responses(subject)
        if responses:
            made = {"trial": trial.code, "subject": subject.code, "criteria": rules, "responses": responses}
            yield f"traces/{subject.code}.json", readable(made)


def _responses(subject: LockedSubject) -> list[dict[str, Any]]:
    return [
        {
            "timepoint": visit.code,
            "visit_number": format(number, "f"),
            "study_day": visit.study_day,
            "evalid": read.evalid,
            "accepted": read.accepted,
            "entered": [plain(value) for value in read.values if not value.derived],
            "states": [
                {"lesion": entry.lesion, "part": entry.part, "state": entry.state} for entry in read.measurements
            ],
            "steps": plain(read.trace),
            "overall_response": read.overall,
            "stated_response": read.stated_response,
            "stated_reason": read.stated_reason,
        }
        for number, visit in numbered(subject.timepoints)
        for read in visit.reads
    ]
