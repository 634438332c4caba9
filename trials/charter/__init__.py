"""The imaging charter as one object: declared once; read, checked, stored, said and compared from its declaration."""

from __future__ import annotations

from trials.charter.records import FURTHEST_DAY, HIDEABLE, TRIGGERS, AdjudicationTerms, Visit, WindowPreset
from trials.charter.sections import SEALED, Charter, CharterInvalid, read
from trials.charter.templates import RECIST, RECIST_TEMPLATE, TEMPLATES, Template, find_template

__all__ = [
    "FURTHEST_DAY",
    "HIDEABLE",
    "RECIST",
    "RECIST_TEMPLATE",
    "SEALED",
    "TEMPLATES",
    "TRIGGERS",
    "AdjudicationTerms",
    "Charter",
    "CharterInvalid",
    "Template",
    "Visit",
    "WindowPreset",
    "find_template",
    "read",
]
