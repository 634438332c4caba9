"""RS: each reader's response at each visit, by component and overall, and the best one."""

from __future__ import annotations

from collections.abc import Iterator

from reading.exports.locked import ADJUDICATED, NOT_READ, LockedRead, LockedTrial
from reading.exports.sdtm import (
    DERIVED,
    INDEPENDENT,
    Dataset,
    Domain,
    Value,
    Variable,
    assessed,
    begin,
    evaluator,
    group,
    identifiers,
    in_sequence,
    sequence,
    short,
    timing,
    visits,
)

TESTS = (
    ("TRGRESP", "Target Response"),
    ("NTRGRESP", "Non-target Response"),
    ("NEWLIND", "New Lesion Indicator"),
    ("OVRLRESP", "Overall Response"),
    ("BESTRESP", "Best Overall Response"),
)
_NAMES = dict(TESTS)

RS = Domain(
    "RS",
    "Disease Response and Clin Classification",
    "One record per response test per visit per evaluator per subject",
    "FINDINGS",
    ("STUDYID", "USUBJID", "RSEVALID", "VISITNUM", "RSTESTCD"),
    (
        *identifiers("RS"),
        sequence("RS"),
        Variable("RSLNKGRP", "Link Group ID", method="The reader's place and VISITNUM; the same in TR."),
        Variable("RSTESTCD", "Assessment Short Name", terms=TESTS),
        Variable("RSTEST", "Assessment Name"),
        Variable("RSCAT", "Category for Assessment", method="The response criteria of the charter."),
        Variable(
            "RSORRES",
            "Result or Finding in Original Units",
            origin=DERIVED,
            method="Derived from TR by the rule pack that criteria.json names; traces/ holds each step.",
        ),
        Variable("RSSTRESC", "Character Result/Finding in Std Format", origin=DERIVED, method="RSORRES."),
        *evaluator("RS"),
        *timing("RS", "Assessment"),
    ),
)


def responses(trial: LockedTrial) -> Dataset:
    """Return every response at a visit, and after a subject's visits the best of each reader."""
    return Dataset(RS, in_sequence("RS", _records(trial)))


def _records(trial: LockedTrial) -> Iterator[dict[str, Value]]:
    category = short(trial.criteria.name).upper()
    for subject in trial.subjects:
        head = {**begin(trial, subject, "RS"), "RSCAT": category}
        for visit in visits(subject):
            for read in visit.timepoint.reads:
                about = {
                    "RSLNKGRP": group(read.evalid, visit),
                    **assessed("RS", read.evalid, read.accepted),
                    **visit.when("RS"),
                }
                for code, response in _of(read):
                    yield {**head, **about, **_response(code, response)}
        for result in subject.results:
            yield {**head, **_response("BESTRESP", result.bor), **_best(result.evalid, result.accepted)}


def _of(read: LockedRead) -> Iterator[tuple[str, str]]:
    for value in read.values:
        if value.derived and value.code in _NAMES and isinstance(value.value, str):
            yield value.code, value.value
    if read.overall:
        yield "OVRLRESP", read.overall


def _response(code: str, response: str) -> dict[str, Value]:
    return {"RSTESTCD": code, "RSTEST": _NAMES[code], "RSORRES": response, "RSSTRESC": response}


def _best(evalid: str, accepted: bool) -> dict[str, Value]:
    """Say whose best response it is; a subject without a baseline was read by nobody."""
    if evalid == NOT_READ:
        return {"RSEVAL": INDEPENDENT, "RSACPTFL": "Y" if accepted else ""}
    return assessed("RS", "ADJUDICATOR" if evalid == ADJUDICATED else evalid, accepted)
