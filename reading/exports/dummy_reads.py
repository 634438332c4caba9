"""Reads that nobody made, for a dry run: what a reader might find of a subject, by a table and the trial's criteria."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reading.criteria import Criteria
from reading.criteria.form import DIAMETER, MEASURED, NEW, NON_TARGET, TARGET, Entry, Sheet
from reading.criteria.results import SubjectResponse, TimepointResponse
from reading.criteria.values import plain
from reading.exports.locked import LockedLesion, LockedMeasurement, LockedRead, LockedValue, RuleStep, evalid
from reading.exports.values import derived_values
from trials.charter import Visit

#: What each reader finds at the visits after the baseline, the last letter at all further ones. S: little change,
#: R: smaller, C: gone, P: larger, N: a new lesion, U: the non-target lesion progresses, E: not evaluable, -: missed.
COURSES = (
    ("SR", "SR"),
    ("RC", "RC"),
    ("SP", "SP"),
    ("RN", "RN"),
    ("RP", "RR"),
    ("EU", "EU"),
    ("-R", "-R"),
)
BASELINE, MISSED = "B", "-"
COMMENT = "DRY RUN: nobody read this."
_SHARES = {BASELINE: "1", "S": "0.95", "R": "0.6", "P": "1.4", "N": "0.6", "U": "0.95"}
_STATES = {"C": "ABSENT", "E": "NOT_EVALUABLE"}
#: By their numbers: target lesions with their diameter at baseline in mm, the non-target lesion, the new one.
_TARGETS = (("T01", "LIVER", 40), ("T02", "LUNG", 25))
_NON_TARGET, _NEW = ("NT03", "PLEURA"), ("NEW04", "BRAIN")
_NON_TARGET_STATES = {"C": "ABSENT", "U": "UNEQUIVOCAL_PD", "E": "NOT_EVALUABLE"}


@dataclass(frozen=True, slots=True)
class Course:
    """One reader's entries of a dummy subject by visit, and what the criteria derive from them."""

    slot: int
    letters: Mapping[str, str]
    sheets: Mapping[str, Sheet]
    outcome: SubjectResponse

    def response(self, code: str) -> TimepointResponse | None:
        """Return the response at a visit; None at the baseline."""
        return next((one for one in self.outcome.timepoints if one.timepoint_id == code), None)

    def on(self, day: int | None) -> str:
        """Return the visit that a day of the outcome stands for; empty for no day."""
        return next((one.timepoint_id for one in self.outcome.timepoints if one.study_day == day), "")


def letter_at(number: int, slot: int, order: int) -> str:
    """Return what the reader in a place finds of a subject, by its number, at a visit."""
    letters = COURSES[number % len(COURSES)][slot - 1]
    return BASELINE if order == 0 else letters[min(order, len(letters)) - 1]


def course(pack: Criteria[Any], visits: Sequence[Visit], number: int, slot: int) -> Course:
    """Return what the reader in a place finds of a subject, by its number."""
    letters = {visit.code: letter_at(number, slot, order) for order, visit in enumerate(visits)}
    sheets = {
        visit.code: _sheet(visit, letters[visit.code], number, slot)
        for visit in visits
        if letters[visit.code] != MISSED
    }
    baseline, *later = sheets.values()
    return Course(slot, letters, sheets, pack.derive(baseline, later))


def _sheet(visit: Visit, letter: str, number: int, slot: int) -> Sheet:
    entries = [_target(lesion, organ, size + number, letter, slot) for lesion, organ, size in _TARGETS]
    lesion, organ = _NON_TARGET
    entries.append(Entry(lesion, NON_TARGET, organ, False, _NON_TARGET_STATES.get(letter, "PRESENT"), {}))
    if letter == "N":
        entries.append(Entry(_NEW[0], NEW, _NEW[1], False, "UNEQUIVOCAL", {}))
    # Study days have no 0; the criteria count day 1 as 0.
    return Sheet(visit.code, visit.day - 1 if visit.day > 0 else visit.day, tuple(entries))


def _target(lesion: str, organ: str, size: int, letter: str, slot: int) -> Entry:
    if letter in _STATES:
        return Entry(lesion, TARGET, organ, False, _STATES[letter], {})
    found = (Decimal(size) * Decimal(_SHARES[letter]) + Decimal(slot - 1) / 2).quantize(Decimal("0.1"))
    return Entry(lesion, TARGET, organ, False, MEASURED, {DIAMETER: found})


def lesions(found: Course) -> Iterator[LockedLesion]:
    """Give the lesions of a reader, each with the visit at which it was seen first."""
    first: dict[str, tuple[str, Entry]] = {}
    for code, sheet in found.sheets.items():
        for entry in sheet.entries:
            first.setdefault(entry.lesion, (code, entry))
    for number, (label, (code, entry)) in enumerate(first.items(), start=1):
        yield LockedLesion(evalid(found.slot), number, label, entry.category, entry.organ, False, "Made up", code)


def read(found: Course, code: str, pack: Criteria[Any], picture: str) -> LockedRead:
    """Return a reader's read of a visit as a package holds it; `picture`: on which image it was measured."""
    sheet, response = found.sheets[code], found.response(code)
    baseline = pack.baseline_burden(next(iter(found.sheets.values())))
    derived = response.to_json() if response else {pack.burden.key: baseline and plain(baseline)}
    steps = response.trace if response else (pack.baseline_step(sheet),)
    return LockedRead(
        evalid=evalid(found.slot),
        accepted=found.slot == 1,
        simulated=True,
        image_quality="limited" if found.letters[code] == "E" else "adequate",
        comment=COMMENT,
        overall=response.overall if response else "",
        target=(response.target or "") if response else "",
        non_target=(response.nontarget or "") if response else "",
        new_lesion=response.new_lesion if response else None,
        sum_mm=exact(pack.burden.of(response) if response else baseline),
        baseline_sum_mm=exact(baseline),
        nadir_sum_mm=exact(response.nadir_mm) if response else None,
        change_from_baseline_percent=response.percent_from_baseline if response else None,
        change_from_nadir_percent=response.percent_from_nadir if response else None,
        measurements=tuple(_measurements(sheet, picture)),
        values=(*_entered(sheet, pack), *derived_values(derived, pack)),
        trace=tuple(RuleStep(step.rule, step.clause, step.inputs, step.result) for step in steps),
    )


def exact(value: Decimal | None) -> Decimal | None:
    """Return a number in its one text form."""
    return None if value is None else Decimal(plain(value))


def _measurements(sheet: Sheet, picture: str) -> Iterator[LockedMeasurement]:
    for entry in sheet.entries:
        size = entry.number(DIAMETER)
        yield LockedMeasurement(entry.lesion, 0, entry.state, exact(size), picture if size is not None else "")


def _entered(sheet: Sheet, pack: Criteria[Any]) -> Iterator[LockedValue]:
    for entry in sheet.entries:
        listed, size = pack.form().of(entry.category), exact(entry.number(DIAMETER))
        for field in listed.fields if listed else ():
            if field.name == DIAMETER and size is not None:
                yield LockedValue(entry.lesion, 0, field.name, field.code, size, field.unit, False)
