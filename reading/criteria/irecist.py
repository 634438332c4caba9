"""iRECIST (Seymour 2017, Lancet Oncol 18:e143-e152), with the EORTC questions and clarifications on iRECIST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from . import irecist_form, recist11_form
from .base import Criteria, Term
from .best_immune import IMMUNE, Immune, best_immune_response, immune_progression_day
from .best_response import Response
from .form import Form, Sheet
from .inputs import (
    BaselineRead,
    BaselineTarget,
    NonTargetState,
    NonTargetStatus,
    SubjectHistory,
    TimepointRead,
)
from .irecist_progression import Course, Progression, see_new_lesions
from .irecist_settings import PARAMETERS
from .recist11 import Recist11
from .recist11_form import BURDEN, FIGURES
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse, TimepointResponse
from .values import total

_COMPARED = (NonTargetState.NO_CHANGE_FROM_LAST, NonTargetState.DECREASED)
_OWN = frozenset({"icpd_min_days", "icpd_max_days", "icpd_increase_mm"})


class IRecist(Criteria[SubjectHistory]):
    """iRECIST as one charter sets it.

    Every timepoint is first judged as RECIST 1.1 does, on the lesions of the baseline. What would be PD there is
    iUPD, and a `Course` follows it until it is confirmed or a response resets the bar.
    """

    identifier = "iRECIST"
    version = "1.0"
    title = "Response criteria for trials of immunotherapeutics"
    parameters = PARAMETERS
    terms = (
        Term("iCR", "Complete response", "ok", 0),
        Term("iPR", "Partial response", "ok", 1),
        Term("iSD", "Stable disease", "info", 2),
        Term("NON-iCR/NON-iUPD", "Neither complete response nor progression", "info", 2),
        Term("iUPD", "Unconfirmed progression", "bad", 3),
        Term("iCPD", "Confirmed progression", "bad", 4),
        Term("NE", "Not evaluable", "wait"),
    )
    burden = BURDEN
    figures = FIGURES
    no_baseline = "RECIST 1.1 §4.1"
    measured_as = recist11_form.MEASURED_AS
    responses = frozenset({Immune.ICR, Immune.IPR})

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(parameters)
        self._recist = Recist11({name: value for name, value in self.settings.items() if name not in _OWN})

    def form(self) -> Form:
        """Return what the reader must enter; the number of targets follows the charter's cap."""
        return recist11_form.capped(irecist_form.FORM, self.count("max_targets"))

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> SubjectHistory:
        """Return a subject as the pack reads it."""
        return irecist_form.history(baseline, later)

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the diameters of the target lesions."""
        return recist11_form.diameters(baseline)

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the baseline rules that the chosen target lesions break; they are those of RECIST 1.1."""
        return BaselineCheck(self._recist.check_baseline(targets).violations, self.stamp)

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response of stated overall responses (iRECIST, Table 3)."""
        return best_immune_response(responses, start_day, self._recist.best_rules(False), self.stamp)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the iUPD that was confirmed, or that nothing came after which would undo it."""
        return immune_progression_day(responses, confirmed_only=False)

    def derive_subject(self, history: SubjectHistory) -> SubjectResponse:
        """Return the responses at all timepoints, iBOR, and the day of the iUPD that was later confirmed."""
        course = Course(
            minimum=self.count("icpd_min_days"),
            maximum=self.count("icpd_max_days"),
            increase_mm=self.number("icpd_increase_mm"),
            pd_increase_percent=self.number("pd_increase_percent"),
            pd_absolute_mm=self.number("pd_absolute_mm"),
        )
        stated: dict[str, NonTargetState] = {}
        as_recist: list[TimepointResponse] = []
        answers: list[TimepointResponse] = []
        for read in history.timepoints:
            statuses, grown = _as_stated(read, stated)
            base = self._recist.derive_timepoint(
                history.baseline, as_recist, replace(read, nontargets=statuses, new_lesions=())
            )
            sighting = _sighting(history.baseline, read, base, grown, self._recist)
            verdict = course.see(sighting)
            overall = _overall(base, verdict.progression, sighting.new_lesions.present)
            as_recist.append(replace(base, overall=_AS_RECIST[overall]))
            trace = tuple(step for step in base.trace if step.rule != "new_lesion")
            answers.append(
                replace(
                    base,
                    target=None if base.target is None else IMMUNE[Response(base.target)].value,
                    nontarget=None if base.nontarget is None else IMMUNE[Response(base.nontarget)].value,
                    new_lesion=sighting.new_lesions.present,
                    overall=overall.value,
                    progression_by=verdict.by,
                    trace=(*trace, Step(verdict.rule, verdict.clause, verdict.inputs, overall.value)),
                    pack=self.stamp,
                )
            )
        best = best_immune_response(
            [DatedResponse(answer.study_day, answer.overall) for answer in answers],
            history.start_day,
            self._recist.best_rules(False),
            self.stamp,
            target_disease=bool(history.baseline.targets),
        )
        dated = Step(
            "progression_day",
            "iRECIST, statistical considerations",
            {},
            "none" if course.confirmed_day is None else f"day {course.confirmed_day}, the iUPD that was confirmed",
        )
        return SubjectResponse(
            timepoints=tuple(answers),
            bor=best.response,
            bor_confirmed=best.confirmed,
            responder=best.response in self.responses,
            progression_day=course.confirmed_day,
            first_response_day=best.first_response_day,
            trace=(dated, *best.trace),
            pack=self.stamp,
            settings=self.settings,
        )


