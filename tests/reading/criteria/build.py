"""Short forms for histories, so that a test shows what it is about."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from reading.criteria.inputs import (
    BaselineRead,
    NewLesion,
    NonTargetLesion,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TimepointRead,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "reading"


def rows(name: str, criteria: str = "recist11") -> list[dict[str, str]]:
    with (FIXTURES / criteria / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cases(name: str, criteria: str = "recist11") -> Any:
    return json.loads((FIXTURES / criteria / name).read_text(encoding="utf-8"), parse_float=Decimal)


def measure(lesion_id: str, entry: Any) -> TargetMeasure:
    """ "12.5", {"parts": [..]}, {"merged_into": id} or {"state": ..}, as in the fixtures."""
    if isinstance(entry, dict):
        renamed = {"parts": "parts_mm"}
        return TargetMeasure(lesion_id, **{renamed.get(key, key): value for key, value in entry.items()})
    return TargetMeasure(lesion_id, entry)


def new_lesion(lesion_id: str, entry: Any) -> NewLesion:
    """ "UNEQUIVOCAL", or what iRECIST asks of it as well."""
    return NewLesion(lesion_id, **entry) if isinstance(entry, dict) else NewLesion(lesion_id, entry)


def timepoint(number: int, entry: dict[str, Any]) -> TimepointRead:
    return TimepointRead(
        entry.get("id", f"TP{number}"),
        entry["day"],
        tuple(measure(*item) for item in entry.get("targets", {}).items()),
        tuple(NonTargetStatus(*item) for item in entry.get("nontargets", {}).items()),
        tuple(new_lesion(*item) for item in entry.get("new", {}).items()),
    )


def history(case: dict[str, Any]) -> SubjectHistory:
    return SubjectHistory(
        BaselineRead(
            tuple(TargetLesion(*target) for target in case.get("targets", [])),
            tuple(NonTargetLesion(*lesion) for lesion in case.get("nontargets", [])),
        ),
        tuple(timepoint(number, entry) for number, entry in enumerate(case["timepoints"], 1)),
    )


def sums(*values: str, days: int = 56) -> SubjectHistory:
    """One liver lesion: its baseline, then one diameter every `days` days."""
    entries = [{"day": days * n, "targets": {"T1": value}} for n, value in enumerate(values[1:], 1)]
    return history({"targets": [["T1", "LIVER", False, values[0]]], "timepoints": entries})
