"""What the API answers and takes. Written by scripts/python_client.py from the API's description: do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict


class ApplicationEntity(TypedDict):
    """What is answered as ApplicationEntity."""

    id: int
    site: int
    title: str
    description: str
    active: bool


class NewApplicationEntity(TypedDict):
    """What is sent as NewApplicationEntity."""

    site: int
    title: str
    description: NotRequired[str]


class ArmInput(TypedDict):
    """The arm of a subject, and why it is entered; the reason names no arm."""

    arm: str
    reason: str


class AskInput(TypedDict):
    """What is asked, and about which records: one query is raised for each."""

    about: Sequence[str]
    title: str
    text: str


class AskProgressionInput(TypedDict):
    """Where progression is to be verified, and why."""

    timepoint: int
    reason: str


class BlindedAdjudication(TypedDict):
    """Everything an adjudicator sees of a case."""

    code: str
    case: str
    title: str
    state: str
    triggers: Sequence[Trigger]
    left: Side
    right: Side
    figures: Sequence[Figure]
    timepoints: Sequence[BlindedTimepoint]
    presets: Sequence[Preset]
    choice: str
    rationale: str
    cause: Cause | None
    disclosed: Mapping[str, str]


class BlindedGlobalReview(TypedDict):
    """Everything a reader sees of a case that is reviewed; `reads` are the codes of the reads of `own`."""

    code: str
    case: str
    state: str
    own: Side
    reads: Sequence[str]
    figures: Sequence[Figure]
    terms: Sequence[Term]
    timepoints: Sequence[BlindedTimepoint]
    presets: Sequence[Preset]
    disclosed: Mapping[str, str]


class BlindedRead(TypedDict):
    """What is answered as BlindedRead."""

    title: str
    image_quality: str
    comment: str
    answered: Sequence[Sequence[str]]
    stated_response: str
    stated_reason: str
    response: Derived | None
    reviewed_response: str
    reviewed_reason: str
    lesions: Sequence[Lesion]


class BlindedSeries(TypedDict):
    """What is answered as BlindedSeries."""

    key: str
    label: str
    modality: str
    rows: int
    columns: int
    pixel_spacing_mm: Sequence[float] | None
    slice_interval_mm: float | None
    slices: Sequence[Slice]


class BlindedTask(TypedDict):
    """Everything a reader sees of a read."""

    code: str
    case: str
    title: str
    state: str
    is_baseline: bool
    by_itself: bool
    is_open: bool
    criteria: str
    form: Mapping[str, Any]
    terms: Sequence[Term]
    version: int
    image_quality: str
    comment: str
    answers: Mapping[str, Any]
    answered: Sequence[Sequence[str]]
    stated_response: str
    stated_reason: str
    presets: Sequence[Preset]
    series: Sequence[BlindedSeries]
    earlier: Sequence[BlindedTimepoint]
    lesions: Sequence[Lesion]
    response: Derived | None
    unanswered: Sequence[str]
    disclosed: Mapping[str, str]
    question: Question | None
    due: Due | None


class BlindedTimepoint(TypedDict):
    """What is answered as BlindedTimepoint."""

    title: str
    series: Sequence[BlindedSeries]
    response: Derived | None


class CaseRow(TypedDict):
    """An adjudication in its adjudicator's list."""

    code: str
    title: str
    state: str
    triggers: Sequence[str]
    decided_at: str | None


class Cause(TypedDict):
    """Why the two sides differ; only of a decided case."""

    name: str
    title: str
    pairs: Sequence[Sequence[str]]
    only_left: Sequence[str]
    only_right: Sequence[str]


class Charter(TypedDict):
    """What is answered as Charter."""

    id: int
    trial: int
    version: int
    state: CharterStateEnum
    change_summary: str
    content: Any
    sha256: str
    shown_sha256: str
    signed_at: str | None


class NewCharter(TypedDict):
    """What is sent as NewCharter."""

    change_summary: NotRequired[str]
    content: Any


CharterStateEnum = Literal["draft", "reviewed", "in_force", "superseded"]


class ConsentInput(TypedDict):
    """When and why consent was withdrawn, signed."""

    password: str
    code: NotRequired[str]
    shown_sha256: str
    withdrawn_on: str
    reason: str


class Consequence(TypedDict):
    """Something that an act would do, and to how many."""

    what: str
    count: int


class Decision(TypedDict):
    """What one person decided in a round; a part that stands since an earlier one names that round."""

    stage: int
    decided_at: str
    images_verdict: str
    images_reason: str
    images_round: int
    form_version: int | None
    form_verdict: str
    form_reason: str
    form_round: int | None
    answers: Any
    comment: str
    second_because: Any


