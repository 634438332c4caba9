"""Measuring readers: how well two readers of the same subjects agree."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from compliance import access, audit, jobs
from compliance.models import User
from reading.agreement_figures import FIGURES
from reading.agreement_inputs import Pair, RereadPair, VariabilityInputs, reread_pairs, variability_inputs
from reading.criteria import Criteria
from reading.derivation import pack_of
from reading.figure_files import KINDS, FigureFile, NoSuchFigure, as_file
from reading.models import Adjudication, AgreementReport, ReadTask
from reading.selectors import SubjectResult
from reading.variability import (
    CaseOutcome,
    IccForm,
    Undefined,
    adjudication_metrics,
    bland_altman,
    cohen_kappa,
    icc,
    percent_agreement,
    within_subject_sd,
)
from reading.variability.causes import Cause
from reading.variability.monitoring import adjudication_rates, drift, flag_disagreement
from trials.models import ImagingCharter, Subject, Timepoint, Trial

RENEW = "reading.renew_agreement"
#: The report is computed once for the reads that are signed within this time.
QUIET = dt.timedelta(seconds=20)


#: What the report rests on. What a reader enters counts from the signature on, which changes the task.
_RESTS_ON = (ReadTask, Adjudication, Subject, Timepoint, ImagingCharter)


def show_variability(*, trial: Trial, actor: User, at: dt.datetime) -> dict[str, Any]:
    """Return a trial's variability report to somebody, and record that results were looked at."""
    access.require(actor, "reading.see_results", trial)
    audit.record("results.viewed", trial, actor=actor, at=at, after={"report": "variability"})
    return _watched_report(trial)


@jobs.handler(RENEW)
def renew(*, trial_id: int, at: dt.datetime) -> None:
    """Compute a trial's report, so that whoever asks next does not wait for it."""
    _watched_report(Trial.objects.get(pk=trial_id))


def _watched_report(trial: Trial) -> dict[str, Any]:
    """Return the report with what is watched while reading goes on; it is computed anew after each change."""
    as_of = audit.latest_change(trial.pk, _RESTS_ON)
    kept = AgreementReport.objects.filter(trial=trial, as_of=as_of).first()
    if kept:
        report: dict[str, Any] = kept.report
        return report
    inputs = variability_inputs(trial)
    rereads = _rereads_by_reader(reread_pairs(trial), _pack(trial))
    pairs = _agreement_by_pair(inputs.responses, _pack(trial))
    watched = {**_monitoring(inputs), "rereads": rereads, "pairs": pairs}
    report = agreement_of(trial.code, _pack(trial), inputs) | {"monitoring": watched}
    AgreementReport.objects.update_or_create(trial=trial, defaults={"as_of": as_of, "report": report})
    return report


def show_figure(*, trial: Trial, name: str, kind: str, actor: User, at: dt.datetime) -> FigureFile:
    """Return one figure of the report as `svg` or `png`, or the numbers it shows as `csv`; the look is recorded.

    Raises
    ------
    reading.figure_files.NoSuchFigure, compliance.access.AccessDenied, compliance.printing.PrintNotPossible
    """
    access.require(actor, "reading.see_results", trial)
    if name not in FIGURES or kind not in KINDS:
        raise NoSuchFigure(
            f"There is no figure “{name}.{kind}”. There are {', '.join(FIGURES)}, each as .svg, .png and .csv."
        )
    figure, report = FIGURES[name], show_variability(trial=trial, actor=actor, at=at)
    return as_file(kind, lambda: figure.draw(report), lambda: figure.csv(report))


def variability_report(
    trial: Trial,
    results: Iterable[SubjectResult] | None = None,
    *,
    within: Callable[[], Collection[tuple[str, str]]] | None = None,
) -> dict[str, Any]:
    """Compute the agreement of a trial's readers from the reads signed so far, as plain JSON.

    Readers are compared by place: the first against the second reader of each subject. A statistic that these
    data do not define says so with its reason (`undefined`, `reason`).

    Parameters
    ----------
    results
        Of every subject by code, where they are computed for more than this; they take most of the time.
    within
        Returns, once the results were gone through, the subjects and visits whose re-reads count.

    Returns
    -------
    dict
        `measure`: the quantity of the criteria, a sum of diameters for RECIST; `sums`: its pairs, ICC(2,1),
        ICC(3,1), Bland-Altman limits (first - second); `timepoint_responses`, `best_responses`: percent agreement
        and Cohen's kappa, unweighted over all responses and with linear weights over the ordered ones;
        `adjudication`: rate, and per reader the agreement with the adjudicator and the disagreement index; where there
        were hidden re-reads, `rereads`: how all readers agree with themselves.
    """
    report = agreement_of(trial.code, _pack(trial), variability_inputs(trial, results))
    pairs = reread_pairs(trial)
    if within is not None:
        told = within()
        pairs = tuple(pair for pair in pairs if (pair.subject, pair.timepoint) in told)
    return report | ({"rereads": _rereads(pairs, _pack(trial))} if pairs else {})


def _pack(trial: Trial) -> Criteria[Any]:
    charter = trial.charter_in_force
    assert charter is not None
    return pack_of(charter)


