"""A locked trial as plain values: all that an export may know, in an order that no database decides.

Readers are named by their place alone (EVALID). Times are those of signatures; scans are placed by study day and
by shifted date. There are no keys of rows, no user names of readers, no arms.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from compliance.signing import digest
from reading.exports.earlier_locks import EarlierLock
from reading.exports.locked_query import LockedQuery
from reading.exports.locked_review import ONLY_WHERE_ANY, LockedReview
from reading.exports.locked_series import LockedSeries
from reading.exports.locked_work import LockedWork

ADJUDICATOR, CONSENSUS = "ADJUDICATOR", "CONSENSUS"
ADJUDICATED = "ADJUDICATED"
"""EVALID of a result that is no single reader's: adjudicated timepoint by timepoint."""
NOT_READ = "NOT READ"
"""EVALID of the result of a subject without a baseline scan: nobody read it, it is not evaluable."""


def evalid(slot: int) -> str:
    """Name a reader by place in the pair: READER 1, READER 2."""
    return f"READER {slot}"


@dataclass(frozen=True, slots=True)
class Signed:
    """An electronic signature as it is printed, with the digest of what was signed (21 CFR 11.50, 11.70)."""

    what: str
    printed_name: str
    meaning: str
    at: dt.datetime
    content_sha256: str = ""


@dataclass(frozen=True, slots=True)
class LockedCharter:
    """One signed version of the imaging charter."""

    version: int
    sha256: str
    signed_at: dt.datetime
    change_summary: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LockedParameter:
    """A parameter of a rule pack as used: its value as JSON, and where its meaning is written."""

    name: str
    title: str
    value: bool | int | str
    source: str


@dataclass(frozen=True, slots=True)
class LockedTerm:
    """A response that the criteria know; `chip` is the response of RECIST whose colour it takes."""

    value: str
    words: str
    chip: str


@dataclass(frozen=True, slots=True)
class LockedFigure:
    """A derived thing that stands beside a response: its name in values.csv, its column, its unit."""

    key: str
    short: str
    unit: str


@dataclass(frozen=True, slots=True)
class LockedCriteria:
    """The response criteria and the rule pack that applied them, with every parameter as used.

    `terms` are its responses from best to worst and `responders` those that are a response; without any there is
    no rate of response. `burden` is the quantity in which readers are compared and courses are drawn.
    """

    name: str
    version: str
    parameters_sha256: str
    parameters: tuple[LockedParameter, ...]
    terms: tuple[LockedTerm, ...]
    responders: tuple[str, ...]
    figures: tuple[LockedFigure, ...]
    burden: str
    burden_unit: str
    thresholds_percent: tuple[Decimal, ...]
    measured_as: str

    def content(self) -> dict[str, Any]:
        """Return what `parameters_sha256` is the digest of, as canonical JSON."""
        values = {parameter.name: parameter.value for parameter in self.parameters}
        return {"criteria": self.name, "version": self.version, "parameters": values}


@dataclass(frozen=True, slots=True)
class LockedLesion:
    """A lesion of one reader; `first_seen` is the code of the timepoint at which it was found."""

    evalid: str
    number: int
    label: str
    category: str
    organ: str
    nodal: bool
    description: str
    first_seen: str


