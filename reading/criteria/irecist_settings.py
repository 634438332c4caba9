"""The parameters of iRECIST: those of RECIST 1.1, and what is its own."""

from __future__ import annotations

from decimal import Decimal

from .base import Parameter
from .recist11_settings import PARAMETERS as RECIST_PARAMETERS

PARAMETERS: tuple[Parameter, ...] = (
    # An iUPD keeps its own date, so there is nothing to date back.
    *(parameter for parameter in RECIST_PARAMETERS if not parameter.name.startswith("equivocal")),
    Parameter(
        "icpd_min_days",
        28,
        "Least time from the first iUPD to a timepoint that confirms it, days",
        "iRECIST: 4 to 8 weeks; EORTC questions and clarifications on iRECIST: not before 4 weeks",
    ),
    Parameter(
        "icpd_max_days",
        0,
        "Most time from the first iUPD to a timepoint that confirms it, days; 0: any",
        "iRECIST: 4 to 8 weeks. A protocol may say 56; a later scan confirms where none was made in time",
    ),
    Parameter(
        "icpd_increase_mm",
        Decimal(5),
        "Least further growth of a sum, over the sum at the first iUPD, that confirms, mm",
        "iRECIST, Table 2; EORTC questions and clarifications on iRECIST: sequential increases add up",
    ),
)