def agreement_of(code: str, pack: Criteria[Any], inputs: VariabilityInputs) -> dict[str, Any]:
    """Return what `variability_report` says of a trial, by its code, from what two readers found."""
    first = [float(pair.first) for pair in inputs.burdens]
    second = [float(pair.second) for pair in inputs.burdens]
    ratings = list(zip(first, second, strict=True))
    return {
        "trial": code,
        "confidence": 0.95,
        "measure": {"title": pack.burden.title, "unit": pack.burden.unit},
        "sums": {
            "pairs": [
                {"subject": p.subject, "timepoint": p.timepoint, "first": float(p.first), "second": float(p.second)}
                for p in inputs.burdens
            ],
            "icc_2_1": icc(ratings, IccForm.TWO_SINGLE).to_json(),
            "icc_3_1": icc(ratings, IccForm.THREE_SINGLE).to_json(),
            "bland_altman": bland_altman(first, second).to_json(),
        },
        "timepoint_responses": _agreement(inputs.responses, pack),
        "best_responses": _agreement(inputs.best_responses, pack),
        "adjudication": adjudication_metrics(_outcomes(inputs)).to_json(),
    }


def _monitoring(inputs: VariabilityInputs) -> dict[str, Any]:
    """Return what is watched while reading goes on; it is of no use in a locked package, and not part of it.

    Returns
    -------
    dict
        `adjudication`: rates with control limits; `causes`: of decided adjudications, by pair of readers; `rereads`:
        each reader against the own earlier reads; `pairs`: agreement on the response at a timepoint, by pair of
        readers; `disagreement`: readers above the mean index by one SD; `drift`: cusum of 100 x (own - other) / mean of
        both sums, in percent, by reader in order of signature.
    """
    outcomes = _outcomes(inputs)
    metrics = adjudication_metrics(outcomes)
    return {
        "adjudication": adjudication_rates(outcomes).to_json(),
        "causes": _causes(inputs),
        "disagreement": (metrics if isinstance(metrics, Undefined) else flag_disagreement(metrics)).to_json(),
        "drift": drift(_differences(inputs)).to_json(),
    }


def _rereads_by_reader(pairs: Sequence[RereadPair], pack: Criteria[Any]) -> dict[str, Any]:
    readers = sorted({pair.reader for pair in pairs})
    return {reader: _rereads([pair for pair in pairs if pair.reader == reader], pack) for reader in readers}


def _rereads(pairs: Sequence[RereadPair], pack: Criteria[Any]) -> dict[str, Any]:
    """Return how first and second reads by the same reader agree, in the criteria's quantity and in responses."""
    burdens = [
        (float(pair.first_burden), float(pair.second_burden))
        for pair in pairs
        if pair.first_burden is not None and pair.second_burden is not None
    ]
    responses = [Pair(p.subject, p.timepoint, p.first, p.second) for p in pairs if p.first and p.second]
    return {
        "subjects": len({(pair.reader, pair.subject) for pair in pairs}),
        "icc_2_1": icc(burdens, IccForm.TWO_SINGLE).to_json(),
        "within_reader_sd": within_subject_sd(burdens).to_json(),
        "timepoint_responses": _agreement(responses, pack),
    }


def _causes(inputs: VariabilityInputs) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for case in inputs.cases:
        found.setdefault(" + ".join(sorted((case.first, case.second))), Counter()).update(case.causes)
    return {pair: {str(cause): counts[cause] for cause in Cause} for pair, counts in sorted(found.items()) if counts}


def _outcomes(inputs: VariabilityInputs) -> list[CaseOutcome]:
    return [
        CaseOutcome(c.first, c.second, c.adjudicated, c.selected, c.site, c.read_on, c.triggers) for c in inputs.cases
    ]


def _differences(inputs: VariabilityInputs) -> dict[str, list[float]]:
    """Return each reader's relative differences from the other reader, in percent, in order of signature."""
    found: dict[str, list[tuple[dt.datetime, str, str, float]]] = {}
    for pair in inputs.burdens:
        if not pair.first + pair.second:
            continue
        relative = float(200 * (pair.first - pair.second) / (pair.first + pair.second))
        for signed, difference in zip(pair.signed, (relative, -relative), strict=True):
            own = found.setdefault(signed.reader, [])
            own.append((signed.at, pair.subject, pair.timepoint, difference))
    return {reader: [difference for *_, difference in sorted(rows)] for reader, rows in found.items()}


def _agreement_by_pair(responses: Sequence[Pair], pack: Criteria[Any]) -> dict[str, Any]:
    """Return how each pair of readers agrees on the response at a timepoint."""
    return {
        readers: _agreement([pair for pair in responses if pair.readers == readers], pack)
        for readers in sorted({pair.readers for pair in responses})
    }


def _agreement(pairs: Sequence[Pair], pack: Criteria[Any]) -> dict[str, Any]:
    first, second = [pair.first for pair in pairs], [pair.second for pair in pairs]
    used = [str(term.value) for term in pack.terms if term.value in {*first, *second}]
    degrees = _degrees(pack)
    ordered = list(dict.fromkeys(degrees.values()))
    nominal = cohen_kappa(first, second, categories=used) if used else Undefined("Nothing was read by both readers.")
    linear = (
        cohen_kappa(
            [degrees.get(value) for value in first],
            [degrees.get(value) for value in second],
            categories=ordered,
            weights="linear",
        )
        if ordered
        else Undefined(f"{pack.identifier} has no degrees of response.")
    )
    return {
        "n": len(pairs),
        "categories": used,
        "ordered_categories": ordered,
        "percent_agreement": percent_agreement(first, second).to_json(),
        "kappa": nominal.to_json(),
        "kappa_linear": linear.to_json(),
        "differing": [
            {"subject": p.subject, "timepoint": p.timepoint, "first": p.first, "second": p.second}
            for p in pairs
            if p.first != p.second
        ],
    }


def _degrees(pack: Criteria[Any]) -> dict[str, str]:
    """Return each response with the one that stands for its degree, from best to worst; some are no degree."""
    first: dict[int, str] = {}
    for term in pack.terms:
        if term.degree is not None:
            first.setdefault(term.degree, str(term.value))
    return {str(term.value): first[term.degree] for term in pack.terms if term.degree is not None}
