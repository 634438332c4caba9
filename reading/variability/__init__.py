"""Statistics of reader variability; each exists, or is `Undefined` with its reason."""

from .adjudication import Outcome, adjudication_needed
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
from .concordance import Concordance, Dice, dice, lin_ccc
from .fleiss import FleissKappa, fleiss_kappa, fleiss_kappa_of_ratings
from .gwet import Ac1, gwet_ac1, gwet_ac1_of_table
from .icc import Icc, IccForm, icc
from .kappa import Kappa, cohen_kappa, cohen_kappa_of_table, cross_table
from .krippendorff import Alpha, Level, krippendorff_alpha
from .proportion import Proportion, proportion_ci
from .repeatability import WithinSubjectCv, WithinSubjectSd, within_subject_cv, within_subject_sd
from .survival import KaplanMeier, Logrank, kaplan_meier, logrank

__all__ = [
    "Ac1",
    "AdjudicationMetrics",
    "Alpha",
    "BlandAltman",
    "CaseOutcome",
    "Concordance",
    "Dice",
    "FleissKappa",
    "Icc",
    "IccForm",
    "Interval",
    "InvalidRatings",
    "KaplanMeier",
    "Kappa",
    "Level",
    "Logrank",
    "Outcome",
    "PercentAgreement",
    "Proportion",
    "ReaderMetrics",
    "Undefined",
    "WithinSubjectCv",
    "WithinSubjectSd",
    "adjudication_metrics",
    "adjudication_needed",
    "bland_altman",
    "cohen_kappa",
    "cohen_kappa_of_table",
    "cross_table",
    "dice",
    "fleiss_kappa",
    "fleiss_kappa_of_ratings",
    "gwet_ac1",
    "gwet_ac1_of_table",
    "icc",
    "kaplan_meier",
    "krippendorff_alpha",
    "lin_ccc",
    "logrank",
    "percent_agreement",
    "proportion_ci",
    "within_subject_cv",
    "within_subject_sd",
]