@dataclass(frozen=True, slots=True)
class LockedPlane:
    """Where a picture of one frame lies in the patient (LPS, mm), and how far from the next; `space`: its frame."""

    rows: int
    columns: int
    space: str
    spacing: tuple[float, float]
    interval: float
    orientation: tuple[float, ...]
    position: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LockedPicture:
    """An archived image on which something was measured, by its de-identified names."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    modality: str
    frames: int = 1
    plane: LockedPlane | None = None


@dataclass(frozen=True, slots=True)
class LockedMark:
    """What a reader drew on a picture, and what was measured by it: values in mm and mm² by their names in the form.

    `points` are (column, row) in pixels, from the outer corner of the first pixel (PS3.3 §C.18.6.1.1).
    """

    tool: str
    points: tuple[tuple[float, float], ...]
    measured: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class LockedMeasurement:
    """One lesion at one timepoint by one reader: a diameter in mm or a state, and where it was measured."""

    lesion: str
    part: int
    state: str
    diameter_mm: Decimal | None = None
    sop_instance_uid: str = ""
    frame: int = 1
    reason: str = ""
    mark: LockedMark | None = None


@dataclass(frozen=True, slots=True)
class LockedSegment:
    """A region that a reader painted in a series; `lesion` is empty where it is none in particular.

    `slices` are SOP Instance UID and runs of pixels outside and inside, in turn, row by row.
    """

    lesion: str
    series_instance_uid: str
    slices: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class LockedValue:
    """One value that a reader entered or that was derived, of a lesion or (without one) of the timepoint.

    `code` is CDISC's test of the same meaning, empty where there is none that we know.
    """

    lesion: str
    part: int
    name: str
    code: str
    value: Decimal | str
    unit: str
    derived: bool


@dataclass(frozen=True, slots=True)
class RuleStep:
    """One rule that was applied in a derivation: by which clause, to what, with what result."""

    rule: str
    clause: str
    inputs: Mapping[str, str]
    result: str


@dataclass(frozen=True, slots=True)
class LockedRead:
    """One reader's signed assessment of one timepoint, with the response derived from it. Sums in mm.

    `stated_response` is what the reader said against the derived one, with the reason; the derived one counts.
    """

    evalid: str
    accepted: bool
    simulated: bool
    image_quality: str
    comment: str
    overall: str
    target: str = ""
    non_target: str = ""
    new_lesion: bool | None = None
    sum_mm: Decimal | None = None
    baseline_sum_mm: Decimal | None = None
    nadir_sum_mm: Decimal | None = None
    change_from_baseline_percent: Decimal | None = None
    change_from_nadir_percent: Decimal | None = None
    stated_response: str = ""
    stated_reason: str = ""
    measurements: tuple[LockedMeasurement, ...] = ()
    segments: tuple[LockedSegment, ...] = ()
    values: tuple[LockedValue, ...] = ()
    trace: tuple[RuleStep, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedTimepoint:
    """A planned visit, its scan and its reads. Days are study days; the window holds both its ends."""

    code: str
    name: str
    order: int
    planned_day: int
    window_first_day: int
    window_last_day: int
    images: str
    qc: str
    reading: str
    unscheduled: bool = False
    study_day: int | None = None
    shifted_date: dt.date | None = None
    series_read: int = 0
    study_instance_uid: str = ""
    pictures: tuple[LockedPicture, ...] = ()
    series: tuple[LockedSeries, ...] = ()
    qc_waived: tuple[str, ...] = ()
    deviation_declared: bool = False
    unblinded: bool = False
    reads: tuple[LockedRead, ...] = ()

    @property
    def accepted(self) -> LockedRead | None:
        """The read that counts at this timepoint."""
        return next((read for read in self.reads if read.accepted), None)


@dataclass(frozen=True, slots=True)
class LockedResult:
    """What one reader's timepoints, or the accepted ones, amount to for a subject.

    `progression` and `first_response` are codes of timepoints, empty if there was none. `confirmed` is None for
    every response but CR and PR.
    """

    evalid: str
    accepted: bool
    bor: str
    confirmed: bool | None = None
    progression: str = ""
    first_response: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One of the charter's triggers that fired: what the two readers had."""

    name: str
    timepoint: str
    reader_1: str
    reader_2: str


@dataclass(frozen=True, slots=True)
class LockedAdjudication:
    """The choice between two reads, by a third reader or by both: of the subject, or (`timepoint`) of one timepoint."""

    timepoint: str
    triggers: tuple[Trigger, ...]
    chosen: str
    rationale: str
    simulated: bool
    by_consensus: bool = field(default=False, metadata=ONLY_WHERE_ANY)


@dataclass(frozen=True, slots=True)
class LockedSubject:
    """A subject with all that was found in it. `shifted_day_1` is the protocol's day 1, shifted like the scans."""

    code: str
    site: str
    state: str
    shifted_day_1: dt.date | None = None
    timepoints: tuple[LockedTimepoint, ...] = ()
    lesions: tuple[LockedLesion, ...] = ()
    results: tuple[LockedResult, ...] = ()
    adjudications: tuple[LockedAdjudication, ...] = ()
    #: By place of the reader and timepoint, those that were confirmed too; where the charter asks for a review.
    reviews: tuple[LockedReview, ...] = field(default=(), metadata=ONLY_WHERE_ANY)
    work: tuple[LockedWork, ...] = field(default=(), metadata=ONLY_WHERE_ANY)

    def derived_before(self, timepoint: str, evalid: str) -> str:
        """Return the response that a reader changed in the global review, as it was derived; empty: it stands."""
        found = (one for one in self.reviews if (one.timepoint, one.evalid) == (timepoint, evalid))
        return next((one.derived for one in found if one.derived != one.response), "")

    def timepoint(self, code: str) -> LockedTimepoint | None:
        """Find a timepoint by its code."""
        return next((timepoint for timepoint in self.timepoints if timepoint.code == code), None)

    @property
    def result(self) -> LockedResult | None:
        """The result that counts for this subject."""
        return next((result for result in self.results if result.accepted), None)


