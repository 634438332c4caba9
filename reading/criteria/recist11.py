"""RECIST 1.1 (Eisenhauer 2009, Eur J Cancer 45:228-247), with the EORTC questions and clarifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from . import recist11_form
from .base import Criteria
from .baseline import BaselineRules, baseline_violations
from .best_response import Response, best_response, confirmed_responses
from .form import Form, Sheet
from .inputs import (
    BaselineRead,
    BaselineTarget,
    NewLesionState,
    NonTargetState,
    SubjectHistory,
    TimepointRead,
)
from .recist11_settings import NONTARGET_STATES, PARAMETERS
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse, TimepointResponse
from .targets import SizedTarget, size_targets
from .values import InvalidRead, difference, percent_change, plain, share, show_percent, total

_WHOLE = Decimal(100)


def overall_response(target: str | None, nontarget: str | None, new_lesion: bool) -> tuple[Response, str]:
    """Return the overall response of one timepoint and the table that gave it.

    Tables 1 and 2 of RECIST 1.1 (§4.4.1). A component is None where the baseline had no such lesions; a
    subject without any disease is NED until a new lesion is unequivocal (CDISC value, not in the paper).

    Parameters
    ----------
    target
        CR, PR, SD, PD or NE.
    nontarget
        CR, NON-CR/NON-PD, PD or NE.
    new_lesion
        A new lesion is unequivocal.
    """
    table = {(True, True): "Table 1", (True, False): "Table 1", (False, True): "Table 2"}.get(
        (target is not None, nontarget is not None), "no disease at baseline"
    )
    if new_lesion or Response.PD in (target, nontarget):
        return Response.PD, table
    if target is None:
        return Response(nontarget) if nontarget is not None else Response.NED, table
    if target == Response.CR and nontarget not in (None, Response.CR):
        return Response.PR, table
    return Response(target), table


class Recist11(Criteria[SubjectHistory]):
    """RECIST 1.1 as one charter sets it."""

    identifier = "RECIST 1.1"
    version = "1.1"
    title = "Response Evaluation Criteria in Solid Tumours, version 1.1"
    parameters = PARAMETERS
    burden = recist11_form.BURDEN
    figures = recist11_form.FIGURES
    no_baseline = "RECIST 1.1 §4.1"
    measured_as = recist11_form.MEASURED_AS
    responses = frozenset({Response.CR, Response.PR})

    def form(self) -> Form:
        """Return what the reader must enter; the number of targets follows the charter's cap."""
        return recist11_form.capped(recist11_form.FORM, self.count("max_targets"))

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> SubjectHistory:
        """Return a subject as the pack reads it."""
        return recist11_form.history(baseline, later)

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the diameters of the target lesions (§4.2)."""
        return recist11_form.diameters(baseline)

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the baseline rules that the chosen target lesions break (§3.1, §4.2)."""
        return BaselineCheck(baseline_violations(targets, self.baseline_rules()), self.stamp)

    def baseline_rules(self) -> BaselineRules:
        """Return the limits of the choice of target lesions."""
        return BaselineRules(
            max_targets=self.count("max_targets"),
            max_targets_per_organ=self.count("max_targets_per_organ"),
            min_long_axis_mm=self.number("min_long_axis_mm"),
            min_long_axis_xray_mm=self.number("min_long_axis_xray_mm"),
            min_short_axis_mm=self.number("min_short_axis_mm"),
            max_slice_mm=self.number("max_slice_mm"),
            irradiated_targets=self.choice("irradiated_targets"),
        )

    def derive_timepoint(
        self, baseline: BaselineRead, earlier: Sequence[TimepointResponse], read: TimepointRead
    ) -> TimepointResponse:
        """Return the response at one timepoint (§4.3, §4.4.1).

        Target lesions are tested for PD, then NE, CR, PR and SD: the measured part of the sum may prove
        progression (§4.4.2), and nothing else can be said without the rest.

        Raises
        ------
        InvalidRead
            An entry is for a lesion that the baseline does not have, or lesions are merged in a circle.
        """
        trace: list[Step] = []
        sized = self.sized(baseline, read)
        baseline_sum = total(lesion.diameter_mm for lesion in baseline.targets)
        complete_sums = [response.sum_mm for response in earlier if response.sum_mm is not None]
        nadir = min([baseline_sum, *complete_sums])
        complete = bool(sized) and all(item.size_mm is not None for item in sized)
        measured = total(item.size_mm for item in sized if item.size_mm is not None)
        target = self._target(sized, measured, complete, baseline_sum, nadir, earlier, trace) if sized else None
        nontarget = self._nontarget(baseline, read, trace)
        new_lesion = _new_lesion(read, trace)
        reappeared = self._reappeared(sized, baseline, read, earlier, trace)
        overall, table = overall_response(target, nontarget, new_lesion)
        if reappeared:
            overall = Response.PD
        trace.append(
            Step(
                "overall_response",
                f"RECIST 1.1 §4.4.1, {table}" if table.startswith("Table") else f"CDISC NED: {table}",
                {
                    "target": target or "none",
                    "nontarget": nontarget or "none",
                    "new_lesion": "yes" if new_lesion else "no",
                    "reappeared_after_cr": "yes" if reappeared else "no",
                },
                overall.value,
            )
        )
        proofs = {
            "target": target == Response.PD,
            "nontarget": nontarget == Response.PD,
            "new_lesion": new_lesion,
            "reappearance": reappeared,
        }
        return TimepointResponse(
            timepoint_id=read.timepoint_id,
            study_day=read.study_day,
            sum_mm=measured if complete else None,
            nadir_mm=nadir if sized else None,
            percent_from_baseline=percent_change(measured, baseline_sum) if complete else None,
            percent_from_nadir=percent_change(measured, nadir) if complete else None,
            target=target,
            nontarget=nontarget,
            new_lesion=new_lesion,
            overall=overall.value,
            progression_by=tuple(name for name, proved in proofs.items() if proved),
            trace=tuple(trace),
            pack=self.stamp,
        )

    def sized(self, baseline: BaselineRead, read: TimepointRead) -> tuple[SizedTarget, ...]:
        """Return what each target lesion of the baseline contributes at a timepoint (§4.3.2)."""
        return size_targets(
            baseline.targets,
            read.targets,
            too_small_mm=self.number("too_small_mm"),
            node_normal_mm=self.number("node_normal_mm"),
        )

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response of stated overall responses (§4.4.3, Table 3)."""
        judged = self.choice("disease_after_cr") == "progression"
        return best_response(responses, start_day, self.best_rules(judged), self.stamp)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the first PD."""
        return next((visit.study_day for visit in responses if visit.overall == Response.PD), None)

    def derive_subject(self, history: SubjectHistory) -> SubjectResponse:
        """Return the responses at all timepoints, the best overall response, and the days of both events.

        Progression is dated at the first timepoint with PD, or earlier: at the first sight of the new lesion
        that proved it, where that was equivocal and not dismissed since (§4.3.5). Nothing after that day counts.
        """
        responses: list[TimepointResponse] = []
        for read in history.timepoints:
            responses.append(self.derive_timepoint(history.baseline, responses, read))
        trace: list[Step] = []
        day = self._progression_day(history.timepoints, responses, trace)
        dated = [DatedResponse(r.study_day, r.overall) for r in responses if day is None or r.study_day <= day]
        if day is not None and dated[-1].overall != Response.PD:
            # Progression was declared later than it is dated.
            if self.choice("equivocal_timepoint") == "progression":
                dated.pop()
            dated.append(DatedResponse(day, Response.PD))
        # Disease after CR was judged lesion by lesion above, so what is still PR here was never a true CR.
        best = best_response(
            dated,
            history.start_day,
            self.best_rules(False),
            self.stamp,
            target_disease=bool(history.baseline.targets),
        )
        return SubjectResponse(
            timepoints=tuple(responses),
            bor=best.response,
            bor_confirmed=best.confirmed,
            responder=best.response in self.responses,
            progression_day=day,
            first_response_day=best.first_response_day,
            trace=(*trace, *best.trace),
            pack=self.stamp,
            settings=self.settings,
        )

    def _target(
        self,
        sized: Sequence[SizedTarget],
        measured: Decimal,
        complete: bool,
        baseline_sum: Decimal,
        nadir: Decimal,
        earlier: Sequence[TimepointResponse],
        trace: list[Step],
    ) -> Response:
        trace.append(
            Step(
                "sum_of_diameters",
                "RECIST 1.1 §4.3.2",
                {item.lesion.lesion_id: item.how for item in sized},
                f"{plain(measured)} mm" + ("" if complete else " of the lesions with a value"),
            )
        )
        result, rule, clause = self._target_rule(sized, measured, complete, baseline_sum, nadir, earlier)
        trace.append(
            Step(
                rule,
                clause,
                {
                    "sum": f"{plain(measured)} mm",
                    "complete": "yes" if complete else "no",
                    "baseline": f"{plain(baseline_sum)} mm",
                    "nadir": f"{plain(nadir)} mm",
                    "from_baseline": show_percent(percent_change(measured, baseline_sum)),
                    "from_nadir": show_percent(percent_change(measured, nadir)),
                    "above_nadir": f"{plain(difference(measured, nadir))} mm",
                },
                result.value,
            )
        )
        return result

    def _target_rule(
        self,
        sized: Sequence[SizedTarget],
        measured: Decimal,
        complete: bool,
        baseline_sum: Decimal,
        nadir: Decimal,
        earlier: Sequence[TimepointResponse],
    ) -> tuple[Response, str, str]:
        paper = "RECIST 1.1 §4.3.1"
        threshold = share(total([_WHOLE, self.number("pd_increase_percent")]), nadir)
        grown = difference(measured, nadir)
        if measured >= threshold and grown > 0 and grown >= self.number("pd_absolute_mm"):
            if complete:
                return Response.PD, "target_progression", paper
            return Response.PD, "target_progression_by_partial_sum", "RECIST 1.1 §4.4.2"
        if not complete:
            return Response.NE, "target_not_evaluable", "RECIST 1.1 §4.4.2"
        if all(self._gone(item) for item in sized):
            return Response.CR, "target_complete_response", paper
        if measured <= share(difference(_WHOLE, self.number("pr_decrease_percent")), baseline_sum):
            return Response.PR, "target_partial_response", paper
        if self.flag("partial_response_continues") and self._in_response(earlier):
            return Response.PR, "target_partial_response_continues", "EORTC questions and clarifications, SD"
        return Response.SD, "target_stable_disease", f"{paper}; EORTC questions and clarifications, SD"

    def _gone(self, item: SizedTarget) -> bool:
        """Whether a target counts as gone: nothing left, or a node of normal size (§4.3.1, §4.3.2)."""
        limit = self.number("node_normal_mm")
        return item.size_mm is not None and (item.size_mm < limit if item.lesion.nodal else not item.size_mm)

    def _in_response(self, earlier: Sequence[TimepointResponse]) -> bool:
        """Whether a response was given since the last progression, and confirmed where the trial asks for it."""
        since: list[DatedResponse] = []
        for response in reversed(earlier):
            if response.overall == Response.PD:
                break
            since.append(DatedResponse(response.study_day, response.overall))
        if self.flag("confirmation_required"):
            return confirmed_responses(since[::-1], self.best_rules(False)).any is not None
        return any(visit.overall in self.responses for visit in since)

    def _nontarget(self, baseline: BaselineRead, read: TimepointRead, trace: list[Step]) -> Response | None:
        known = {lesion.lesion_id for lesion in baseline.nontargets}
        stated = {entry.lesion_id: entry.status for entry in read.nontargets}
        for name in sorted(set(stated) - known):
            raise InvalidRead(f"Lesion {name} is not a non-target lesion of the baseline; record it elsewhere.")
        for name in sorted(name for name, state in stated.items() if state not in NONTARGET_STATES):
            raise InvalidRead(f"Lesion {name} has a status of iRECIST; choose one of {', '.join(NONTARGET_STATES)}.")
        if not known:
            return None
        states = {name: stated.get(name) for name in sorted(known)}
        missing = any(state in (None, NonTargetState.NOT_EVALUABLE) for state in states.values())
        present = NonTargetState.PRESENT in states.values()
        if NonTargetState.UNEQUIVOCAL_PD in states.values():
            result, clause = Response.PD, "RECIST 1.1 §4.3.3, §4.3.4"
        elif missing and not (present and self.choice("nontarget_incomplete") == "persisting_decides"):
            result, clause = Response.NE, "RECIST 1.1 §4.4.1, Tables 1 and 2"
        elif present:
            result, clause = Response.NON_CR_NON_PD, "RECIST 1.1 §4.3.3"
        else:
            result, clause = Response.CR, "RECIST 1.1 §4.3.3"
        shown = {name: "not assessed" if state is None else state.value for name, state in states.items()}
        trace.append(Step("nontarget_response", clause, shown, result.value))
        return result

    def _reappeared(
        self,
        sized: Sequence[SizedTarget],
        baseline: BaselineRead,
        read: TimepointRead,
        earlier: Sequence[TimepointResponse],
        trace: list[Step],
    ) -> bool:
        """Whether disease of the baseline is back after overall CR.

        A target node is back from 10 mm on; a non-target node only by unequivocal progression, which is PD already.
        """
        mode = self.choice("disease_after_cr")
        if mode == "sum_rule_only" or not any(response.overall == Response.CR for response in earlier):
            return False
        if mode == "progression_if_confirmed":
            visits = [DatedResponse(response.study_day, response.overall) for response in earlier]
            if confirmed_responses(visits, self.best_rules(False)).complete is None:
                return False
        stated = {entry.lesion_id: entry.status for entry in read.nontargets}
        back = [item.lesion.lesion_id for item in sized if item.visible]
        back += [
            lesion.lesion_id
            for lesion in baseline.nontargets
            if not lesion.nodal and stated.get(lesion.lesion_id) is NonTargetState.PRESENT
        ]
        clause = "RECIST 1.1 Table 3 footnote; EORTC questions and clarifications, new lesions and abnormal node"
        seen = dict.fromkeys(back, "seen")
        trace.append(Step("disease_after_complete_response", clause, seen, "PD" if back else "none"))
        return bool(back)

    def _progression_day(
        self, reads: Sequence[TimepointRead], responses: Sequence[TimepointResponse], trace: list[Step]
    ) -> int | None:
        position = next((i for i, r in enumerate(responses) if r.overall == Response.PD), None)
        if position is None:
            trace.append(Step("progression_day", "RECIST 1.1 §4.4.4", {}, "none"))
            return None
        proved = [
            lesion.lesion_id for lesion in reads[position].new_lesions if lesion.status is NewLesionState.UNEQUIVOCAL
        ]
        first = position
        if self.flag("equivocal_dates_back"):
            first = min([position, *(_first_sight(name, reads[:position], position) for name in proved)])
        day = reads[first].study_day
        trace.append(
            Step(
                "progression_day" if first == position else "progression_dated_back_to_equivocal_lesion",
                "RECIST 1.1 §4.3.5, §4.4.4",
                {
                    "first timepoint with PD": reads[position].timepoint_id,
                    "dated at timepoint": reads[first].timepoint_id,
                    "proved by": ", ".join(responses[position].progression_by),
                },
                f"day {day}",
            )
        )
        return day


def _new_lesion(read: TimepointRead, trace: list[Step]) -> bool:
    found = any(lesion.status is NewLesionState.UNEQUIVOCAL for lesion in read.new_lesions)
    stated = {lesion.lesion_id: lesion.status.value for lesion in read.new_lesions}
    trace.append(Step("new_lesion", "RECIST 1.1 §4.3.5", stated, "yes" if found else "no"))
    return found


def _first_sight(lesion_id: str, reads: Sequence[TimepointRead], position: int) -> int:
    """Return where a lesion was first equivocal and not dismissed later; `position` where it never was."""
    first = position
    for index in range(len(reads) - 1, -1, -1):
        states = {lesion.lesion_id: lesion.status for lesion in reads[index].new_lesions}
        if states.get(lesion_id) is NewLesionState.NOT_A_LESION:
            break
        if states.get(lesion_id) is NewLesionState.EQUIVOCAL:
            first = index
    return first
