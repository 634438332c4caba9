"""The imaging charter as one object: declared once; read, checked, stored, said and compared from its declaration."""

from __future__ import annotations

from trials.charter.records import FURTHEST_DAY, HIDEABLE, TRIGGERS, AdjudicationTerms, Visit, WindowPreset
from trials.charter.sections import Charter, CharterInvalid, read
from trials.charter.templates import RECIST_TEMPLATE

__all__ = [
    "FURTHEST_DAY",
    "HIDEABLE",
    "RECIST_TEMPLATE",
    "TRIGGERS",
    "AdjudicationTerms",
    "Charter",
    "CharterInvalid",
    "Visit",
    "WindowPreset",
    "read",
]
