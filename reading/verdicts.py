"""The answer to the question of a read on a clock, held against what was derived: who decides against that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reading.criteria import Criteria
from reading.criteria.form import TARGET, Sheet
from reading.criteria.results import DatedResponse, Step
from reading.models import Assessment, ReadTask
from reading.models.real_time import is_asked
from reading.questions import QUESTIONS, Verdict
from reading.states import Purpose

MEASURABLE = "measurable_disease"
_CLAUSE = "Measurable disease is at least one target lesion that meets the criteria's rules of the baseline"
_NOT_EVALUABLE = ("", "NE")


def measurable_of(sheet: Sheet, violations: object) -> tuple[bool | None, Step]:
    """Derive whether there is measurable disease at a baseline, with the step that says so; None: not evaluable."""
    targets = [entry.lesion for entry in sheet.of(TARGET)]
    found = bool(targets) and not violations if sheet.evaluable else None
    said = {True: "present", False: "not present", None: "not evaluable"}[found]
    return found, Step(MEASURABLE, _CLAUSE, {"targets": ", ".join(targets) or "none"}, said)


def expected_verdict(task: ReadTask, derived: Mapping[str, Any], pack: Criteria[Any]) -> str:
    """Return the answer that goes with what was derived; empty where nothing derived decides."""
    if task.purpose == Purpose.ELIGIBILITY:
        if not task.charter.terms.real_time.eligibility_needs or MEASURABLE not in derived:
            return ""
        answers = {True: Verdict.YES, False: Verdict.NO, None: Verdict.NOT_EVALUABLE}
        return answers[derived[MEASURABLE]]
    overall = derived.get("overall", "")
    if overall in _NOT_EVALUABLE:
        return Verdict.NOT_EVALUABLE
    progressed = pack.progression_day([DatedResponse(0, overall)]) is not None
    return Verdict.YES if progressed else Verdict.NO


def said_of_derived(task: ReadTask, derived: Mapping[str, Any]) -> str:
    """Write what was derived that bears on the question; empty while nothing is."""
    if task.purpose == Purpose.ELIGIBILITY:
        if MEASURABLE not in derived:
            return ""
        words = {True: "present", False: "not present", None: "not evaluable"}
        return f"Measurable disease: {words[derived[MEASURABLE]]}"
    return f"Derived response: {derived['overall']}" if derived.get("overall") else ""


def open_points(task: ReadTask, assessment: Assessment, pack: Criteria[Any]) -> tuple[str, ...]:
    """Return what stands between the answer and a signature, one sentence each; nothing where nothing is asked."""
    if not is_asked(task):
        return ()
    question = QUESTIONS[task.purpose]
    if not assessment.verdict:
        return (f"“{question.asks}” is not answered yet.",)
    if assessment.image_quality == "not_evaluable":
        if assessment.verdict != Verdict.NOT_EVALUABLE:
            return ("Images that cannot be evaluated answer nothing: choose “not evaluable”.",)
        return ()
    expected = expected_verdict(task, assessment.derivation, pack)
    if expected and assessment.verdict != expected and not assessment.verdict_reason:
        return (f"What was derived answers “{question.say(expected)}”. Say why you answer otherwise.",)
    return ()
