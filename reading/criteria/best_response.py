"""Best overall response from dated overall responses: RECIST 1.1 §4.4.3, Table 3, §4.6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .results import BestResponse, DatedResponse, PackStamp, Step
from .values import InvalidRead


class Response(StrEnum):
    """CDISC submission values of a RECIST 1.1 response; NED is for subjects without disease at baseline."""

    CR = "CR"
    PR = "PR"
    SD = "SD"
    NON_CR_NON_PD = "NON-CR/NON-PD"
    NED = "NED"
    PD = "PD"
    NE = "NE"


_RESPONSE = (Response.CR, Response.PR)
_DISEASE = (Response.PR, Response.SD, Response.NON_CR_NON_PD)


@dataclass(frozen=True, slots=True)
class BestRules:
    """How a trial reads Table 3; days and counts as in the pack's parameters of the same names.

    Attributes
    ----------
    disease_after_cr_is_pd
        Disease stated after CR is progression at that timepoint; otherwise the CR is read as a PR.
    """

    confirmation_required: bool
    confirm_min_days: int
    confirm_max_ne: int
    confirm_max_sd: int
    confirm_max_interruptions: int
    min_sd_days: int
    min_duration_for_nontarget: bool
    disease_after_cr_is_pd: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Where responses were first confirmed, as positions in a sequence; None where none was."""

    complete: int | None
    any: int | None


def confirmed_responses(visits: Sequence[DatedResponse], rules: BestRules) -> Confirmed:
    """Find the first confirmed CR, and the first confirmed response of either kind.

    The second timepoint lies at least `confirm_min_days` after the first. A few timepoints with NE, and for PR
    with SD, may lie between: PR-NE-PR is confirmed (§4.4.4), and so is PR-SD-PR unless several timepoints
    without response lie between (Appendix III).
    """
    complete = partial = None
    for first, start in enumerate(visits):
        if partial is None and start.overall in _RESPONSE and _is_confirmed(first, visits, rules, _RESPONSE):
            partial = first
        if start.overall == Response.CR and _is_confirmed(first, visits, rules, (Response.CR,)):
            complete = first
            break
    return Confirmed(complete, partial)


def _is_confirmed(first: int, visits: Sequence[DatedResponse], rules: BestRules, by: tuple[Response, ...]) -> bool:
    """Whether a response of the given kinds follows in time, with few enough timepoints of other kinds between."""
    not_evaluable = stable = 0
    for visit in visits[first + 1 :]:
        if visit.overall in by:
            if visit.study_day - visits[first].study_day >= rules.confirm_min_days:
                return True
        elif visit.overall == Response.NE:
            not_evaluable += 1
        elif visit.overall == Response.SD and Response.PR in by:
            stable += 1
        else:
            return False
        if (
            not_evaluable > rules.confirm_max_ne
            or stable > rules.confirm_max_sd
            or not_evaluable + stable > rules.confirm_max_interruptions
        ):
            return False
    return False


