"""What is asked of a reader beside the criteria, and in which words it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reading.states import Purpose


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one timepoint, and its answers in words."""

    title: str
    asks: str
    answers: Mapping[str, str]

    def say(self, verdict: str) -> str:
        """Return an answer in words; empty for none."""
        return self.answers.get(verdict, "")


QUESTIONS: Mapping[str, Question] = {
    Purpose.ELIGIBILITY: Question(
        "Eligibility",
        "Is the subject eligible by imaging?",
        {
            Verdict.YES: "Eligible by imaging",
            Verdict.NO: "Not eligible by imaging",
            Verdict.NOT_EVALUABLE: "Eligibility not evaluable",
        },
    ),
    Purpose.PROGRESSION: Question(
        "Progression",
        "Is progression confirmed at this timepoint?",
        {
            Verdict.YES: "Progression confirmed",
            Verdict.NO: "Progression not confirmed",
            Verdict.NOT_EVALUABLE: "Progression not evaluable",
        },
    ),
}
TONES: Mapping[str, Mapping[str, str]] = {
    Purpose.ELIGIBILITY: {Verdict.YES: "ok", Verdict.NO: "bad", Verdict.NOT_EVALUABLE: "wait"},
    Purpose.PROGRESSION: {Verdict.YES: "bad", Verdict.NO: "ok", Verdict.NOT_EVALUABLE: "wait"},
}
