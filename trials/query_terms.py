"""What a charter says of queries: who hears of them when, what waits for them, and which texts to ask with."""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Choice, Number, Several, Text
from trials.terms.records import Rows, term

#: What may wait for a timepoint's queries. The database lock waits for every query, whatever the charter says.
BLOCKABLE = {"clearance": "clearing the timepoint for reading"}
_DAYS = Number("days", least=0, most=365, whole=True)


@dataclass(frozen=True, slots=True)
class QueryTemplate:
    """A text to ask with."""

    code: str = term(Text(40, pattern="[a-z0-9_]+", hint="a name in small letters"), "Code", required=True)
    title: str = term(Text(120), "What it is about", required=True)
    text: str = term(Text(2000, lines=True), "What it asks", required=True)
    about: tuple[str, ...] = term(
        Several(Text(80)), "Fits", "Kinds of record as the audit trail names them, imaging.series; none: all."
    )

    def fits(self, kind: str) -> bool:
        """Tell whether the text may be used to ask about a kind of record."""
        return not self.about or kind in self.about


_IMAGES = ("trials.timepoint", "imaging.series", "imaging.qcreview")

#: The texts of a trial whose charter has none.
SHIPPED = (
    QueryTemplate(
        "images_missing",
        "Images are missing",
        "The charter expects more images than arrived. Please send the complete scan from your archive.",
        _IMAGES,
    ),
    QueryTemplate(
        "slices_missing",
        "Slices are missing",
        "The series has a gap, or ends too early. Please send the complete series from your archive again.",
        ("imaging.series", "imaging.qcreview", "trials.timepoint"),
    ),
    QueryTemplate(
        "reconstruction",
        "Another reconstruction is needed",
        "The series does not meet the charter's slice thickness or kernel. Please send the reconstruction that the "
        "charter asks for, or say that the raw data are gone.",
        ("imaging.series", "imaging.qcreview"),
    ),
    QueryTemplate(
        "phase",
        "Contrast phase",
        "Please say in which contrast phase this was acquired, and how long after the injection.",
        ("imaging.series", "imaging.transferform", "trials.timepoint"),
    ),
    QueryTemplate(
        "right_subject",
        "Is this the right subject?",
        "These images look like another subject's. Please check in your own records whose they are, and write no name "
        "here.",
        _IMAGES,
    ),
    QueryTemplate(
        "date_of_scan",
        "Date of the scan",
        "The date of the scan lies outside the visit's window. Please confirm the date, or correct it.",
        ("trials.timepoint", "imaging.transferform"),
    ),
    QueryTemplate(
        "form_entry",
        "Please check an entry of the transfer form",
        "This entry contradicts the images. Please check it, and correct the form or explain.",
        ("imaging.transferform",),
    ),
    QueryTemplate(
        "scan_late",
        "The scan has not arrived",
        "The visit's window has passed. Please send the scan, or mark the visit as missed with its reason.",
        ("trials.timepoint", "trials.subject"),
    ),
    QueryTemplate(
        "scanner_changed",
        "Has the scanner changed?",
        "Images came from a scanner or with a software that we do not know of. Please say what was changed, and when.",
        ("trials.site", "imaging.series"),
    ),
)


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The charter's section on queries."""

    remind_days_before: int = term(_DAYS, "A site is reminded before a query is due by", "0: on that day.", default=2)
    remind_every_days: int = term(_DAYS, "And again, until it is answered, each", "0: never.", default=3)
    escalate_days_after: int = term(_DAYS, "Administrators hear of a query that is late by", "0: never.", default=7)
    blocks: tuple[str, ...] = term(
        Several(Choice(BLOCKABLE)), "What waits for queries", "The lock waits for all of them in any case."
    )
    templates: tuple[QueryTemplate, ...] = term(
        Rows(QueryTemplate, "code", "text"), "Texts to ask with", "Without any, the shipped ones are offered."
    )

    @property
    def texts(self) -> tuple[QueryTemplate, ...]:
        """The charter's own texts, else the shipped ones."""
        return self.templates or SHIPPED
