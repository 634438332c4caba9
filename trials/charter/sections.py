"""The imaging charter's terms: what was agreed, read from its stored content into typed values.

The sections follow FDA's Clinical Trial Imaging Endpoint Process Standards (2018). What another room gives meaning to
(de-identification recipe, criteria, findings of checks) is checked by that room before the charter is signed.

A new term is one line here, or in the record that it belongs to; a new section is one `Section` and its lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.errors import HouseError
from trials.charter.contradictions import contradictions
from trials.charter.records import (
    HIDEABLE,
    SEVERITIES,
    WORDS,
    AdjudicationTerms,
    Deidentification,
    Notes,
    RetentionRule,
    Visit,
    WindowPreset,
)
from trials.display_terms import OUTSIDE, TOOLS, Hanging
from trials.form_terms import FormTerms
from trials.lock_terms import LockTerms
from trials.order_terms import ReadOrderTerms
from trials.pool_terms import DrawTerms
from trials.qc_terms import QcTerms
from trials.query_terms import QueryTerms
from trials.reader_terms import ReaderTerms
from trials.reading_terms import RereadTerms
from trials.real_time_terms import RealTimeTerms
from trials.retention import Retention
from trials.series_terms import MODALITY, SeriesTerms
from trials.site_terms import SiteTerms
from trials.subject_terms import SubjectTerms
from trials.terms.kinds import Choice, Flag, Named, Number, Problem, Problems, Several, Text
from trials.terms.records import Group, Rows, Section, Table, Term, read_record, store_record
from trials.transfer_form import transfer_form

PURPOSE = Section("purpose", "Purpose", "Why images are taken, and what is made of them.")
IMAGES = Section("images", "Images to acquire", "What each timepoint holds. Each series is checked against its limits.")
VISITS = Section(
    "visits",
    "Visits",
    "Study days count from day 1 (randomisation or first dose); the day before it is −1. Windows must not overlap "
    "within an arm.",
)
SUBJECTS = Section("subjects", "Subjects", "How subjects are known; names and hospital numbers are none of it.")
SITES = Section("sites", "Sites", "What a site shows before its first subject. What is left out is not asked for.")
CHECKS = Section("checks", "Checks and queries", "How grave a finding is, and how long a site has to answer.")
FORMS = Section(
    "forms",
    "Forms",
    "What sites fill in and sign beside the images. A charter without a transfer form of its own asks what its "
    "modalities need: date, scanner, contrast or tracer, deviations.",
)
QC = Section("quality_control", "Quality control", "Who decides whether a timepoint can be read, and by what.")
PRIVACY = Section("privacy", "De-identification and originals", "Without a recipe nothing enters the archive.")
READING = Section("reading", "Reading", "Who reads, by which criteria, and what readers do not know.")
DISPLAY = Section(
    "display", "Display", "How images lie before readers, in which windows, and what may be drawn on them."
)
LOCK = Section("lock", "Database lock", "Who signs beside the trial's administrator, and what is asked before.")
FORCE = Section("force", "Coming into force", "An administrator puts a version in force by signature.")
NOTES = Section("notes", "Agreed in words", "Recorded, printed and signed with the charter; nothing checks it.")


#: An entry of charters that are given out without what only the trial administrator sees: a digest of that.
SEALED = "sealed"


class CharterInvalid(HouseError):
    """The charter contradicts itself or lacks a part; `faults` says what and where, `problems` the same in words."""

    code = "charter_invalid"
    status = 422

    def __init__(self, faults: Sequence[Problem]) -> None:
        self.faults = list(faults)
        self.problems = [str(fault) for fault in faults]
        super().__init__("The charter cannot be used: " + "; ".join(self.problems) + ". Correct it and try again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """The terms of one charter version."""

    purpose: str = PURPOSE.term(WORDS, "Purpose")

    modalities: tuple[str, ...] = IMAGES.term(
        Several(MODALITY), "Modalities", "DICOM codes, separated by commas: CT, MR, PT."
    )
    series: tuple[SeriesTerms, ...] = IMAGES.term(Rows(SeriesTerms, "label", "series"), "Series", required=True)

    schedule: tuple[Visit, ...] = VISITS.term(Rows(Visit, "code", "visit", least=1), "Schedule", required=True)

    unscheduled_visits: bool = VISITS.term(
        Flag(), "Visits may be added", "A coordinator or QC analyst adds an unscheduled one, with its day and a reason."
    )

    subjects: SubjectTerms = SUBJECTS.term(Group(SubjectTerms), "Subjects")
    sites: SiteTerms = SITES.term(Group(SiteTerms), "Qualification")

    checks: Mapping[str, str] = CHECKS.term(
        Named(Choice(SEVERITIES)),
        "Findings graver or milder than usual",
        "The finding's code, and what it does in this trial: kvp_differs: block.",
    )
    query_due_days: int = CHECKS.term(Number("days", least=0, most=365, whole=True), "Queries are due after", default=7)
    queries: QueryTerms = CHECKS.term(Group(QueryTerms), "Queries")

    forms: tuple[FormTerms, ...] = FORMS.term(Rows(FormTerms, "code", "form", most=20), "Forms that sites fill in")

    quality_control: QcTerms = QC.term(Group(QcTerms), "Quality control")

    deidentification: Mapping[str, Any] = PRIVACY.term(Table(Deidentification), "De-identification", required=True)
    retention: Retention = PRIVACY.term(RetentionRule(), "Originals in quarantine", default=RetentionRule.empty)

    criteria: str = READING.term(Text(60), "Criteria", "A name such as RECIST 1.1.", required=True)
    criteria_parameters: Mapping[str, Any] = READING.term(
        Named(), "Parameters of the criteria", "What differs from their own settings: confirmation_required: true."
    )
    readers_per_timepoint: int = READING.term(
        Number("readers", least=1, most=2, whole=True),
        "Readers of each timepoint",
        "One, or two with adjudication.",
        default=2,
    )
    reads: ReadOrderTerms = READING.term(Group(ReadOrderTerms), "How a case is read")
    readers: DrawTerms = READING.term(Group(DrawTerms), "Who reads")
    adjudication: AdjudicationTerms = READING.term(Group(AdjudicationTerms), "Adjudication")
    blinded_to: tuple[str, ...] = READING.term(
        Several(Choice(HIDEABLE)), "Readers are blinded to", "Beside the other reader's results, and all clinical data."
    )

    rereads: RereadTerms = READING.term(Group(RereadTerms), "Hidden re-reads")
    qualification: ReaderTerms = READING.term(Group(ReaderTerms), "Training and qualification of readers")
    real_time: RealTimeTerms = READING.term(Group(RealTimeTerms), "Reads on a clock")
    unblinding_by_two: bool = READING.term(
        Flag(),
        "A second person confirms what an unplanned unblinding means",
        "By signature, after the reading manager's assessment: another reading manager, or an administrator.",
    )

    window_presets: tuple[WindowPreset, ...] = DISPLAY.term(
        Rows(WindowPreset, "name", "display window", least=1),
        "Display windows",
        "Values in the units of the pixels, HU for CT; for PET in SUV where that is said.",
        required=True,
    )
    windows_locked: bool = DISPLAY.term(
        Flag(), "Readers choose among these windows only", "Otherwise they may set any.", default=True
    )
    hanging: tuple[Hanging, ...] = DISPLAY.term(
        Rows(Hanging, "name", "hanging", most=12),
        "Hangings",
        "How a read opens: the first one that applies. Without any, one picture, with the timepoint before at hand.",
    )
    tools: tuple[str, ...] = DISPLAY.term(
        Several(Choice(TOOLS)), "What may be drawn", "If left out: what the criteria need."
    )
    external_viewers: tuple[str, ...] = DISPLAY.term(
        Several(Choice(OUTSIDE)),
        "Programs such as OHIF or 3D Slicer may be used by",
        "There, windows are chosen freely, and nothing that is drawn comes back. If left out: nobody.",
    )

    locking: LockTerms = LOCK.term(Group(LockTerms), "Lock")

    needs_review: bool = FORCE.term(
        Flag(),
        "A second person reviews it first",
        "A reading manager or QC analyst, by signature, who does not put it in force. To leave this out later needs a "
        "review too.",
    )

    notes: Notes = NOTES.term(Group(Notes), "Notes")

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Charter:
        """Read a charter that is written now.

        Raises
        ------
        CharterInvalid
            With every problem found, not only the first.
        """
        charter, problems = read(content)
        if problems:
            raise CharterInvalid(problems)
        return charter

    @classmethod
    def stored(cls, content: Mapping[str, Any]) -> Charter:
        """Read a charter that was accepted once, perhaps under rules less strict than today's.

        Raises
        ------
        CharterInvalid
            A value has another kind than its term.
        """
        problems = Problems(stored=True)
        charter = read_record(cls, content, (), problems)
        if problems:
            raise CharterInvalid(problems)
        return charter

    @property
    def transfer_form(self) -> FormTerms:
        """The form that goes with the images of a timepoint: the charter's own, else what its modalities need."""
        own = (form for form in self.forms if form.asked == "delivery")
        return next(own, None) or transfer_form({series.modality for series in self.series})

    def further_forms(self, *asked: str) -> list[FormTerms]:
        """Return the forms beside the transfer form, or those that are asked then: `timepoint`, `subject`, `site`."""
        return [form for form in self.forms if form.asked != "delivery" and (not asked or form.asked in asked)]

    def visits_for(self, arm: str) -> list[Visit]:
        """Return the visits of an arm in order; of a subject whose arm is not known, those that all arms have."""
        return [visit for visit in self.schedule if visit.is_for(arm)]

    def content(self) -> dict[str, Any]:
        """Return the terms as a charter stores them, in the order of its sections, without what says nothing."""
        return store_record(self)


def read(content: Any) -> tuple[Charter, list[Problem]]:
    """Return a charter with every problem found, in the order of its sections.

    What cannot be read is its default. Rules across sections are asked where all that they are about could be read.
    """
    problems = Problems()
    if isinstance(content, Mapping) and SEALED in content:
        problems.add((SEALED,), "this charter was given out without its arms; take the trial administrator's own file")
        content = {name: value for name, value in content.items() if name != SEALED}
    charter = read_record(Charter, content, (), problems)
    faulty = {str(problem.place[0]) for problem in problems if problem.place}
    found = [*problems, *contradictions(charter, faulty)]
    order = {one.name: position for position, one in enumerate(Term.of(Charter))}
    return charter, sorted(found, key=lambda problem: order.get(str(problem.place[0]), -1) if problem.place else -1)


def sections() -> dict[Section, list[Term]]:
    """Return the sections in order, each with its terms."""
    chapters: dict[Section, list[Term]] = {}
    for one in Term.of(Charter):
        assert one.section is not None
        chapters.setdefault(one.section, []).append(one)
    return chapters
