"""A statistic asked for by name, with data and options as plain values: the contract of `evaluate_variability`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from .adjudication import VARIABLES, Outcome, adjudication_needed
from .agreement import CaseOutcome, adjudication_metrics, percent_agreement
from .base import Undefined, used_categories
from .bland_altman import bland_altman
from .concordance import dice, lin_ccc
from .fields import Fields, InvalidRequest, flag, given, label, measurement, pair, rows, sequence, voxels
from .fleiss import fleiss_kappa, fleiss_kappa_of_ratings
from .gwet import gwet_ac1, gwet_ac1_of_table
from .icc import icc
from .kappa import as_disagreement, cohen_kappa, cohen_kappa_of_table
from .krippendorff import Level, krippendorff_alpha
from .proportion import proportion_ci
from .repeatability import within_subject_cv, within_subject_sd
from .survival import kaplan_meier, logrank

#: Readings are finite; what is computed from them need not be.
_BEYOND = Undefined("The numbers are too large, or too far apart, for double precision.")


class Answer(Protocol):
    """What every statistic returns, an undefined one too."""

    def to_json(self) -> dict[str, object]:
        """Return the answer of the contract."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """How a statistic is computed from the fields of a request, and the options that it takes."""

    of: Callable[[Fields, Fields], Answer]
    options: tuple[str, ...] = ()


def evaluate(request: Mapping[str, Any]) -> dict[str, object]:
    """Return the answer to one request: `{"stat": name, "data": {...}, "options": {...}}`.

    Raises
    ------
    HouseError
        The request breaks the contract.
    """
    statistic = STATISTICS.get(name) if isinstance(name := request.get("stat"), str) else None
    if statistic is None:
        raise InvalidRequest("stat is one of " + ", ".join(STATISTICS) + ".")
    data = Fields("data", request.get("data"))
    options = Fields("options", {} if request.get("options") is None else request["options"])
    options.allow("confidence", *statistic.options)
    try:
        answer = statistic.of(data, options).to_json()
    except OverflowError:
        return _BEYOND.to_json()
    except RecursionError:
        raise InvalidRequest("data is nested too deeply.") from None
    return answer if _finite(answer) else _BEYOND.to_json()


def _icc(data: Fields, options: Fields) -> Answer:
    options.choice("missing", "listwise", default="listwise")
    ratings = data.sequence("ratings", rows(measurement))
    form = options.given("type")
    return icc(ratings, form if isinstance(form, str) else "", confidence=_confidence(options))


def _cohen_kappa(data: Fields, options: Fields) -> Answer:
    weights, confidence, declared = _weights(options), _confidence(options), _categories(options)
    if data.one_of("table", "pairs") == "table":
        return cohen_kappa_of_table(_table(data, declared), weights=weights, confidence=confidence)
    first, second = _pairs(data, options)
    complete = [x for a, b in zip(first, second, strict=True) if a is not None and b is not None for x in (a, b)]
    if declared is None and weights != "none" and any(isinstance(x, str) for x in complete):
        raise InvalidRequest("A weighted kappa of names needs options.categories, in their order.")
    used = used_categories([*first, *second] if declared else complete, declared)
    if not complete:
        return Undefined("No case was read by both readers.")
    return cohen_kappa(first, second, categories=used, weights=weights, confidence=confidence)


def _fleiss_kappa(data: Fields, options: Fields) -> Answer:
    options.choice("missing", "listwise", default="listwise")
    if data.one_of("counts", "ratings") == "counts":
        return fleiss_kappa(data.sequence("counts", rows(given(measurement))))
    return fleiss_kappa_of_ratings(data.sequence("ratings", rows(label)), categories=_categories(options))


def _krippendorff_alpha(data: Fields, options: Fields) -> Answer:
    level = Level(options.choice("level", *Level))
    read = measurement if level in (Level.INTERVAL, Level.RATIO) else label
    return krippendorff_alpha(data.sequence("ratings", rows(read)), level, categories=_categories(options))


def _gwet_ac1(data: Fields, options: Fields) -> Answer:
    declared = _categories(options)
    options.choice("missing", "drop_pair", default="drop_pair")
    match data.one_of("table", "pairs", "ratings"):
        case "table":
            return gwet_ac1_of_table(_table(data, declared))
        case "pairs":
            readings = list(zip(*_pairs(data, options), strict=True))
            # A reading that is not among the declared categories is refused, also in a pair that is dropped.
            used_categories([x for both in readings for x in both], declared)
            return gwet_ac1([both for both in readings if None not in both], categories=declared)
        case _:
            return gwet_ac1(data.sequence("ratings", rows(label)), categories=declared)


def _percent_agreement(data: Fields, options: Fields) -> Answer:
    first, second = _pairs(data, options)
    used_categories([*first, *second], _categories(options))
    return percent_agreement(first, second)


def _bland_altman(data: Fields, options: Fields) -> Answer:
    return bland_altman(
        *_two_readers(data, options),
        multiplier=options.number("multiplier", 1.96),
        confidence=_confidence(options),
        log=options.flag("log", default=False),
        limit_variance=options.choice("limit_variance", "1986", "1999", default="1986"),
    )


def _within_subject_sd(data: Fields, options: Fields) -> Answer:
    return within_subject_sd(data.sequence("replicates", rows(measurement)))


def _within_subject_cv(data: Fields, options: Fields) -> Answer:
    method = options.choice("method", "rms", "log", default="rms")
    return within_subject_cv(data.sequence("replicates", rows(measurement)), method=method)


def _lin_ccc(data: Fields, options: Fields) -> Answer:
    options.choice("ci", "z-transform", default="z-transform")
    return lin_ccc(*_two_readers(data, options), confidence=_confidence(options))


def _dice(data: Fields, options: Fields) -> Answer:
    a, b = data.sequence("a", lambda _, value: value), data.sequence("b", lambda _, value: value)
    marked = list(voxels(a, b))
    return dice([one for one, _ in marked], [other for _, other in marked])


def _kaplan_meier(data: Fields, options: Fields) -> Answer:
    return kaplan_meier(
        data.sequence("time", measurement),
        data.sequence("event", flag),
        ci=options.choice("ci", "log-log", "plain", default="log-log"),
        confidence=_confidence(options),
    )


def _logrank(data: Fields, options: Fields) -> Answer:
    return logrank(data.sequence("time", measurement), data.sequence("event", flag), data.sequence("group", label))


def _proportion_ci(data: Fields, options: Fields) -> Answer:
    return proportion_ci(
        data.count("x"),
        data.count("n"),
        method=options.choice("method", "clopper-pearson", "wilson", default="clopper-pearson"),
        confidence=_confidence(options),
    )


def _reader_metrics(data: Fields, options: Fields) -> Answer:
    return adjudication_metrics(data.sequence("cases", _case))


def _adjudication_needed(data: Fields, options: Fields) -> Answer:
    variables: Sequence[str] = VARIABLES
    if "variables" in options:
        variables = [str(name) for name in options.sequence("variables", given(label))]
    return Needed(
        adjudication_needed(
            *(_outcome(f"data.{name}", data.given(name)) for name in ("reader1", "reader2")),
            variables=variables,
            date_window_days=options.count("date_window_days", 0),
        )
    )


@dataclass(frozen=True, slots=True)
class Needed:
    """Whether an adjudication is needed, and for which variables."""

    variables: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the answer of the contract."""
        return {"needed": bool(self.variables), "variables": list(self.variables)}


