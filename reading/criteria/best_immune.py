"""Best overall response and the date of progression in iRECIST (Seymour 2017, Table 3 and its text)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from .best_response import BestRules, Response, confirmed_responses
from .results import BestResponse, DatedResponse, PackStamp, Step
from .values import InvalidRead


class Immune(StrEnum):
    """CDISC submission values of an iRECIST response."""

    ICR = "iCR"
    IPR = "iPR"
    ISD = "iSD"
    NON_ICR_NON_IUPD = "NON-iCR/NON-iUPD"
    IUPD = "iUPD"
    ICPD = "iCPD"
    NE = "NE"


#: What a response of RECIST 1.1 is called here. Without disease at baseline iRECIST has no name, so NE.
IMMUNE: Mapping[Response, Immune] = {
    Response.CR: Immune.ICR,
    Response.PR: Immune.IPR,
    Response.SD: Immune.ISD,
    Response.NON_CR_NON_PD: Immune.NON_ICR_NON_IUPD,
    Response.NED: Immune.NE,
    Response.PD: Immune.IUPD,
    Response.NE: Immune.NE,
}
_RECIST = {immune.value: recist.value for recist, immune in IMMUNE.items() if recist is not Response.NED}
_RESPONSE = (Immune.ICR, Immune.IPR)
_UNDONE_BY = (Immune.ICR, Immune.IPR, Immune.ISD, Immune.NON_ICR_NON_IUPD)


def best_immune_response(
    responses: Sequence[DatedResponse],
    start_day: int,
    rules: BestRules,
    stamp: PackStamp,
    *,
    target_disease: bool | None = None,
) -> BestResponse:
    """Return iBOR: the best of all timepoints before iCPD, an iUPD among them forbidding nothing (Table 3).

    Confirmation and the minimum for iSD are as in RECIST 1.1; an iUPD between two responses breaks a confirmation.
    Without anything better it is iCPD where progression was confirmed, and iUPD where it was not.

    Parameters
    ----------
    responses
        Overall responses, in any order.
    start_day
        Start of treatment or randomisation.
    rules
        The trial's reading of confirmation and minimum duration.
    stamp
        The pack that asks.
    target_disease
        Whether there were target lesions at baseline; None: told from the responses.

    Raises
    ------
    InvalidRead
        A response is not one of iRECIST.
    """
    ordered = sorted(responses, key=lambda visit: visit.study_day)
    if any(visit.overall not in set(Immune) for visit in ordered):
        raise InvalidRead(f"An overall response is unknown; choose one of {', '.join(Immune)}.")
    end = next((n for n, visit in enumerate(ordered) if visit.overall == Immune.ICPD), len(ordered))
    counted = ordered[:end]
    stated = {visit.overall for visit in counted}
    if target_disease is None:
        target_disease = Immune.NON_ICR_NON_IUPD not in stated or bool(stated & {Immune.IPR, Immune.ISD})
    # iUPD and iCPD keep their names here, so that they stand in the way of a confirmation.
    found = confirmed_responses(
        [DatedResponse(v.study_day, _RECIST[v.overall]) if v.overall != Immune.IUPD else v for v in counted], rules
    )
    best: Immune | None = None
    first: int | None = None
    if rules.confirmation_required:
        if found.any is not None:
            first, best = found.any, Immune.IPR if found.complete is None else Immune.ICR
    elif stated & set(_RESPONSE):
        first = next(n for n, visit in enumerate(counted) if visit.overall in _RESPONSE)
        best = Immune.ICR if Immune.ICR in stated else Immune.IPR
    confirmed = None if best is None else (found.complete if best is Immune.ICR else found.any) is not None
    if best is None:
        best = _without_response(counted, start_day, rules, target_disease, len(ordered) > end)
    steps = (
        Step(
            "timepoints_counted",
            "iRECIST, Table 3",
            {f"day {visit.study_day}": visit.overall for visit in ordered},
            f"{len(counted)} of {len(ordered)}" + (", up to iCPD" if len(ordered) > end else ""),
        ),
        Step("best_overall_response", "iRECIST, Table 3", {}, best.value),
    )
    return BestResponse(best.value, confirmed, None if first is None else counted[first].study_day, steps, stamp)


def _without_response(
    counted: Sequence[DatedResponse], start_day: int, rules: BestRules, target_disease: bool, progressed: bool
) -> Immune:
    lasting = {v.overall for v in counted if v.study_day - start_day >= rules.min_sd_days}
    stated = {v.overall for v in counted}
    if target_disease and lasting & {Immune.ICR, Immune.IPR, Immune.ISD}:
        return Immune.ISD
    persisting = {Immune.NON_ICR_NON_IUPD} if target_disease else {Immune.NON_ICR_NON_IUPD, Immune.ICR}
    if (lasting if rules.min_duration_for_nontarget else stated) & persisting:
        return Immune.NON_ICR_NON_IUPD
    if progressed:
        return Immune.ICPD
    return Immune.IUPD if Immune.IUPD in stated else Immune.NE


def immune_progression_day(responses: Sequence[DatedResponse], *, confirmed_only: bool) -> int | None:
    """Return the day of the iUPD that dates progression, of responses in order of time.

    It is the first iUPD since the last iSD, iPR or iCR before iCPD. One that was never confirmed counts too, unless
    `confirmed_only`, when no iSD, iPR or iCR came after it (iRECIST, statistical considerations). An iCPD without an
    iUPD before it is dated by itself.
    """
    first: int | None = None
    for visit in responses:
        if visit.overall in _UNDONE_BY:
            first = None
        elif visit.overall in (Immune.IUPD, Immune.ICPD) and first is None:
            first = visit.study_day
        if visit.overall == Immune.ICPD:
            return first
    return None if confirmed_only else first
