"""RELREC: how the records of TU, TR and RS belong together."""

from __future__ import annotations

from reading.exports.locked import LockedTrial
from reading.exports.sdtm import Dataset, Domain, Variable, short

RELREC = Domain(
    "RELREC",
    "Related Records",
    "One record per dataset of each relationship",
    "RELATIONSHIP",
    ("STUDYID", "RDOMAIN", "RELID"),
    (
        Variable("STUDYID", "Study Identifier", origin="Protocol"),
        Variable("RDOMAIN", "Related Domain Abbreviation"),
        Variable("USUBJID", "Unique Subject Identifier"),
        Variable("IDVAR", "Identifying Variable"),
        Variable("IDVARVAL", "Identifying Variable Value"),
        Variable("RELTYPE", "Relationship Type", terms=(("ONE", "One"), ("MANY", "Many"))),
        Variable("RELID", "Relationship Identifier"),
    ),
)

_RELATIONS = (
    ("TU", "TULNKID", "ONE", "TUTR"),
    ("TR", "TRLNKID", "MANY", "TUTR"),
    ("TR", "TRLNKGRP", "MANY", "TRRS"),
    ("RS", "RSLNKGRP", "MANY", "TRRS"),
)


def relations(trial: LockedTrial) -> Dataset:
    """Return the relations between whole datasets (SDTMIG 8.3.2): lesion to its findings, findings to responses."""
    head = {"STUDYID": short(trial.code), "USUBJID": "", "IDVARVAL": ""}
    return Dataset(
        RELREC,
        tuple(
            {**head, "RDOMAIN": domain, "IDVAR": by, "RELTYPE": kind, "RELID": name}
            for domain, by, kind, name in _RELATIONS
        ),
    )