@dataclass(frozen=True, slots=True)
class LockedRealTimeRead:
    """A question that was asked of a timepoint on a clock, and its answer."""

    site: str
    subject: str
    timepoint: str
    purpose: str
    round: int
    asked_by: str
    answer: str
    reason: str
    derived: str
    hours_given: int
    minutes_taken: int
    in_time: bool
    told_to_site: str

    @property
    def hours_taken(self) -> Decimal:
        """Hours on the clock until the answer, to a hundredth."""
        return (Decimal(self.minutes_taken) / 60).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class LockedInterim:
    """An interim lock: its number, what it is for, and the last visit that it covers, empty for all."""

    number: int
    purpose: str
    cut_off: str
    #: As it was signed: each subject's code, and the order of its last visit that is covered; None for all.
    subjects: tuple[tuple[str, int | None], ...]

    def __str__(self) -> str:
        visits = f"visits up to {self.cut_off}" if self.cut_off else "every visit"
        return f"Interim lock {self.number}: {self.purpose} ({visits})"


@dataclass(frozen=True, slots=True)
class LockedTrial:
    """Everything an export of a locked trial may state, subjects by code, timepoints by schedule."""

    code: str
    title: str
    indication: str
    sponsor: str
    locked_at: dt.datetime
    criteria: LockedCriteria
    sites: tuple[tuple[str, str], ...]
    charters: tuple[LockedCharter, ...]
    signatures: tuple[Signed, ...]
    subjects: tuple[LockedSubject, ...]
    #: Agreement of the readers, computed from the above; not part of what the lock identifier covers.
    variability: Mapping[str, Any]
    #: Reads on a clock; None where no version of the charter had them.
    real_time: tuple[LockedRealTimeRead, ...] | None = None
    queries: tuple[LockedQuery, ...] = field(default=(), metadata=ONLY_WHERE_ANY)
    #: The first first; this lock supersedes the last.
    earlier_locks: tuple[EarlierLock, ...] = field(default=(), metadata=ONLY_WHERE_ANY)
    #: Where the charter asks for two signatures: what both signed.
    proposed_sha256: str = field(default="", metadata=ONLY_WHERE_ANY)
    #: What it is, where it is no lock of the whole trial.
    interim: LockedInterim | None = field(default=None, metadata=ONLY_WHERE_ANY)
    #: Nothing in it is of the trial but its charter (`reading.exports.dummy`).
    dry_run: bool = field(default=False, metadata=ONLY_WHERE_ANY)

    @property
    def charter(self) -> LockedCharter:
        """The charter version in force at the lock."""
        return self.charters[-1]

    def reads(self) -> Iterator[tuple[LockedSubject, LockedTimepoint, LockedRead]]:
        """Every read with its place, in the order of the tables."""
        for subject in self.subjects:
            for timepoint in subject.timepoints:
                for read in timepoint.reads:
                    yield subject, timepoint, read

    @property
    def evalids(self) -> tuple[str, ...]:
        """The readers' places, in order."""
        return tuple(sorted({read.evalid for _, _, read in self.reads()}))

    @property
    def has_reviews(self) -> bool:
        """Whether readers went over their cases at the end."""
        return any(subject.reviews for subject in self.subjects)

    @property
    def has_consensus(self) -> bool:
        """Whether readers who differed settled a case together."""
        return any(one.by_consensus for subject in self.subjects for one in subject.adjudications)

    @property
    def simulated(self) -> bool:
        """Whether any read or adjudication was made by a simulation."""
        return any(read.simulated for _, _, read in self.reads()) or any(
            adjudication.simulated for subject in self.subjects for adjudication in subject.adjudications
        )


def lock_identifier(trial: LockedTrial) -> str:
    """Return the digest (SHA-256) of everything recorded in a locked trial, computed agreement left out."""
    content = plain(dataclasses.replace(trial, variability={}))
    return digest({name: value for name, value in content.items() if name != "real_time" or value is not None})


def lock_statement(trial: LockedTrial) -> dict[str, Any]:
    """Return what a manifest says of the lock: which one it is, and which one it supersedes."""
    said: dict[str, Any] = {
        "identifier": lock_identifier(trial),
        "locked_at": moment(trial.locked_at),
        "number": len(trial.earlier_locks) + 1,
    }
    if trial.earlier_locks:
        said["supersedes"] = plain(trial.earlier_locks[-1])
    return {**said, "proposed_content_sha256": trial.proposed_sha256} if trial.proposed_sha256 else said


def plain(value: Any) -> Any:
    """Return a locked value as JSON values: decimals as text, times in UTC, dates in ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = [item for item in dataclasses.fields(value) if not item.metadata or getattr(value, item.name)]
        return {item.name: plain(getattr(value, item.name)) for item in told}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def moment(at: dt.datetime) -> str:
    """Return a time as text in UTC, to the second."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