class Derived(TypedDict):
    """What was derived from a reader's entries; `figures` is what the criteria show beside the response."""

    overall: str
    words: str
    tone: str
    figures: Sequence[Figure]
    target: str
    nontarget: str
    new_lesion: bool
    sum_mm: str | None
    nadir_mm: str | None
    percent_from_baseline: str | None
    percent_from_nadir: str | None
    steps: Sequence[Step]


DoorEnum = Literal["dimse", "web", "stow", "command"]


class Draw(TypedDict):
    """How a subject's readers were drawn: with the trial's seed, `chance` gives `readers` again."""

    id: int
    trial: int
    subject: str
    charter_version: int
    chance: Any
    readers: Any
    drawn_at: str


class Due(TypedDict):
    """Until when a read is waited for; nothing while its clock rests."""

    due_at: str | None


class EnrolInput(TypedDict):
    """Day 1 of a subject that was screened, and its code where the charter gives another one now."""

    reference_date: str
    code: NotRequired[str]


class Exchange(TypedDict):
    """What a file says, line by line, and whether it was taken."""

    taken: bool
    holds: bool
    changes: int
    notes: Sequence[str]
    subjects: Sequence[ExchangedSubject]
    visits: Sequence[ExchangedVisit]


class ExchangeInput(TypedDict):
    """A file as text, and whether it is to be taken; without that it is looked at."""

    odm: str
    take: NotRequired[bool]


class ExchangedSubject(TypedDict):
    """What a file says of a subject; `fate` is new, known or wrong, and `problems` say why."""

    number: int
    site: str
    subject: str
    day_1: str
    fate: str
    problems: Sequence[str]


class ExchangedVisit(TypedDict):
    """What a file says of a visit; `act` is what it asks for: missed, added, or nothing."""

    number: int
    subject: str
    visit: str
    date: str
    act: str
    fate: str
    problems: Sequence[str]


class Figure(TypedDict):
    """One derived thing as it is written."""

    title: str
    short: str
    text: str
    at_baseline: bool
    number: bool


class Finding(TypedDict):
    """What is answered as Finding."""

    id: int
    series: int | None
    code: str
    severity: str
    sentence: str
    evidence: Any
    verdict: VerdictEnum
    verdict_reason: str


class HeldGroup(TypedDict):
    """Instances of one delivery and one scan that wait in quarantine for the same reason."""

    transfer: str
    site: int
    reason: ReasonEnum
    sentence: str
    modality: str
    count: int
    received_at: str
    assignable: bool


ImageStateEnum = Literal["expected", "received", "missed"]


class ImagesInput(TypedDict):
    """Whose images are wanted: a subject's, by its code, or all."""

    trial: int
    subject: NotRequired[str]


KindEnum = Literal["conflict", "institution", "other"]


class Lesion(TypedDict):
    """What is answered as Lesion."""

    number: int
    label: str
    category: str
    organ: str
    nodal: bool
    description: str
    prior: Sequence[Measurement]
    present: Sequence[Measurement]
    found_here: bool
    hints: Sequence[str]
    region_ml: str | None


class Mark(TypedDict):
    """What is answered as Mark."""

    key: str
    version: int
    tool: str
    series_key: str
    instance_key: str
    frame: int
    points: Sequence[Sequence[float]]
    view: Mapping[str, Any]
    software: str
    measured: Mapping[str, Any]
    hints: Sequence[str]
    lesion: int | None
    label: str
    part: int
    removed: bool


class Measurement(TypedDict):
    """What is answered as Measurement."""

    timepoint: str
    part: int
    state: str
    diameter_mm: str | None
    values: Mapping[str, Any]
    said: str
    series_key: str
    slice: int | None
    instance_key: str
    frame: int
    reason: str
    mark: str


class Membership(TypedDict):
    """What is answered as Membership."""

    id: int
    trial: int
    user: str
    role: RoleEnum
    site: int | None
    granted_at: str
    until: str | None


class NewMembership(TypedDict):
    """What is sent as NewMembership."""

    trial: int
    user: str
    role: RoleEnum
    site: NotRequired[int | None]
    until: NotRequired[str | None]


class MessageInput(TypedDict):
    """A contribution to a query's thread."""

    text: str


class Outcome(TypedDict):
    """What came of a read on a clock, as far as the person is told."""

    verdict: str
    words: str
    reason: str
    derived: str


