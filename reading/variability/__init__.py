"""Statistics of reader variability; each exists, or is `Undefined` with its reason."""

from .agreement import (
    AdjudicationMetrics,
    CaseOutcome,
    PercentAgreement,
    ReaderMetrics,
    adjudication_metrics,
    percent_agreement,
)
from .base import Interval, InvalidRatings, Undefined
from .bland_altman import BlandAltman, bland_altman
from .icc import Icc, IccForm, icc
from .kappa import Kappa, cohen_kappa, cohen_kappa_of_table, cross_table

__all__ = [
    "AdjudicationMetrics",
    "BlandAltman",
    "CaseOutcome",
    "Icc",
    "IccForm",
    "Interval",
    "InvalidRatings",
    "Kappa",
    "PercentAgreement",
    "ReaderMetrics",
    "Undefined",
    "adjudication_metrics",
    "bland_altman",
    "cohen_kappa",
    "cohen_kappa_of_table",
    "cross_table",
    "icc",
    "percent_agreement",
]
