"""DM, as far as an imaging core lab knows it: who was enrolled where, and the day from which study days count."""

from __future__ import annotations

from reading.exports.locked import LockedTrial
from reading.exports.sdtm import DERIVED, READ, Dataset, Domain, Variable, begin, identifiers, iso, short

DM = Domain(
    "DM",
    "Demographics",
    "One record per subject",
    "SPECIAL PURPOSE",
    ("STUDYID", "USUBJID"),
    (
        *identifiers("DM"),
        Variable("SUBJID", "Subject Identifier for the Study", origin=READ),
        Variable(
            "RFSTDTC",
            "Subject Reference Start Date/Time",
            "date",
            DERIVED,
            "The protocol's day 1, shifted by one constant number of days for each subject, like the scans.",
        ),
        Variable("SITEID", "Study Site Identifier", origin=READ),
    ),
)


def subjects(trial: LockedTrial) -> Dataset:
    """Return one record for each enrolled subject; age, sex and arm are not ours to state."""
    return Dataset(
        DM,
        tuple(
            {
                **begin(trial, subject, "DM"),
                "SUBJID": short(subject.code),
                "RFSTDTC": iso(subject.shifted_day_1),
                "SITEID": short(subject.site),
            }
            for subject in trial.subjects
        ),
    )
