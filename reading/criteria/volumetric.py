"""Volumetric response: RECIST's thresholds carried over to volumes, where d and V of a sphere go as V ~ d³."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from . import quantities_form, recist11_form
from .base import Burden, Criteria, Figure, Parameter
from .best_response import Response, best_response
from .form import VOLUME, Field, Form, Sheet
from .inputs import BaselineTarget, NewLesionState
from .quantities import QuantityHistory, QuantityRead, QuantityResponse, summed
from .recist11 import overall_response
from .recist11_settings import PARAMETERS as RECIST_PARAMETERS
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse
from .values import difference, percent_change, plain, share, show_percent, total

_SPHERE = "of a sphere whose diameter changes by RECIST's"
_PAPER = "Volumetric response, thresholds of the pack"
_WHOLE = Decimal(100)
_BEST = ("confirmation_required", "confirm_min_days", "confirm_max_ne", "confirm_max_sd", "confirm_max_interruptions")
_SHARED = (*_BEST, "min_sd_days")

FORM = Form(
    (
        quantities_form.followed(
            "Target lesions",
            "Add target",
            "Each segmented on this timepoint; the volume is that of the segmentation.",
            "No target lesions were chosen at baseline.",
            Field(
                VOLUME,
                "Volume",
                unit="ml",
                least=Decimal("0.001"),
                most=Decimal(20_000),
                decimals=3,
                brief="volume",
                code="VOLUME",
            ),
            gone=True,
        ),
        recist11_form.NEW_LESIONS,
    )
)


class Volumetric(Criteria[QuantityHistory]):
    """Response by the sum of the volumes of the target lesions, and by new lesions.

    Trials of benign tumours change the two thresholds: 20% each way for neurofibroma (REiNS, Dombi 2013).
    """

    identifier = "Volumetric"
    version = "1.0"
    title = "Volumetric response of target lesions"
    parameters = (
        Parameter(
            "pr_decrease_percent", Decimal("65.7"), "Decrease from baseline for PR, %", f"{_SPHERE} 30%: 1 - 0.7³"
        ),
        Parameter("pd_increase_percent", Decimal("72.8"), "Increase over nadir for PD, %", f"{_SPHERE} 20%: 1.2³ - 1"),
        Parameter(
            "pd_absolute_ml", Decimal(0), "Least increase over nadir for PD, ml", "None, unless the protocol says"
        ),
        Parameter("new_lesion_is_progression", True, "An unequivocal new lesion is PD", "RECIST 1.1 §4.3.5"),
        *(parameter for parameter in RECIST_PARAMETERS if parameter.name in _SHARED),
    )
    burden = Burden("volume_ml", "Sum of volumes", "ml", "baseline_sum_of_volumes", _PAPER)
    figures = (
        Figure("volume_ml", "Sum of volumes", "Sum", "ml", at_baseline=True),
        Figure("percent_from_baseline", "From baseline", "From baseline", "%"),
        Figure("percent_from_nadir", "From nadir", "From nadir", "%", beside="nadir_ml"),
        Figure("target", "Target lesions", "Target", code="TRGRESP"),
        Figure("new_lesion", "New lesions", "New", code="NEWLIND"),
    )
    responses = frozenset({Response.CR, Response.PR})

    def form(self) -> Form:
        """Return what the reader must enter."""
        return FORM

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> QuantityHistory:
        """Return a subject as the pack reads it."""
        return quantities_form.history(baseline, later, "volume_ml")

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the volumes of the target lesions."""
        return quantities_form.values(baseline, "volume_ml")

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return what is wrong with the baseline: that nothing is measured, so that nothing can be followed."""
        return BaselineCheck(quantities_form.nothing_measured(targets), self.stamp)

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response, by the rules of RECIST 1.1 §4.4.3."""
        return best_response(responses, start_day, self.best_rules(), self.stamp, target_disease=True)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the first PD."""
        return next((visit.study_day for visit in responses if visit.overall == Response.PD), None)

    def derive_subject(self, history: QuantityHistory) -> SubjectResponse:
        """Return the responses at all timepoints, the best overall response and the day of progression."""
        base = total(history.baseline.values())
        nadir, answers = base, []
        for read in history.timepoints:
            answers.append(self._timepoint(history, read, base, nadir))
            volume = answers[-1].quantities["volume_ml"]
            nadir = nadir if volume is None else min(nadir, volume)
        dated = [DatedResponse(answer.study_day, answer.overall) for answer in answers]
        best = self.best_overall_response(dated, history.start_day)
        return SubjectResponse(
            timepoints=tuple(answers),
            bor=best.response,
            bor_confirmed=best.confirmed,
            responder=best.response in self.responses,
            progression_day=self.progression_day(dated),
            first_response_day=best.first_response_day,
            trace=best.trace,
            pack=self.stamp,
            settings=self.settings,
        )

    def _timepoint(
        self, history: QuantityHistory, read: QuantityRead, base: Decimal, nadir: Decimal
    ) -> QuantityResponse:
        measured, complete = summed(history.baseline, read)
        target, rule = self._target(measured, complete, base, nadir)
        found = any(lesion.status is NewLesionState.UNEQUIVOCAL for lesion in read.new_lesions)
        new_lesion = found and self.flag("new_lesion_is_progression")
        overall, _ = overall_response(target, None, new_lesion)
        inputs = {
            "volume": f"{plain(measured)} ml",
            "complete": "yes" if complete else "no",
            "baseline": f"{plain(base)} ml",
            "nadir": f"{plain(nadir)} ml",
            "from_baseline": show_percent(percent_change(measured, base)),
            "from_nadir": show_percent(percent_change(measured, nadir)),
        }
        trace = (
            Step(rule, _PAPER, inputs, target.value),
            Step(
                "new_lesion", "RECIST 1.1 §4.3.5", {one.lesion_id: one.status for one in read.new_lesions}, str(found)
            ),
            Step("overall_response", "RECIST 1.1 §4.4.1, Table 1", {"target": target.value}, overall.value),
        )
        return QuantityResponse(
            timepoint_id=read.timepoint_id,
            study_day=read.study_day,
            sum_mm=None,
            nadir_mm=None,
            percent_from_baseline=percent_change(measured, base) if complete else None,
            percent_from_nadir=percent_change(measured, nadir) if complete else None,
            target=target,
            nontarget=None,
            new_lesion=found,
            overall=overall.value,
            progression_by=tuple(
                name for name, proved in (("target", target is Response.PD), ("new_lesion", new_lesion)) if proved
            ),
            trace=trace,
            pack=self.stamp,
            quantities={"volume_ml": measured if complete else None, "nadir_ml": nadir},
        )

    def _target(self, measured: Decimal, complete: bool, base: Decimal, nadir: Decimal) -> tuple[Response, str]:
        """PD first, which the measured part alone can prove; then NE, CR, PR and SD."""
        grown = difference(measured, nadir)
        threshold = share(total([_WHOLE, self.number("pd_increase_percent")]), nadir)
        if measured >= threshold and grown > 0 and grown >= self.number("pd_absolute_ml"):
            return Response.PD, "volume_progression"
        if not complete:
            return Response.NE, "volume_not_evaluable"
        if not measured:
            return Response.CR, "volume_complete_response"
        if measured <= share(difference(_WHOLE, self.number("pr_decrease_percent")), base):
            return Response.PR, "volume_partial_response"
        return Response.SD, "volume_stable"
