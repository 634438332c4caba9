"""Continuous endpoints: a number and its change from baseline, without response classes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .base import Criteria, Field, Form, Parameter, Section
from .quantities import QuantityHistory, QuantityRead, QuantityResponse, summed
from .results import BestResponse, DatedResponse, Step, SubjectResponse
from .values import EXACT, InvalidRead, difference, percent_change, plain, show_percent

EVALUABLE, NOT_EVALUABLE = "EVALUABLE", "NE"
_CLAUSE = "Continuous endpoint: value and change, as the charter defines them"


class Continuous(Criteria[QuantityHistory]):
    """A quantity of one or several regions (a score, a fat fraction, a volume), summed up or averaged.

    It derives the value, its change and its percent change from baseline at each timepoint. There are no responses,
    so the best response is EVALUABLE where any timepoint is, and nobody responds or progresses.
    """

    identifier = "Continuous endpoint"
    version = "1.0"
    title = "Change of a quantity from baseline"
    parameters = (
        Parameter(
            "aggregate",
            "sum",
            "How regions make one value",
            "The charter says; a score is usually a sum",
            ("sum", "mean"),
        ),
        Parameter(
            "incomplete",
            "not_evaluable",
            "A timepoint at which a region was not assessed",
            "ICH E9(R1): how missing values are handled is set beforehand. measured_part: the same regions at baseline",
            ("not_evaluable", "measured_part"),
        ),
    )
    responses = frozenset()

    def form(self) -> Form:
        """Return what the reader must enter."""
        region = Field("lesion_id", "Region", "text", required=True)
        value = Field("value", "Value", "number", required=True)
        return Form(
            (
                Section("regions", "Regions", "baseline", (region, value), adds_rows=True),
                Section("regions", "Regions", "follow_up", (Field("value", "Value", "number"),)),
            )
        )

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return EVALUABLE where any timepoint is; there are no responses.

        Raises
        ------
        InvalidRead
            A stated response is neither EVALUABLE nor NE.
        """
        if any(visit.overall not in (EVALUABLE, NOT_EVALUABLE) for visit in responses):
            raise InvalidRead(f"A continuous endpoint has no responses; choose {EVALUABLE} or {NOT_EVALUABLE}.")
        found = any(visit.overall == EVALUABLE for visit in responses)
        return BestResponse(EVALUABLE if found else NOT_EVALUABLE, None, None, (), self.stamp)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return None: a continuous endpoint has no progression."""
        return None

    def derive_subject(self, history: QuantityHistory) -> SubjectResponse:
        """Return the value and its change at each timepoint."""
        answers = tuple(self._timepoint(history, read) for read in history.timepoints)
        best = self.best_overall_response([DatedResponse(answer.study_day, answer.overall) for answer in answers])
        return SubjectResponse(
            timepoints=answers,
            bor=best.response,
            bor_confirmed=None,
            responder=False,
            progression_day=None,
            first_response_day=None,
            trace=(),
            pack=self.stamp,
            settings=self.settings,
        )

    def _timepoint(self, history: QuantityHistory, read: QuantityRead) -> QuantityResponse:
        assessed = {name: value for name, value in history.baseline.items() if read.values.get(name) is not None}
        in_part = self.choice("incomplete") == "measured_part" and bool(assessed)
        evaluable = in_part or len(assessed) == len(history.baseline)
        reference = assessed if in_part else history.baseline
        value = self._one(summed(reference, read)[0], len(reference)) if evaluable else None
        base = self._one(summed(reference, QuantityRead("baseline", 0, reference))[0], len(reference))
        change = None if value is None else difference(value, base)
        percent = None if value is None else percent_change(value, base)
        overall = EVALUABLE if evaluable else NOT_EVALUABLE
        inputs = {name: "not assessed" if read.values.get(name) is None else "assessed" for name in history.baseline}
        inputs |= {"baseline": plain(base), "value": "none" if value is None else plain(value)}
        step = Step("change_from_baseline", _CLAUSE, inputs, overall if change is None else _shown(change, percent))
        return QuantityResponse(
            timepoint_id=read.timepoint_id,
            study_day=read.study_day,
            sum_mm=None,
            nadir_mm=None,
            percent_from_baseline=percent,
            percent_from_nadir=None,
            target=None,
            nontarget=None,
            new_lesion=False,
            overall=overall,
            progression_by=(),
            trace=(step,),
            pack=self.stamp,
            quantities={"value": value, "baseline": base, "change": change},
        )

    def _one(self, summed_up: Decimal, count: int) -> Decimal:
        """One value of several; a mean is kept to nine decimals, since a third has no last one."""
        if self.choice("aggregate") == "sum":
            return summed_up
        return EXACT.divide(summed_up, Decimal(count)).quantize(Decimal("1e-9"), context=EXACT)


def _shown(change: Decimal, percent: Decimal | None) -> str:
    return f"{plain(change)} ({show_percent(percent)})"
