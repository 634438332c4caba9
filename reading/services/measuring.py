"""Measuring readers: how well two readers of the same subjects agree."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from compliance import access, audit
from compliance.models import User
from reading.agreement_inputs import Pair, VariabilityInputs, variability_inputs
from reading.criteria import Criteria
from reading.derivation import pack_of
from reading.variability import (
    CaseOutcome,
    IccForm,
    Undefined,
    adjudication_metrics,
    bland_altman,
    cohen_kappa,
    icc,
    percent_agreement,
)
from reading.variability.causes import Cause
from reading.variability.monitoring import adjudication_rates, drift, flag_disagreement
from trials.models import Trial


def show_variability(*, trial: Trial, actor: User, at: dt.datetime) -> dict[str, Any]:
    """Return a trial's variability report to somebody, and record that results were looked at."""
    access.require(actor, "reading.see_results", trial)
    audit.record("results.viewed", trial, actor=actor, at=at, after={"report": "variability"})
    inputs = variability_inputs(trial)
    return _agreement_of_readers(trial, inputs) | {"monitoring": _monitoring(inputs)}


def variability_report(trial: Trial) -> dict[str, Any]:
    """Compute the agreement of a trial's readers from the reads signed so far, as plain JSON.

    Readers are compared by place: the first against the second reader of each subject. A statistic that these
    data do not define says so with its reason (`undefined`, `reason`).

    Returns
    -------
    dict
        `measure`: the quantity of the criteria, a sum of diameters for RECIST; `sums`: its pairs, ICC(2,1),
        ICC(3,1), Bland-Altman limits (first - second); `timepoint_responses`, `best_responses`: percent agreement
        and Cohen's kappa, unweighted over all responses and with linear weights over the ordered ones;
        `adjudication`: rate, and per reader the agreement with the adjudicator and the disagreement index.
    """
    return _agreement_of_readers(trial, variability_inputs(trial))


def _agreement_of_readers(trial: Trial, inputs: VariabilityInputs) -> dict[str, Any]:
    charter = trial.charter_in_force
    assert charter is not None
    pack = pack_of(charter)
    first = [float(pair.first) for pair in inputs.burdens]
    second = [float(pair.second) for pair in inputs.burdens]
    ratings = list(zip(first, second, strict=True))
    return {
        "trial": trial.code,
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
        `adjudication`: rates with control limits; `causes`: of decided adjudications, by pair of readers;
        `disagreement`: readers above the mean index by one SD; `drift`: cusum of 100 x (own - other) / mean of both
        sums, in percent, by reader in order of signature.
    """
    outcomes = _outcomes(inputs)
    metrics = adjudication_metrics(outcomes)
    return {
        "adjudication": adjudication_rates(outcomes).to_json(),
        "causes": _causes(inputs),
        "disagreement": (metrics if isinstance(metrics, Undefined) else flag_disagreement(metrics)).to_json(),
        "drift": drift(_differences(inputs)).to_json(),
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
        for read, difference in zip(pair.reads, (relative, -relative), strict=True):
            assert read.submitted_at is not None
            own = found.setdefault(read.reader.username, [])
            own.append((read.submitted_at, pair.subject, pair.timepoint, difference))
    return {reader: [difference for *_, difference in sorted(rows)] for reader, rows in found.items()}


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
