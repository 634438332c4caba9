"""Where the package's tables stand in ODM 1.3.2: in which form, and which of their columns its hierarchy tells."""

from __future__ import annotations

from dataclasses import dataclass

from reading.exports.csv_table import Column, Table
from reading.exports.endpoint_columns import (
    ADJUDICATIONS,
    BEST_OVERALL_RESPONSE,
    DEVIATIONS,
    GLOBAL_REVIEWS,
    IMAGES,
    LESIONS,
    MEASUREMENTS,
    RESPONSES,
    SUBJECTS,
    TIMEPOINTS,
    VALUES,
)
from reading.exports.endpoint_real_time import REAL_TIME_READS

SUBJECT_EVENT = "SE.SUBJECT"
SUBJECT, ADJUDICATION, VISIT, READ, REAL_TIME = (
    "F.SUBJECT",
    "F.ADJUDICATION",
    "F.VISIT",
    "F.READ",
    "F.REAL_TIME",
)
#: Each form's name, whether a visit or subject can have several, and whether it stands at visits.
FORMS = {
    SUBJECT: ("Subject", False, False),
    ADJUDICATION: ("Adjudication", True, False),
    VISIT: ("Visit: scan, quality control and images", False, True),
    READ: ("Read by one reader", True, True),
    REAL_TIME: ("Read on a clock", True, True),
}
#: Told by SubjectKey, SiteRef and the protocol; and at a visit by its event and by the row of `timepoints`.
_OF_SUBJECT = frozenset({"trial", "site", "subject"})
_OF_VISIT = _OF_SUBJECT | {"timepoint", "study_day", "shifted_date"}
_OF_READ = _OF_VISIT | {"evalid"}
#: What a row of values is, which the item's own name tells.
VALUE_NAMES = ("name", "testcd", "unit")


@dataclass(frozen=True, slots=True)
class Placed:
    """A table as an item group of a form.

    `told`: columns that the hierarchy or another file tells. `key`: the column by which forms of one kind are told
    apart, as FormRepeatKey.
    """

    table: Table
    form: str
    told: frozenset[str]
    key: str = ""

    @property
    def oid(self) -> str:
        """Name of the item group."""
        return self.table.name

    @property
    def items(self) -> tuple[Column, ...]:
        """The columns that are items."""
        return tuple(column for column in self.table.columns if column.name not in self.told)


LAYOUT = (
    Placed(SUBJECTS, SUBJECT, _OF_SUBJECT),
    Placed(LESIONS, SUBJECT, _OF_SUBJECT),
    Placed(BEST_OVERALL_RESPONSE, SUBJECT, _OF_SUBJECT),
    Placed(ADJUDICATIONS, ADJUDICATION, _OF_SUBJECT | {"adjudicated"}, "adjudicated"),
    Placed(TIMEPOINTS, VISIT, _OF_SUBJECT | {"timepoint"}),
    Placed(DEVIATIONS, VISIT, _OF_VISIT),
    Placed(IMAGES, VISIT, _OF_VISIT),
    # The steps of a derivation are in traces/, each in full.
    Placed(RESPONSES, READ, _OF_READ | {"derivation"}, "evalid"),
    Placed(MEASUREMENTS, READ, _OF_READ, "evalid"),
    Placed(VALUES, READ, _OF_READ | {*VALUE_NAMES, "derived", "number", "text"}, "evalid"),
    Placed(GLOBAL_REVIEWS, READ, _OF_READ, "evalid"),
    Placed(REAL_TIME_READS, REAL_TIME, _OF_SUBJECT | {"timepoint"}, "purpose"),
)


def event_of(timepoint: str) -> str:
    """Name the event of a visit."""
    return f"SE.{timepoint}"


def item_of(table: str, column: str) -> str:
    """Name an item of a table."""
    return f"{table}.{column}"
