"""Readers watched while reading goes on: adjudication, disagreement, re-reads, time, drift; pooled over treatment arms.

Sources: FDA. Clinical Trial Imaging Endpoint Process Standards, 2018 (a plan to monitor readers). Cohen et al., Journal
of Clinical Trials 2015-2016 (p-charts of adjudication). The reader disagreement index is that of `agreement`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles, stdev

from .agreement import AdjudicationMetrics, CaseOutcome, PercentAgreement, percent_agreement
from .base import InvalidRatings, Undefined, as_json, exact
from .control import Cusum, PChart, cusum, p_chart, spread_of
from .kappa import Kappa, Weights, cohen_kappa
from .proportion import Proportion, proportion_ci
from .repeatability import WithinSubjectSd, within_subject_sd


@dataclass(frozen=True, slots=True)
class AdjudicationRates:
    """Share of cases that were adjudicated, of all (Wilson's interval) and by what they have in common."""

    overall: Proportion
    by_reader: PChart | Undefined
    by_pair: PChart | Undefined
    by_site: PChart | Undefined
    by_month: PChart | Undefined
    by_trigger: Mapping[str, Proportion]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "overall": self.overall.to_json(),
            "by_reader": self.by_reader.to_json(),
            "by_pair": self.by_pair.to_json(),
            "by_site": self.by_site.to_json(),
            "by_month": self.by_month.to_json(),
            "by_trigger": {name: rate.to_json() for name, rate in self.by_trigger.items()},
        }


@dataclass(frozen=True, slots=True)
class DisagreementFlags:
    """Readers whose disagreement index is above `limit`, the mean of all readers plus one SD."""

    mean: float
    sd: float
    limit: float
    flagged: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {"mean": self.mean, "sd": self.sd, "limit": self.limit, "flagged": list(self.flagged)}


@dataclass(frozen=True, slots=True)
class Reread:
    """A reader's two readings of the same case; None where one is missing."""

    reader: str
    first: Hashable | None
    second: Hashable | None


@dataclass(frozen=True, slots=True)
class RereadAgreement:
    """How a reader agrees with the same reader, after a wash-out."""

    agreement: PercentAgreement | Undefined
    kappa: Kappa | Undefined

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {"agreement": self.agreement.to_json(), "kappa": self.kappa.to_json()}


@dataclass(frozen=True, slots=True)
class ReadTimes:
    """Median and quartiles of the time that a reader takes, in the unit that was given."""

    n: int
    median: float
    lower_quartile: float
    upper_quartile: float

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "n": self.n,
            "median": self.median,
            "lower_quartile": self.lower_quartile,
            "upper_quartile": self.upper_quartile,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """Each reader's cusum, against the spread of single values that all readers share."""

    sd: float | Undefined
    readers: Mapping[str, Cusum | Undefined]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {"sd": as_json(self.sd), "readers": {name: found.to_json() for name, found in self.readers.items()}}


def adjudication_rates(cases: Sequence[CaseOutcome]) -> AdjudicationRates | Undefined:
    """Adjudication rates of all cases, and by reader, pair, site and month with control limits, and by trigger.

    A case counts for both of its readers. A trigger's rate is of all cases. Months are those of `read_on`; a case
    without site or day is left out of that chart.

    Returns
    -------
    AdjudicationRates or Undefined
        Undefined without cases.
    """
    overall = proportion_ci(sum(case.adjudicated for case in cases), len(cases), method="wilson")
    if isinstance(overall, Undefined):
        return overall
    fired = Counter(trigger for case in cases if case.adjudicated for trigger in dict.fromkeys(case.triggers))
    by_trigger = {name: proportion_ci(fired[name], len(cases), method="wilson") for name in sorted(fired)}
    return AdjudicationRates(
        overall=overall,
        by_reader=_chart(cases, lambda case: (case.reader1, case.reader2)),
        by_pair=_chart(cases, lambda case: (" + ".join(sorted((case.reader1, case.reader2))),)),
        by_site=_chart(cases, lambda case: () if case.site is None else (case.site,)),
        by_month=_chart(cases, lambda case: () if case.read_on is None else (f"{case.read_on:%Y-%m}",)),
        by_trigger={name: rate for name, rate in by_trigger.items() if isinstance(rate, Proportion)},
    )