class Package(TypedDict):
    """What is answered as Package."""

    id: int
    trial_id: int
    file_name: str
    size: int
    sha256: str
    created_at: str
    manifest: Any
    superseded: bool


class Person(TypedDict):
    """What is answered as Person."""

    id: int
    username: str
    full_name: str
    email: str


class NewPerson(TypedDict):
    """What is sent as NewPerson."""

    username: str
    full_name: str
    email: NotRequired[str]
    trial: int
    password: str


class Preset(TypedDict):
    """What is answered as Preset."""

    name: str
    centre: float
    width: float
    unit: str


PurposeEnum = Literal["eligibility", "progression"]

QcStateEnum = Literal["not_ready", "awaiting", "queried", "cleared"]


class Qualification(TypedDict):
    """Where a site stands by the charter in force."""

    id: int
    trial: int
    code: str
    is_open: bool
    missing: Sequence[str]
    qualified_at: str | None
    expires_on: str | None


class Query(TypedDict):
    """What is answered as Query."""

    id: int
    trial: int
    site: int | None
    timepoint: int | None
    about_type: str
    about_id: int
    about_field: str
    about_label: str
    title: str
    state: QueryStateEnum
    raised_at: str
    due_on: str
    answered_at: str | None
    closed_at: str | None
    escalated_at: str | None
    messages: Sequence[QueryMessage]


class QueryMessage(TypedDict):
    """What is answered as QueryMessage."""

    author: str
    at: str
    text: str


QueryStateEnum = Literal["open", "answered", "closed"]


class Question(TypedDict):
    """What is asked of the reader beside the criteria, and what is answered so far."""

    asks: str
    answers: Sequence[Sequence[str]]
    verdict: str
    words: str
    reason: str
    derived: str


class ReadRow(TypedDict):
    """A read in its reader's list."""

    code: str
    case: str
    title: str
    state: str
    is_open: bool
    submitted_at: str | None
    due: Due | None


class ReaderExclusion(TypedDict):
    """Who is not given which site or subject, and why; ended ones say when and why."""

    id: int
    trial: int
    person: str
    site: str | None
    subject: str | None
    kind: KindEnum
    reason: str
    recorded_at: str
    ended_at: str | None
    end_reason: str


class RealTimeRead(TypedDict):
    """A read on a clock; `outcome` is empty before the answer, and for those whom the charter does not tell."""

    id: int
    timepoint_id: int
    purpose: PurposeEnum
    round: int
    state: RealTimeReadStateEnum
    reason: str
    asked_at: str
    started_at: str | None
    answered_at: str | None
    noted_at: str | None
    clock: Due | None
    outcome: Outcome | None


RealTimeReadStateEnum = Literal["asked", "running", "answered", "locked", "withdrawn"]

ReasonEnum = Literal[
    "not_dicom",
    "empty_file",
    "truncated",
    "malformed",
    "uid_conflict",
    "subject_unknown",
    "subject_other_site",
    "subject_mismatch",
    "subject_withdrawn",
    "consent_withdrawn",
    "timepoint_unknown",
    "no_recipe",
    "cannot_deidentify",
    "pixel_review",
    "face_review",
    "leak_found",
    "over_budget",
    "damaged_at_rest",
    "trial_locked",
]


class ReasonInput(TypedDict):
    """Why."""

    reason: str


class RecognisedSeries(TypedDict):
    """What one series of a delivery amounts to so far, in instances; sentences say why some are held."""

    modality: str
    timepoint: int | None
    received: int
    archived: int
    duplicate: int
    held: int
    sentences: Sequence[str]


class Review(TypedDict):
    """What is answered as Review."""

    id: int
    timepoint: int
    subject_code: str
    timepoint_code: str
    round: int
    state: ReviewStateEnum
    opened_at: str
    decided_at: str | None
    comment: str


class ReviewDetail(TypedDict):
    """What is answered as ReviewDetail."""

    id: int
    timepoint: int
    subject_code: str
    timepoint_code: str
    round: int
    state: ReviewStateEnum
    opened_at: str
    decided_at: str | None
    comment: str
    findings: Sequence[Finding]
    decisions: Sequence[Decision]


class ReviewRow(TypedDict):
    """A global review in its reader's list."""

    code: str
    case: str
    state: str
    signed_at: str | None


ReviewStateEnum = Literal["open", "second", "cleared", "failed", "superseded"]

RoleEnum = Literal[
    "site_coordinator",
    "qc_analyst",
    "reading_manager",
    "reader",
    "adjudicator",
    "sponsor",
    "auditor",
    "trial_administrator",
]


