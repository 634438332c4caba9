"""What must hold for any subject, and a second, deliberately plain reading of the rules to compare with."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reading.criteria import get
from reading.criteria.inputs import (
    BaselineRead,
    NewLesion,
    NewLesionState,
    NonTargetLesion,
    NonTargetState,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TargetState,
    TimepointRead,
)
from reading.criteria.values import canonical_json, exact

pytestmark = pytest.mark.requirement("REQ-CRI-001")

# The machine may be busy; the rules themselves take a millisecond.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(unhurried, max_examples=500)

millimetres = st.decimals("0", "60", places=1)
pack_parameters = st.fixed_dictionaries(
    {},
    optional={
        "confirmation_required": st.booleans(),
        "partial_response_continues": st.booleans(),
        "disease_after_cr": st.sampled_from(["progression", "progression_if_confirmed", "sum_rule_only"]),
        "nontarget_incomplete": st.sampled_from(["not_evaluable", "persisting_decides"]),
    },
)


@st.composite
def measures(draw: st.DrawFn, lesion: TargetLesion) -> TargetMeasure:
    kind = draw(st.sampled_from(["diameter"] * 5 + ["shrunk"] * 3 + ["parts", "state", "gone", "gone", "missing"]))
    if kind == "diameter":
        return TargetMeasure(lesion.lesion_id, draw(millimetres))
    if kind == "shrunk":
        factor = draw(st.sampled_from(["0.3", "0.6", "0.7", "0.8", "1", "1.2"]))
        return TargetMeasure(lesion.lesion_id, lesion.diameter_mm * Decimal(factor))
    if kind == "parts":
        return TargetMeasure(lesion.lesion_id, parts_mm=tuple(draw(st.lists(millimetres, min_size=2, max_size=3))))
    if kind == "state":
        return TargetMeasure(lesion.lesion_id, state=draw(st.sampled_from(TargetState)))
    if kind == "gone":
        return TargetMeasure(lesion.lesion_id, state=TargetState.ABSENT)
    return TargetMeasure(lesion.lesion_id)


@st.composite
def histories(draw: st.DrawFn, least_targets: int = 0) -> SubjectHistory:
    targets = tuple(
        TargetLesion(f"T{n}", "LIVER", draw(st.booleans()), draw(st.decimals("10", "60", places=1)))
        for n in range(draw(st.integers(least_targets, 4)))
    )
    nontargets = tuple(NonTargetLesion(f"N{n}", "BONE", draw(st.booleans())) for n in range(draw(st.integers(0, 2))))
    reads = []
    day = 0
    for number in range(draw(st.integers(1, 6))):
        day += draw(st.sampled_from([14, 27, 28, 42, 56]))
        merged = len(targets) > 1 and draw(st.integers(0, 9)) == 0
        entries = [draw(measures(lesion)) for lesion in targets]
        if merged:
            entries[0] = TargetMeasure("T0", merged_into="T1")
        calm = [NonTargetState.ABSENT] * 3 + [NonTargetState.PRESENT] * 3
        states = st.sampled_from([*calm, NonTargetState.UNEQUIVOCAL_PD, NonTargetState.NOT_EVALUABLE])
        new = [
            NewLesion(f"L{n}", draw(st.sampled_from(NewLesionState))) for n in range(3) if draw(st.integers(0, 9)) == 0
        ]
        statuses = tuple(NonTargetStatus(lesion.lesion_id, draw(states)) for lesion in nontargets)
        reads.append(TimepointRead(f"TP{number}", day, tuple(entries), statuses, tuple(new)))
    return SubjectHistory(BaselineRead(targets, nontargets), tuple(reads))


def derive(history: SubjectHistory, parameters: Any = None) -> Any:
    return get("RECIST 1.1", parameters).derive_subject(history)


@unhurried
@given(histories(), pack_parameters, st.randoms(use_true_random=False))
def test_the_order_of_lesions_does_not_matter(subject: SubjectHistory, parameters: Any, random: Any) -> None:
    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    other = replace(
        subject,
        baseline=replace(
            subject.baseline,
            targets=shuffled(subject.baseline.targets),
            nontargets=shuffled(subject.baseline.nontargets),
        ),
        timepoints=shuffled(
            tuple(
                replace(
                    read,
                    targets=shuffled(read.targets),
                    nontargets=shuffled(read.nontargets),
                    new_lesions=shuffled(read.new_lesions),
                )
                for read in subject.timepoints
            )
        ),
    )
    assert canonical_json(derive(other, parameters)) == canonical_json(derive(subject, parameters))


@unhurried
@given(histories(least_targets=1), st.decimals("0.1", "40", places=3))
def test_scaling_all_diameters_leaves_percentages_unchanged(subject: SubjectHistory, factor: Decimal) -> None:
    def scaled(measure: TargetMeasure) -> TargetMeasure:
        diameter = measure.diameter_mm
        if measure.state is TargetState.TOO_SMALL:
            return TargetMeasure(measure.lesion_id, 5 * factor)
        return replace(
            measure,
            diameter_mm=None if diameter is None else exact(diameter * factor, "T"),
            parts_mm=tuple(part * factor for part in measure.parts_mm),
        )

    other = SubjectHistory(
        replace(
            subject.baseline,
            targets=tuple(replace(t, diameter_mm=t.diameter_mm * factor) for t in subject.baseline.targets),
        ),
        tuple(replace(read, targets=tuple(scaled(m) for m in read.targets)) for read in subject.timepoints),
    )

    def percents(history: SubjectHistory) -> list[Any]:
        return [(r.percent_from_baseline, r.percent_from_nadir) for r in derive(history).timepoints]

    assert percents(other) == percents(subject)


@unhurried
@given(histories(), histories(), pack_parameters)
def test_nothing_after_progression_counts(subject: SubjectHistory, later: SubjectHistory, parameters: Any) -> None:
    whole = derive(subject, parameters)
    first = next((n for n, r in enumerate(whole.timepoints) if r.overall == "PD"), None)
    if first is None:
        return
    kept = subject.timepoints[: first + 1]
    # Another future: later timepoints without entries for the lesions, but with any new lesion.
    other = tuple(
        TimepointRead(f"X{n}", kept[-1].study_day + read.study_day, (), (), read.new_lesions)
        for n, read in enumerate(later.timepoints)
    )
    for timepoints in (kept, kept + other):
        cut = derive(replace(subject, timepoints=timepoints), parameters)
        assert (cut.bor, cut.bor_confirmed, cut.progression_day, cut.first_response_day) == (
            whole.bor,
            whole.bor_confirmed,
            whole.progression_day,
            whole.first_response_day,
        )


@unhurried
@given(histories(least_targets=1), pack_parameters, st.integers(0, 5), st.integers(0, 3))
def test_a_missing_lesion_never_turns_progression_into_anything_but_not_evaluable(
    subject: SubjectHistory, parameters: Any, position: int, lesion: int
) -> None:
    position, lesion = position % len(subject.timepoints), lesion % len(subject.baseline.targets)
    read = subject.timepoints[position]
    if derive(subject, parameters).timepoints[position].overall != "PD":
        return
    entries = list(read.targets)
    entries[lesion] = TargetMeasure(entries[lesion].lesion_id, state=TargetState.NOT_EVALUABLE)
    timepoints = list(subject.timepoints)
    timepoints[position] = replace(read, targets=tuple(entries))
    assert derive(replace(subject, timepoints=tuple(timepoints)), parameters).timepoints[position].overall in (
        "PD",
        "NE",
    )


@unhurried
@given(histories(least_targets=1), st.decimals("10", "60", places=1))
def test_one_more_target_that_was_never_assessed_leaves_progression_or_nothing(
    subject: SubjectHistory, diameter: Decimal
) -> None:
    extra = TargetLesion("T9", "LUNG", False, diameter)
    baseline = replace(subject.baseline, targets=(*subject.baseline.targets, extra))
    assert {r.overall for r in derive(replace(subject, baseline=baseline)).timepoints} <= {"PD", "NE"}


@unhurried
@given(histories(), st.booleans())
def test_whether_pr_continues_does_not_change_the_best_response(subject: SubjectHistory, confirmation: bool) -> None:
    answers = {
        (result.bor, result.first_response_day, result.progression_day)
        for result in (
            derive(subject, {"partial_response_continues": setting, "confirmation_required": confirmation})
            for setting in (True, False)
        )
    }
    assert len(answers) == 1


# The rules once more, written plainly and apart, with fractions instead of decimals.


def plain_size(entry: TargetMeasure, all_entries: dict[str, TargetMeasure]) -> Fraction | None:
    if entry.merged_into:
        return None if plain_size(all_entries[entry.merged_into], all_entries) is None else Fraction(0)
    if entry.diameter_mm is not None:
        return Fraction(entry.diameter_mm)
    if entry.parts_mm:
        return sum((Fraction(part) for part in entry.parts_mm), Fraction(0))
    return {"ABSENT": Fraction(0), "TOO_SMALL": Fraction(5)}.get(str(entry.state))


def plain_recist(subject: SubjectHistory) -> tuple[list[str], str, int | None]:
    """RECIST 1.1 by default settings: overall responses, BOR without confirmation, day of progression."""
    lesions = subject.baseline.targets
    base = sum((Fraction(t.diameter_mm) for t in lesions), Fraction(0))
    nadir, answers, had_cr, responding = base, [], False, False
    for read in subject.timepoints:
        entries = {m.lesion_id: m for m in read.targets}
        sizes = {t.lesion_id: plain_size(entries[t.lesion_id], entries) for t in lesions}
        states = {s.lesion_id: s.status for s in read.nontargets}
        known = sum((size for size in sizes.values() if size is not None), Fraction(0))
        whole = None not in sizes.values()
        back = any(
            sizes[t.lesion_id] is not None and sizes[t.lesion_id] >= (10 if t.nodal else Fraction(1, 1000))
            for t in lesions
        ) or any(states[n.lesion_id] == "PRESENT" and not n.nodal for n in subject.baseline.nontargets)
        gone = whole and all(sizes[t.lesion_id] < (10 if t.nodal else Fraction(1, 1000)) for t in lesions)
        calm = "UNEQUIVOCAL_PD" not in states.values() and all(n.status != "UNEQUIVOCAL" for n in read.new_lesions)
        if not calm or (had_cr and back) or (lesions and known >= nadir * 6 / 5 and known - nadir >= 5):
            answer = "PD"
        elif not lesions and not states:
            answer = "NED"
        elif not lesions:
            answer = "CR" if set(states.values()) == {"ABSENT"} else "NON-CR/NON-PD"
            answer = "NE" if "NOT_EVALUABLE" in states.values() else answer
        elif not whole:
            answer = "NE"
        elif gone:
            answer = "CR" if set(states.values()) <= {"ABSENT"} else "PR"
        else:
            answer = "PR" if known <= base * 7 / 10 or responding else "SD"
        answers.append(answer)
        had_cr = had_cr or answer == "CR"
        responding = answer != "PD" and (responding or answer in ("CR", "PR"))
        nadir = min(nadir, known) if whole and lesions else nadir
    return answers, *plain_best(subject, answers)


def plain_best(subject: SubjectHistory, answers: list[str]) -> tuple[str, int | None]:
    days = [read.study_day for read in subject.timepoints]
    end, day = len(answers), None
    if "PD" in answers:
        at = answers.index("PD")
        real = {n.lesion_id for n in subject.timepoints[at].new_lesions if n.status == "UNEQUIVOCAL"}
        end = at
        for name in real:
            seen = [{n.lesion_id: n.status for n in read.new_lesions}.get(name) for read in subject.timepoints[:at]]
            dismissed = max((n for n, status in enumerate(seen) if status == "NOT_A_LESION"), default=-1)
            end = min([end, *(n for n, status in enumerate(seen) if status == "EQUIVOCAL" and n > dismissed)])
        day = days[end]
    before = list(zip(days[: end + 1], answers[: end + 1], strict=True))
    for best in ("CR", "PR"):
        if any(answer == best for _, answer in before):
            return best, day
    for best in ("SD", "NON-CR/NON-PD"):
        if any(answer == best and visit >= 42 for visit, answer in before):
            return best, day
    if any(answer == "NED" for _, answer in before):
        return "NED", day
    return ("NE" if day is None else "PD"), day


@thorough
@given(histories())
def test_a_second_plain_reading_of_the_rules_agrees(subject: SubjectHistory) -> None:
    result = derive(subject)
    answers, best, day = plain_recist(subject)
    assert ([r.overall for r in result.timepoints], result.bor, result.progression_day) == (answers, best, day)


@pytest.mark.parametrize("confirmation", [True, False])
@unhurried
@given(histories())
def test_progression_comes_after_the_first_response(confirmation: bool, subject: SubjectHistory) -> None:
    result = derive(subject, {"confirmation_required": confirmation})
    assert (result.first_response_day is not None) == result.responder == (result.bor in ("CR", "PR"))
    if result.responder and result.progression_day is not None:
        # They may be one day: where a lesion was equivocal that proved progression later.
        assert result.first_response_day <= result.progression_day
    if result.responder and confirmation:
        assert result.bor_confirmed is True