def flag_disagreement(metrics: AdjudicationMetrics, *, sds: float = 1.0) -> DisagreementFlags | Undefined:
    """Name the readers whose disagreement index is above the mean of all readers by more than one SD.

    Returns
    -------
    DisagreementFlags or Undefined
        Undefined with fewer than three readers, of whom none can be so far from the mean.
    """
    index = {reader: found.disagreement_index for reader, found in metrics.readers.items()}
    if len(index) < 3:
        return Undefined("With fewer than three readers, none can lie one SD above the mean of all.")
    mean, sd = fmean(index.values()), stdev(index.values())
    limit = mean + sds * sd
    return DisagreementFlags(mean, sd, limit, tuple(name for name, value in index.items() if sd and value > limit))


def reread_agreement(
    rereads: Sequence[Reread], *, categories: Sequence[Hashable], weights: Weights = "none"
) -> dict[str, RereadAgreement]:
    """Each reader's agreement with the own earlier reading: percent agreement, and Cohen's kappa.

    Raises
    ------
    InvalidRatings
        A reading is not among the categories, or the weights do not fit.
    """
    return {
        reader: RereadAgreement(
            percent_agreement([one.first for one in own], [one.second for one in own]),
            cohen_kappa(
                [one.first for one in own], [one.second for one in own], categories=categories, weights=weights
            ),
        )
        for reader, own in _by_reader(rereads).items()
    }


def reread_repeatability(rereads: Sequence[Reread]) -> dict[str, WithinSubjectSd | Undefined]:
    """Each reader's within-subject SD and repeatability coefficient, from measurements taken twice.

    Raises
    ------
    InvalidRatings
        A measurement is not a finite number.
    """
    return {
        reader: within_subject_sd([[_measured(one.first), _measured(one.second)] for one in own])
        for reader, own in _by_reader(rereads).items()
    }


def read_times(times: Mapping[str, Sequence[float]]) -> dict[str, ReadTimes]:
    """Median and quartiles of each reader's times, readers in the order of their ids; one without times is left out.

    Raises
    ------
    InvalidRatings
        A time is not a finite number, or is negative.
    """
    found: dict[str, ReadTimes] = {}
    for reader in sorted(times):
        own = [float(exact(time)) for time in times[reader]]
        if any(time < 0 for time in own):
            raise InvalidRatings("A read took less than no time. Check when it was opened and submitted.")
        if own:
            low, _, high = quantiles(own, n=4, method="inclusive") if len(own) > 1 else own * 3
            found[reader] = ReadTimes(len(own), median(own), low, high)
    return found


def drift(differences: Mapping[str, Sequence[float]], *, slack: float = 0.5, limit: float = 5.0) -> Drift:
    """Cusum of each reader's differences from the other readers of the same cases, in order of reading.

    A drift against the pair is a sum that grows; the target is no difference.

    Parameters
    ----------
    differences
        By reader, such as 100 × (own - other) / mean of both, in percent; all readers in the same unit.
    """
    sd = spread_of(list(differences.values()))
    return Drift(
        sd,
        {
            reader: sd if isinstance(sd, Undefined) else cusum(differences[reader], sd=sd, slack=slack, limit=limit)
            for reader in sorted(differences)
        },
    )


def _chart(cases: Iterable[CaseOutcome], labels: Callable[[CaseOutcome], Sequence[str]]) -> PChart | Undefined:
    read: Counter[str] = Counter()
    adjudicated: Counter[str] = Counter()
    for case in cases:
        read.update(labels(case))
        adjudicated.update(labels(case) if case.adjudicated else ())
    return p_chart([(label, adjudicated[label], read[label]) for label in sorted(read)])


def _by_reader(rereads: Sequence[Reread]) -> dict[str, list[Reread]]:
    readers = sorted({one.reader for one in rereads})
    return {reader: [one for one in rereads if one.reader == reader] for reader in readers}


def _measured(value: Hashable | None) -> float | None:
    return None if value is None else float(exact(value))
