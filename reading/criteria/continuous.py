"""Continuous endpoints: a number and its change from baseline, without response classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from . import quantities_form
from .base import Burden, Criteria, Figure, Parameter, Term
from .form import Field, Form, Sheet
from .inputs import BaselineTarget
from .quantities import QuantityHistory, QuantityRead, QuantityResponse, summed
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse
from .values import EXACT, InvalidRead, difference, percent_change, plain, show_percent, total

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
        Parameter("quantity", "Value", "What is measured, in words", "The charter says: fat fraction, MOAKS score"),
        Parameter("unit", "", "Its unit", "The charter says; none for a score"),
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
    terms = (Term(EVALUABLE, "Evaluable", "info"), Term(NOT_EVALUABLE, "Not evaluable", "wait"))
    thresholds = ()
    reads_stand_alone = True
    responses = frozenset()

    @property
    def burden(self) -> Burden:  # type: ignore[override]
        """The value, under the charter's name and unit."""
        return Burden("value", self.choice("quantity"), self.choice("unit"), "baseline_value", _CLAUSE, "no regions")

    @property
    def figures(self) -> tuple[Figure, ...]:  # type: ignore[override]
        """The value and its change."""
        name, unit = self.choice("quantity"), self.choice("unit")
        return (
            Figure("value", name, name, unit, at_baseline=True),
            Figure("change", "Change from baseline", "Change", unit),
            Figure("percent_from_baseline", "Relative change", "Relative change", "%"),
        )

    def form(self) -> Form:
        """Return what the reader must enter."""
        value = Field(
            "value",
            self.choice("quantity"),
            unit=self.choice("unit"),
            least=Decimal(0),
            most=Decimal(999_999),
            decimals=4,
        )
        return Form(
            (
                quantities_form.followed(
                    "Regions",
                    "Add region",
                    "Every region that the charter names, with its value.",
                    "No regions were measured at baseline.",
                    value,
                    gone=False,
                    place="Region",
                    places=(),
                ),
            )
        )

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> QuantityHistory:
        """Return a subject as the pack reads it."""
        return quantities_form.history(baseline, later, "value")

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the values of the regions."""
        return quantities_form.values(baseline, "value")

    def baseline_burden(self, baseline: Sheet) -> Decimal | None:
        """Return the value at baseline: of all regions, as the charter makes one of them."""
        found = self.shares(baseline)
        return self._one(total(found.values()), len(found)) if found else None

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return what is wrong with the baseline: that nothing is measured, so that nothing can be followed."""
        return BaselineCheck(quantities_form.nothing_measured(targets), self.stamp)

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
