"""Plain agreement of two readers, and what adjudication says of each reader.

The reader disagreement index is the share of a reader's cases in which the adjudicator sided against
the reader; together with the adjudication rate it is watched over a trial's readers (FDA, Clinical
Trial Imaging Endpoint Process Standards, 2018, asks for a plan to monitor readers).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from .base import InvalidRatings, Undefined, as_json, complete_pairs


@dataclass(frozen=True, slots=True)
class PercentAgreement:
    """Share of cases, 0 to 1, on which two readers gave the same category."""

    value: float
    agreed: int
    n: int

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {"value": self.value, "agreed": self.agreed, "n": self.n}


def percent_agreement(
    first: Sequence[Hashable | None], second: Sequence[Hashable | None]
) -> PercentAgreement | Undefined:
    """Share of complete pairs in which both readers gave the same category, not corrected for chance.

    Returns
    -------
    PercentAgreement or Undefined
        Undefined when no pair is complete.

    Raises
    ------
    InvalidRatings
        The readers differ in number of readings.
    """
    pairs = complete_pairs(first, second)
    if not pairs:
        return Undefined("No case was read by both readers.")
    agreed = sum(a == b for a, b in pairs)
    return PercentAgreement(agreed / len(pairs), agreed, len(pairs))


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """How a case read by two readers ended.

    Attributes
    ----------
    selected
        The reader whose assessment the adjudicator accepted; None while the adjudication is open, and
        when there was none.
    site, read_on
        Where the case comes from, and the day on which the second of the two signed; None when not told.
    triggers
        What the adjudication was opened for.
    """

    reader1: str
    reader2: str
    adjudicated: bool
    selected: str | None = None
    site: str | None = None
    read_on: dt.date | None = None
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReaderMetrics:
    """One reader's record; rates are shares from 0 to 1.

    Attributes
    ----------
    read
        Cases read as one of two readers.
    adjudicated
        Of these, cases that went to adjudication, decided or open.
    decided
        Of these, cases that the adjudicator has decided.
    agreed
        Of these, cases in which this reader's assessment was accepted.
    agreement_rate
        agreed / decided.
    disagreement_index
        (decided - agreed) / read.
    """

    read: int
    adjudicated: int
    decided: int
    agreed: int
    adjudication_rate: float
    agreement_rate: float | Undefined
    disagreement_index: float

    def to_json(self) -> dict[str, object]:
        """Return one reader's part of the answer of the `evaluate_variability` contract."""
        return {
            "read": self.read,
            "adjudicated": self.adjudicated,
            "decided": self.decided,
            "agreed": self.agreed,
            "adjudication_rate": self.adjudication_rate,
            "agreement_rate": as_json(self.agreement_rate),
            "disagreement_index": self.disagreement_index,
        }


@dataclass(frozen=True, slots=True)
class AdjudicationMetrics:
    """Adjudication over all cases, and per reader in the order of the readers' ids."""

    cases: int
    adjudicated: int
    adjudication_rate: float
    readers: Mapping[str, ReaderMetrics]

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "cases": self.cases,
            "adjudicated": self.adjudicated,
            "adjudication_rate": self.adjudication_rate,
            "readers": {reader: metrics.to_json() for reader, metrics in self.readers.items()},
        }


def adjudication_metrics(cases: Sequence[CaseOutcome]) -> AdjudicationMetrics | Undefined:
    """Adjudication rate, and each reader's agreement with the adjudicator and disagreement index.

    Returns
    -------
    AdjudicationMetrics or Undefined
        Undefined without cases.

    Raises
    ------
    InvalidRatings
        A case names one reader twice, or a selection that does not fit the case.
    """
    if not cases:
        return Undefined("No case was read by two readers.")
    for case in cases:
        _check(case)
    readers = sorted({reader for case in cases for reader in (case.reader1, case.reader2)})
    adjudicated = sum(case.adjudicated for case in cases)
    return AdjudicationMetrics(
        cases=len(cases),
        adjudicated=adjudicated,
        adjudication_rate=adjudicated / len(cases),
        readers={reader: _of_reader(reader, cases) for reader in readers},
    )


def _of_reader(reader: str, cases: Sequence[CaseOutcome]) -> ReaderMetrics:
    own = [case for case in cases if reader in (case.reader1, case.reader2)]
    adjudicated = sum(case.adjudicated for case in own)
    decided = sum(case.selected is not None for case in own)
    agreed = sum(case.selected == reader for case in own)
    return ReaderMetrics(
        read=len(own),
        adjudicated=adjudicated,
        decided=decided,
        agreed=agreed,
        adjudication_rate=adjudicated / len(own),
        agreement_rate=agreed / decided if decided else Undefined("No adjudication of this reader's cases is decided."),
        disagreement_index=(decided - agreed) / len(own),
    )


def _check(case: CaseOutcome) -> None:
    if case.reader1 == case.reader2:
        raise InvalidRatings("A case names the same reader twice; it needs two readers.")
    if case.selected is not None and not case.adjudicated:
        raise InvalidRatings("A case that was not adjudicated names a selected reader. Leave it null.")
    if case.selected not in (None, case.reader1, case.reader2):
        raise InvalidRatings("An adjudication selects someone who did not read the case.")