def _finite(answer: object) -> bool:
    if isinstance(answer, Mapping):
        return all(map(_finite, answer.values()))
    if isinstance(answer, list | tuple):
        return all(map(_finite, answer))
    return not isinstance(answer, float) or math.isfinite(answer)


def _confidence(options: Fields) -> float:
    return options.number("confidence", 0.95)


def _categories(options: Fields) -> list[Hashable] | None:
    return options.sequence("categories", given(label)) if "categories" in options else None


def _pairs(data: Fields, options: Fields) -> tuple[list[Hashable | None], list[Hashable | None]]:
    options.choice("missing", "drop_pair", default="drop_pair")
    pairs = data.sequence("pairs", pair)
    return [a for a, _ in pairs], [b for _, b in pairs]


def _two_readers(data: Fields, options: Fields) -> tuple[list[Any], list[Any]]:
    options.choice("missing", "drop_pair", default="drop_pair")
    return data.sequence("a", measurement), data.sequence("b", measurement)


def _table(data: Fields, declared: Sequence[Hashable] | None) -> list[list[Any]]:
    table = data.sequence("table", rows(given(measurement)))
    if declared is not None and len(declared) != len(table):
        raise InvalidRequest("data.table needs a row and a column for each of options.categories.")
    return table


def _weights(options: Fields) -> Any:
    kind = options.choice("weights_kind", "disagreement", "agreement", default="disagreement")
    weights = options.given("weights")
    if weights is None or isinstance(weights, str):
        return options.choice("weights", "none", "linear", "quadratic", default="none")
    matrix = sequence("options.weights", weights, rows(given(measurement)))
    return as_disagreement(matrix) if kind == "agreement" else matrix


def _case(name: str, value: object) -> CaseOutcome:
    case = Fields(name, value)
    one, two, selected = (None if (who := case.label(at)) is None else str(who) for at in _READERS)
    if one is None or two is None:
        raise InvalidRequest(f"{name} does not name its two readers.")
    # The place of a reader is understood as the reader, unless somebody bears that name.
    by_place = {"reader1": one, "reader2": two}
    if selected is not None and selected not in (one, two):
        selected = by_place.get(selected, selected)
    return CaseOutcome(one, two, adjudicated=case.flag("adjudicated"), selected=selected)


def _outcome(name: str, value: object) -> Outcome:
    found = Fields(name, value)
    bor = found.label("bor")
    return Outcome(
        bor=None if bor is None else str(bor),
        **{field.name: found.day(field.name) for field in fields(Outcome) if field.name != "bor"},
    )


_READERS = ("reader1", "reader2", "selected")

#: By the name in a request. `confidence` may be given with each.
STATISTICS: Mapping[str, Statistic] = {
    "icc": Statistic(_icc, ("type", "missing")),
    "cohen_kappa": Statistic(_cohen_kappa, ("weights", "weights_kind", "categories", "missing")),
    "fleiss_kappa": Statistic(_fleiss_kappa, ("categories", "missing")),
    "krippendorff_alpha": Statistic(_krippendorff_alpha, ("level", "categories")),
    "gwet_ac1": Statistic(_gwet_ac1, ("categories", "missing")),
    "percent_agreement": Statistic(_percent_agreement, ("categories", "missing")),
    "bland_altman": Statistic(_bland_altman, ("multiplier", "log", "limit_variance", "missing")),
    "within_subject_sd": Statistic(_within_subject_sd),
    "within_subject_cv": Statistic(_within_subject_cv, ("method",)),
    "lin_ccc": Statistic(_lin_ccc, ("ci", "missing")),
    "dice": Statistic(_dice),
    "kaplan_meier": Statistic(_kaplan_meier, ("ci",)),
    "logrank": Statistic(_logrank),
    "proportion_ci": Statistic(_proportion_ci, ("method",)),
    "reader_metrics": Statistic(_reader_metrics),
    "adjudication_needed": Statistic(_adjudication_needed, ("variables", "date_window_days")),
}
