"""A locked trial of random entries whose responses the RECIST 1.1 pack derived: targets that shrink, vanish, split or
cannot be seen, nodes, non-target lesions, and new ones."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from reading import criteria
from reading.criteria.form import Entry, Sheet
from reading.criteria.results import SubjectResponse
from reading.exports.locked import (
    LockedLesion,
    LockedMeasurement,
    LockedRead,
    LockedResult,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    LockedValue,
    RuleStep,
)
from reading.exports.locked_review import LockedReview
from reading.exports.snapshot import locked_criteria
from reading.reviewed import reviewed
from tests.reading.exports.sample import locked_trial
from trials.schedule import date_of

VISITS = (("BL", -6), ("W8", 57), ("W16", 113), ("W24", 169), ("W32", 225))
SIGNED_AT = dt.datetime(2031, 12, 1, 9, tzinfo=dt.UTC)
ORGANS = (("LUNG", False), ("LIVER", False), ("LYMPH NODE", True))


def random_trial(
    subjects: int, seed: int, settings: Mapping[str, object] | None = None, *, gone_over: bool = False
) -> LockedTrial:
    """Return a trial of which every response follows from its measurements.

    `gone_over`: readers changed some of their responses in global reviews, and the others follow from those.
    """
    dice = random.Random(seed)
    pack = criteria.get("RECIST 1.1", settings or {})
    made = tuple(_subject(number, pack, dice, gone_over) for number in range(1, subjects + 1))
    return replace(locked_trial(1), subjects=made, criteria=locked_criteria(pack), variability={})


def _subject(number: int, pack: criteria.Criteria, dice: random.Random, gone_over: bool) -> LockedSubject:
    code, day_1 = f"101-{number:03d}", dt.date(2031, 4, 1) + dt.timedelta(days=13 * number)
    days = [day + dice.randint(-3, 3) for _, day in VISITS]
    readers = [_reader(slot, days, pack, dice, gone_over) for slot in (1, 2)]
    timepoints = tuple(
        LockedTimepoint(
            visit,
            f"Visit {visit}",
            order,
            planned,
            planned - 7,
            planned + 7,
            "received",
            "cleared",
            "read",
            study_day=days[order],
            shifted_date=date_of(days[order], day_1),
            series_read=1,
            study_instance_uid=f"2.25.6{number}{order}",
            reads=tuple(replace(reads[order], accepted=place == 0) for place, (reads, *_) in enumerate(readers)),
        )
        for order, (visit, planned) in enumerate(VISITS)
    )
    return LockedSubject(
        code,
        "101",
        "enrolled",
        day_1,
        timepoints,
        tuple(lesion for _, lesions, *_ in readers for lesion in lesions),
        tuple(replace(result, accepted=place == 0) for place, (*_, result, _) in enumerate(readers)),
        reviews=tuple(review for *_, reviews in readers for review in reviews),
    )


def _reader(
    slot: int, days: list[int], pack: criteria.Criteria, dice: random.Random, gone_over: bool
) -> tuple[list[LockedRead], list[LockedLesion], LockedResult, list[LockedReview]]:
    evalid = f"READER {slot}"
    lesions = [
        LockedLesion(evalid, n, f"T{n:02d}", "target", *ORGANS[(n - 1) % 3], "a mass, 2 mm below the rim", "BL")
        for n in range(1, dice.choice((1, 2, 3, 3)) + 1)
        if dice.random() < 0.95
    ]
    lesions += [
        LockedLesion(evalid, n, f"NT{n:02d}", "non_target", "BONE", False, "", "BL")
        for n in range(4, 4 + dice.choice((0, 1, 2)))
    ]
    trend = dice.choice((-0.45, -0.3, -0.1, 0.05, 0.25))
    sheets: list[Sheet] = []
    for order, day in enumerate(days):
        if order and dice.random() < 0.07:
            lesions.append(
                LockedLesion(evalid, 9 + order, f"NEW{9 + order:02d}", "new", "LIVER", False, "", VISITS[order][0])
            )
        entries = [e for lesion in lesions for e in _entries(lesion, order, trend, dice)]
        sheets.append(Sheet(VISITS[order][0], day - 1 if day > 0 else day, tuple(entries)))
    derived = outcome = pack.derive(sheets[0], sheets[1:])
    reviews = []
    if gone_over:
        changes = {code: dice.choice(pack.terms).value for code, _ in VISITS[1:] if dice.random() < 0.3}
        outcome = reviewed(derived, changes, pack)
        reviews = [
            LockedReview(evalid, was.timepoint_id, was.overall, now.overall, "Seen beside the others", SIGNED_AT)
            for was, now in zip(derived.timepoints, outcome.timepoints, strict=True)
        ]
    reads = [_read(evalid, order, sheet, lesions, outcome) for order, sheet in enumerate(sheets)]
    on = {sheet.study_day: sheet.timepoint_id for sheet in sheets}
    result = LockedResult(
        evalid,
        False,
        outcome.bor,
        outcome.bor_confirmed,
        on.get(outcome.progression_day, ""),
        on.get(outcome.first_response_day, ""),
    )
    return reads, lesions, result, reviews


def _entries(lesion: LockedLesion, order: int, trend: float, dice: random.Random) -> list[Entry]:
    def entry(state: str, size: Decimal | None = None, part: int = 0) -> Entry:
        values = {} if size is None else {"diameter_mm": size}
        return Entry(lesion.label, lesion.category, lesion.organ, lesion.nodal, state, values, part)

    if lesion.category == "non_target":
        return [
            entry(
                dice.choices(("PRESENT", "ABSENT", "UNEQUIVOCAL_PD", "NOT_EVALUABLE"), (8, 3, 0.3, 0.5))[0]
                if order
                else "PRESENT"
            )
        ]
    if lesion.category == "new":
        return [entry(dice.choice(("EQUIVOCAL", "UNEQUIVOCAL", "NOT_A_LESION")))]
    size = Decimal(str(round(max(0.0, (16 + lesion.number * 6) * (1 + trend * order + dice.gauss(0, 0.05))), 1)))
    if not order:
        return [entry("MEASURED", size)]
    chance = dice.random()
    if chance < 0.03:
        return [entry("NOT_EVALUABLE")]
    if not lesion.nodal and size < 6:
        return [entry("ABSENT" if size < 3 else "TOO_SMALL")]
    if chance < 0.08 and size > 12:
        return [entry("MEASURED", size - 5, 1), entry("MEASURED", Decimal("5.5"), 2)]
    return [entry("MEASURED", max(size, Decimal("4.5")))]


def _read(evalid: str, order: int, sheet: Sheet, lesions: list[LockedLesion], outcome: SubjectResponse) -> LockedRead:
    nodal = {lesion.label: lesion.nodal for lesion in lesions}
    measurements = tuple(LockedMeasurement(e.lesion, e.part, e.state, e.number("diameter_mm")) for e in sheet.entries)
    entered = tuple(
        LockedValue(
            m.lesion, m.part, "diameter_mm", "LPERP" if nodal[m.lesion] else "LDIAM", m.diameter_mm, "mm", False
        )
        for m in measurements
        if m.diameter_mm is not None
    )
    sizes = [e.number("diameter_mm") or Decimal(0) for e in sheet.entries if e.category == "target"]
    baseline = None if outcome.timepoints[0].nadir_mm is None else sum(sizes, Decimal(0))
    if not order:
        derived = () if baseline is None else (LockedValue("", 0, "sum_mm", "SUMDIAM", baseline, "mm", True),)
        return LockedRead(
            evalid, False, True, "adequate", "", "", sum_mm=baseline, baseline_sum_mm=baseline,
            measurements=measurements, values=(*entered, *derived),
        )  # fmt: skip
    found = outcome.timepoints[order - 1]
    sums = (
        ("sum_mm", "SUMDIAM", found.sum_mm, "mm"),
        ("percent_from_baseline", "PCBSD", found.percent_from_baseline, "%"),
        ("percent_from_nadir", "PCNSD", found.percent_from_nadir, "%"),
    )
    numbers = [(name, code, value, unit) for name, code, value, unit in sums if value is not None]
    texts = (
        ("target", "TRGRESP", found.target),
        ("nontarget", "NTRGRESP", found.nontarget),
        ("new_lesion", "NEWLIND", "Y" if found.new_lesion else "N"),
    )
    return LockedRead(
        evalid=evalid,
        accepted=False,
        simulated=True,
        image_quality="adequate",
        comment="",
        overall=found.overall,
        target=found.target or "",
        non_target=found.nontarget or "",
        new_lesion=found.new_lesion,
        sum_mm=found.sum_mm,
        baseline_sum_mm=None,
        nadir_sum_mm=found.nadir_mm,
        change_from_baseline_percent=found.percent_from_baseline,
        change_from_nadir_percent=found.percent_from_nadir,
        measurements=measurements,
        values=(
            *entered,
            *(LockedValue("", 0, name, code, value, unit, True) for name, code, value, unit in numbers),
            *(LockedValue("", 0, name, code, value, "", True) for name, code, value in texts if value),
        ),
        trace=tuple(RuleStep(step.rule, step.clause, dict(step.inputs), step.result) for step in found.trace),
    )  # fmt: skip