_AS_RECIST = {immune: recist for recist, immune in IMMUNE.items() if recist is not Response.NED} | {
    Immune.ICPD: Response.PD
}


def _as_stated(
    read: TimepointRead, stated: dict[str, NonTargetState]
) -> tuple[tuple[NonTargetStatus, ...], frozenset[str]]:
    """Return the non-target statuses as RECIST 1.1 has them, and the lesions said to have grown further.

    A lesion compared with the timepoint before keeps what it was: one that had progressed unequivocally and did
    not change, or decreased, has still progressed (iRECIST, Table 2, fifth row). `stated` is brought up to date.
    """
    statuses, grown = [], set()
    for entry in read.nontargets:
        before = stated.get(entry.lesion_id, NonTargetState.PRESENT)
        state = entry.status
        if state in _COMPARED:
            state = before
        elif state is NonTargetState.FURTHER_INCREASE:
            grown.add(entry.lesion_id)
            state = before if before is NonTargetState.UNEQUIVOCAL_PD else NonTargetState.PRESENT
        elif state is NonTargetState.UNEQUIVOCAL_PD and before is not NonTargetState.UNEQUIVOCAL_PD:
            grown.add(entry.lesion_id)
        if state is not NonTargetState.NOT_EVALUABLE:
            stated[entry.lesion_id] = state
        statuses.append(NonTargetStatus(entry.lesion_id, state))
    return tuple(statuses), frozenset(grown)


def _sighting(
    baseline: BaselineRead,
    read: TimepointRead,
    base: TimepointResponse,
    grown: frozenset[str],
    recist: Recist11,
) -> Progression:
    sizes = [item.size_mm for item in recist.sized(baseline, read) if item.size_mm is not None]
    return Progression(
        day=read.study_day,
        base=Response(base.overall),
        by=frozenset(base.progression_by),
        measured_mm=total(sizes) if sizes else Decimal(0),
        nontarget_grown=bool(grown),
        new_lesions=see_new_lesions(read.new_lesions),
    )


def _overall(base: TimepointResponse, progression: Immune | None, new_lesions: bool) -> Immune:
    """Return the overall response; a complete response needs the new lesions gone as well."""
    if progression is not None:
        return progression
    response = IMMUNE[Response(base.overall)]
    if response is Immune.ICR and new_lesions:
        return Immune.NON_ICR_NON_IUPD if base.target is None else Immune.IPR
    return response
