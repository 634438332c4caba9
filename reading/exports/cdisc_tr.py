"""TR: what each reader measured and saw of each lesion at each visit, and the sums that follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from reading.exports.cdisc_pr import METHODS
from reading.exports.cdisc_tu import CATEGORIES, TERMS
from reading.exports.locked import LockedLesion, LockedMeasurement, LockedRead, LockedTrial, LockedValue
from reading.exports.sdtm import (
    DERIVED,
    READ,
    Dataset,
    Domain,
    Value,
    Variable,
    assessed,
    before_exposure,
    begin,
    evaluator,
    group,
    identifiers,
    in_sequence,
    link,
    sequence,
    text_of,
    timing,
    visits,
)

TESTS = (
    ("LDIAM", "Longest Diameter"),
    ("LPERP", "Longest Perpendicular"),
    ("VOLUME", "Volume"),
    ("TUMSTATE", "Tumor State"),
    ("SUMDIAM", "Sum of Diameter"),
    ("PCBSD", "Percent Change Baseline in Sum of Diam"),
    ("PCNSD", "Percent Change Nadir in Sum of Diam"),
    ("ACNSD", "Absolute Change Nadir in Sum of Diam"),
)
_NAMES = dict(TESTS)
NOT_MEASURED = {"ABSENT", "TOO_SMALL", "NOT_EVALUABLE"}

TR = Domain(
    "TR",
    "Tumor/Lesion Results",
    "One record per finding per lesion, or per sum, per visit per evaluator per subject",
    "FINDINGS",
    ("STUDYID", "USUBJID", "TREVALID", "VISITNUM", "TRLNKID", "TRTESTCD"),
    (
        *identifiers("TR"),
        sequence("TR"),
        Variable("TRGRPID", "Group ID", terms=TERMS),
        Variable("TRREFID", "Reference ID", origin=READ, method="SOP Instance UID of the image it was measured on."),
        Variable("TRLNKID", "Link ID", method="The reader's place and the lesion's label; the same in TU."),
        Variable("TRLNKGRP", "Link Group", method="The reader's place and VISITNUM; the same in RS."),
        Variable("TRTESTCD", "Tumor/Lesion Assessment Short Name", terms=TESTS),
        Variable("TRTEST", "Tumor/Lesion Assessment Test Name"),
        Variable("TRORRES", "Result or Finding in Original Units", origin=READ),
        Variable("TRORRESU", "Original Units", origin=READ),
        Variable(
            "TRSTRESC",
            "Character Result/Finding in Std Format",
            origin=DERIVED,
            method="TRORRES; of a lesion too small to measure the size that the criteria give it.",
        ),
        Variable("TRSTRESN", "Numeric Result/Finding in Standard Units", "decimal", DERIVED, "TRSTRESC as a number."),
        Variable("TRSTRESU", "Standard Units"),
        Variable("TRSTAT", "Completion Status", origin=READ, terms=(("NOT DONE", "Not done"),)),
        Variable("TRREASND", "Reason Not Done", origin=READ),
        Variable("TRMETHOD", "Method Used to Identify the Tumor/Lesion", origin=READ),
        before_exposure("TR"),
        *evaluator("TR"),
        *timing("TR", "Tumor/Lesion Measurement"),
    ),
)


def results(trial: LockedTrial) -> Dataset:
    """Return every entry of every reader, and after those of a visit the sums with their changes."""
    return Dataset(TR, in_sequence("TR", _records(trial)))


def _records(trial: LockedTrial) -> Iterator[dict[str, Value]]:
    values = {parameter.name: parameter.value for parameter in trial.criteria.parameters}
    too_small = Decimal(str(values["too_small_mm"])) if "too_small_mm" in values else None
    for subject in trial.subjects:
        lesions = {(lesion.evalid, lesion.label): lesion for lesion in subject.lesions}
        for visit in visits(subject):
            pictures = visit.timepoint.pictures
            methods = {one.sop_instance_uid: METHODS.get(one.modality, one.modality) for one in pictures}
            for read in visit.timepoint.reads:
                head = {
                    **begin(trial, subject, "TR"),
                    "TRLNKGRP": group(read.evalid, visit),
                    **assessed("TR", read.evalid, read.accepted),
                    **visit.when("TR"),
                }
                for entry in read.measurements:
                    lesion = lesions[read.evalid, entry.lesion]
                    about = {
                        "TRGRPID": CATEGORIES.get(lesion.category, lesion.category.upper()),
                        "TRLNKID": link(read.evalid, entry.lesion, entry.part),
                        "TRREFID": entry.sop_instance_uid,
                        "TRMETHOD": methods.get(entry.sop_instance_uid, ""),
                    }
                    for found in _findings(read, entry, lesion, too_small):
                        yield {**head, **about, **found}
                for found in _sums(read):
                    yield {**head, "TRGRPID": "TARGET", **found}


def _findings(
    read: LockedRead, entry: LockedMeasurement, lesion: LockedLesion, too_small: Decimal | None
) -> Iterator[dict[str, Value]]:
    """Give the numbers that were entered; without one, the size that a state stands for, or the state itself."""
    numbers = [value for value in read.values if (value.lesion, value.part) == (entry.lesion, entry.part)]
    entered = [value for value in numbers if value.code in _NAMES and isinstance(value.value, Decimal)]
    for value in entered:
        yield _number(value)
    if entered:
        return
    sized = {"ABSENT": Decimal(0), "TOO_SMALL": too_small}
    if lesion.category != "target" or entry.state not in NOT_MEASURED or too_small is None:
        state = entry.state.replace("_", " ")
        yield {**_test("TUMSTATE"), "TRORRES": state, "TRSTRESC": state}
    elif size := sized.get(entry.state):
        yield {**_test(_size_of(lesion)), **_size(size, "mm"), "TRORRES": "TOO SMALL TO MEASURE"}
    elif entry.state == "ABSENT":
        yield {**_test(_size_of(lesion)), **_size(Decimal(0), "mm")}
    else:
        yield {**_test(_size_of(lesion)), "TRSTAT": "NOT DONE", "TRREASND": "NOT EVALUABLE"}


def _size_of(lesion: LockedLesion) -> str:
    return "LPERP" if lesion.nodal else "LDIAM"


def _sums(read: LockedRead) -> Iterator[dict[str, Value]]:
    """Give what was derived of the target lesions together."""
    for value in read.values:
        if value.derived and value.code in _NAMES and isinstance(value.value, Decimal):
            yield _number(value)
    if read.sum_mm is not None and read.nadir_sum_mm is not None:
        yield {**_test("ACNSD"), **_size(read.sum_mm - read.nadir_sum_mm, "mm")}


def _number(value: LockedValue) -> dict[str, Value]:
    assert isinstance(value.value, Decimal)
    return {**_test(value.code), **_size(value.value, value.unit)}


def _test(code: str) -> dict[str, Value]:
    return {"TRTESTCD": code, "TRTEST": _NAMES[code]}


def _size(size: Decimal, unit: str) -> dict[str, Value]:
    return {
        "TRORRES": text_of(size),
        "TRORRESU": unit,
        "TRSTRESC": text_of(size),
        "TRSTRESN": size,
        "TRSTRESU": unit,
    }