def best_response(
    responses: Sequence[DatedResponse],
    start_day: int,
    rules: BestRules,
    stamp: PackStamp,
    *,
    target_disease: bool | None = None,
) -> BestResponse:
    """Return the best overall response.

    Timepoints up to and including the first progression count. Without confirmation the best of them is
    taken; with it, a CR or PR that was not confirmed counts as SD (Table 3). SD needs a timepoint at least
    `min_sd_days` after the start; without one the answer is PD when progression follows and NE otherwise.

    Parameters
    ----------
    responses
        Overall responses, in any order.
    start_day
        Start of treatment or randomisation, on the same scale as the study days.
    rules
        The trial's reading of Table 3.
    stamp
        The pack that asks.
    target_disease
        Whether there were target lesions at baseline; None: told from the responses. Without any, an
        unconfirmed CR counts as NON-CR/NON-PD (Table 2 knows no SD).

    Raises
    ------
    InvalidRead
        A response is not one of RECIST 1.1.
    """
    ordered = sorted(responses, key=lambda visit: visit.study_day)
    if any(visit.overall not in set(Response) for visit in ordered):
        raise InvalidRead(f"An overall response is unknown; choose one of {', '.join(Response)}.")
    counted, confirmable, progressed = _counted(ordered, rules)
    if target_disease is None:
        stated = {visit.overall for visit in counted}
        target_disease = Response.NON_CR_NON_PD not in stated or bool(stated & {Response.PR, Response.SD})
    found = confirmed_responses(confirmable, rules)
    minimum_met = [v for v in counted if v.study_day - start_day >= rules.min_sd_days]

    best: Response | None = None
    first: int | None = None
    if rules.confirmation_required:
        if found.any is not None:
            best = Response.PR if found.complete is None else Response.CR
            first = found.any
    else:
        positions = [i for i, visit in enumerate(confirmable) if visit.overall in _RESPONSE]
        if positions:
            first = positions[0]
            complete = any(confirmable[i].overall == Response.CR for i in positions)
            best = Response.CR if complete else Response.PR
    confirmed = None if best is None else (found.complete if best is Response.CR else found.any) is not None
    if best is None:
        best = _without_response(counted, minimum_met, progressed, rules, target_disease)
    steps = (
        Step(
            "timepoints_counted",
            "RECIST 1.1 §4.4.3",
            {f"day {visit.study_day}": visit.overall for visit in ordered},
            f"{len(counted)} of {len(ordered)}" + (", up to progression" if progressed else ""),
        ),
        Step(
            "confirmation",
            "RECIST 1.1 §4.6.1, Table 3",
            {
                "required": "yes" if rules.confirmation_required else "no",
                "minimum interval": f"{rules.confirm_min_days} days",
                "first confirmed CR": _day(confirmable, found.complete),
                "first confirmed response": _day(confirmable, found.any),
            },
            {None: "no response", True: "confirmed", False: "not confirmed"}[confirmed],
        ),
        Step(
            "minimum_duration_of_sd",
            "RECIST 1.1 §4.4.3, §4.6.3",
            {"start": f"day {start_day}", "minimum": f"{rules.min_sd_days} days"},
            f"first met on day {minimum_met[0].study_day}" if minimum_met else "not met",
        ),
        Step("best_overall_response", "RECIST 1.1 §4.4.3, Table 3", {}, best.value),
    )
    first_day = None if first is None else confirmable[first].study_day
    return BestResponse(best.value, confirmed, first_day, steps, stamp)


def _counted(
    visits: Sequence[DatedResponse], rules: BestRules
) -> tuple[list[DatedResponse], list[DatedResponse], bool]:
    """Return the timepoints that count, those among them that may hold a response, and whether the last is PD.

    Footnote a of Table 3: after a true CR any disease is progression at that timepoint. Whether the minimum
    for SD was met is still judged on the date of that timepoint too, as stated there.
    """
    had_complete = False
    for position, visit in enumerate(visits):
        if visit.overall == Response.PD:
            return list(visits[: position + 1]), list(visits[:position]), True
        if had_complete and rules.disease_after_cr_is_pd and visit.overall in _DISEASE:
            return list(visits[: position + 1]), list(visits[:position]), True
        had_complete = had_complete or visit.overall == Response.CR
    return list(visits), list(visits), False


def _without_response(
    counted: Sequence[DatedResponse],
    minimum_met: Sequence[DatedResponse],
    progressed: bool,
    rules: BestRules,
    target_disease: bool,
) -> Response:
    stable = {visit.overall for visit in minimum_met}
    lasting = minimum_met if rules.min_duration_for_nontarget else counted
    if stable & {Response.CR, Response.PR, Response.SD} and target_disease:
        return Response.SD
    persisting = {Response.NON_CR_NON_PD} if target_disease else {Response.NON_CR_NON_PD, Response.CR}
    if {visit.overall for visit in lasting} & persisting:
        return Response.NON_CR_NON_PD
    if any(visit.overall == Response.NED for visit in counted):
        return Response.NED
    return Response.PD if progressed else Response.NE


def _day(visits: Sequence[DatedResponse], position: int | None) -> str:
    return "none" if position is None else f"day {visits[position].study_day}"