class Scanner(TypedDict):
    """What is answered as Scanner."""

    id: int
    site: int
    modality: str
    manufacturer: str
    model_name: str
    serial_number: str
    software: str
    state: ScannerStateEnum
    registered_at: str


ScannerStateEnum = Literal["registered", "qualified", "retired"]


class Side(TypedDict):
    """What is answered as Side."""

    side: str
    best_overall_response: str
    progression: str
    first_response: str
    reads: Sequence[BlindedRead]
    marks: Sequence[Mark]


class SignatureInput(TypedDict):
    """The signer's password again, the code of who has an app, and the `shown_sha256` of what is signed."""

    password: str
    code: NotRequired[str]
    shown_sha256: str


class Site(TypedDict):
    """What is answered as Site."""

    id: int
    trial: int
    code: str
    name: str
    country: str


class NewSite(TypedDict):
    """What is sent as NewSite."""

    trial: int
    code: str
    name: str
    country: NotRequired[str]


class SiteForm(TypedDict):
    """What is answered as SiteForm."""

    id: int
    code: str
    title: str
    site: int
    site_code: str
    subject: int | None
    subject_code: str
    timepoint: int | None
    timepoint_code: str
    version: int
    state: TransferFormStateEnum
    correction_reason: str
    begun_at: str
    signed_at: str | None
    charter_version: int
    declared: Mapping[str, Any]
    confirmed: Any


class Slice(TypedDict):
    """What is answered as Slice."""

    n: int
    instance_key: str
    frame: int
    offset_mm: float | None


class Step(TypedDict):
    """What is answered as Step."""

    rule: str
    clause: str
    result: str


class Subject(TypedDict):
    """What is answered as Subject."""

    id: int
    site: int
    code: str
    screening_code: str
    reference_date: str
    state: SubjectStateEnum
    consent_withdrawn_on: str | None
    shown_sha256: str


class NewSubject(TypedDict):
    """What is sent as NewSubject."""

    site: int
    code: str
    reference_date: str


SubjectStateEnum = Literal["screened", "enrolled", "screen_failed", "withdrawn", "consent_withdrawn", "case"]

TemplateEnum = Literal["recist-1.1", "irecist", "rano-2.0", "lugano-2014", "nash-mri", "osteoarthritis-mri"]


class Term(TypedDict):
    """A response that the criteria know; `degree` is its place among the ordered ones."""

    value: str
    words: str
    tone: str
    degree: int | None


class Timepoint(TypedDict):
    """What is answered as Timepoint."""

    id: int
    subject: int
    subject_code: str
    code: str
    name: str
    day: int
    window: Sequence[int]
    image_state: ImageStateEnum
    qc_state: QcStateEnum
    unscheduled: bool


class Transfer(TypedDict):
    """What is answered as Transfer."""

    public_id: str
    site: int
    site_code: str
    timepoint: int | None
    door: DoorEnum
    sender: str
    state: TransferStateEnum
    opened_at: str
    closed_at: str | None
    total: int
    archived: int
    held: int


class TransferDetail(TypedDict):
    """What is answered as TransferDetail."""

    public_id: str
    site: int
    site_code: str
    timepoint: int | None
    door: DoorEnum
    sender: str
    state: TransferStateEnum
    opened_at: str
    closed_at: str | None
    total: int
    archived: int
    held: int
    series: Sequence[RecognisedSeries]
    settled: bool


class TransferForm(TypedDict):
    """What is answered as TransferForm."""

    id: int
    timepoint: int
    subject_code: str
    timepoint_code: str
    version: int
    state: TransferFormStateEnum
    correction_reason: str
    begun_at: str
    signed_at: str | None
    charter_version: int
    declared: Mapping[str, Any]
    confirmed: Any


TransferFormStateEnum = Literal["draft", "signed", "superseded"]

TransferStateEnum = Literal["open", "closed"]


class Trial(TypedDict):
    """What is answered as Trial."""

    id: int
    code: str
    title: str
    indication: str
    sponsor_name: str
    state: TrialStateEnum


class NewTrial(TypedDict):
    """What is sent as NewTrial."""

    code: str
    title: str
    indication: NotRequired[str]
    sponsor_name: str
    template: NotRequired[TemplateEnum]


TrialStateEnum = Literal["setup", "running", "locked"]


class Trigger(TypedDict):
    """What is answered as Trigger."""

    name: str
    title: str
    left: str
    right: str


VerdictEnum = Literal["pending", "pass", "fail", "waive"]


class VisitInput(TypedDict):
    """The day of a scan that the schedule does not plan, and why it was made."""

    date: str
    reason: str
