"""What leaves `reading.blinding`: plain values for the pages and programs of readers and adjudicators.

Nothing of a record is reachable from them, so that a page can show only what was put here. Lengths in mm.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from reading.criteria.base import Term
from reading.criteria.form import Form


@dataclass(frozen=True, slots=True)
class BlindedSlice:
    """One picture of a stack. `n` counts from 1; `offset_mm` is the distance from the first slice."""

    n: int
    instance_key: str
    frame: int
    offset_mm: float | None


@dataclass(frozen=True, slots=True)
class BlindedSeries:
    """A stack of pictures: its key, the charter's label, and its geometry in mm."""

    key: str
    label: str
    modality: str
    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float] | None
    slice_interval_mm: float | None
    slices: tuple[BlindedSlice, ...]

    @property
    def slice_count(self) -> int:
        """Number of pictures in the stack."""
        return len(self.slices)


@dataclass(frozen=True, slots=True)
class BlindedStep:
    """One rule that was applied, its clause, and what it gave."""

    rule: str
    clause: str
    result: str


@dataclass(frozen=True, slots=True)
class BlindedFigure:
    """One derived thing as it is written: its name, its name as a column, and its value."""

    title: str
    short: str
    text: str
    at_baseline: bool
    number: bool


@dataclass(frozen=True, slots=True)
class BlindedResponse:
    """What was derived from a reader's entries. Sums in mm, changes in percent; no days.

    `words` and `tone` are those of the overall response; `figures` is what the criteria show beside it.
    """

    overall: str
    words: str
    tone: str
    figures: tuple[BlindedFigure, ...]
    target: str
    nontarget: str
    new_lesion: bool
    sum_mm: Decimal | None
    nadir_mm: Decimal | None
    percent_from_baseline: Decimal | None
    percent_from_nadir: Decimal | None
    steps: tuple[BlindedStep, ...]


@dataclass(frozen=True, slots=True)
class BlindedMeasurement:
    """A lesion at one timepoint as entered, and where in the stacks shown it was measured.

    `values` is what was entered beside a diameter, by name; `said` is all of it in words; `mark` is the key of the
    mark that it was taken from, empty where it was typed.
    """

    timepoint: str
    part: int
    state: str
    state_label: str
    diameter_mm: Decimal | None
    values: Mapping[str, object]
    said: str
    series_key: str
    slice: int | None
    instance_key: str
    frame: int
    reason: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class BlindedMark:
    """Something drawn on a picture, and how its reader looked at it.

    `points` lie in the patient (LPS, mm), or in the picture (column and row, pixels) where that has no geometry.
    `lesion` is the number of the lesion that it measures, None for none.
    """

    key: str
    version: int
    tool: str
    series_key: str
    instance_key: str
    frame: int
    points: tuple[tuple[float, ...], ...]
    view: Mapping[str, object]
    software: str
    measured: Mapping[str, object]
    hints: tuple[str, ...]
    lesion: int | None
    label: str
    part: int
    removed: bool

    def to_json(self) -> dict[str, object]:
        """Return what the viewer is told."""
        place = "points" if all(len(point) == 3 for point in self.points) else "pixel"
        lesion = None if self.lesion is None else {"number": self.lesion, "part": self.part, "label": self.label}
        return {
            "key": self.key,
            "version": self.version,
            "tool": self.tool,
            "series": self.series_key,
            "instance": self.instance_key,
            "frame": self.frame,
            place: [list(point) for point in self.points],
            "view": dict(self.view),
            "software": self.software,
            "measured": dict(self.measured),
            "hints": list(self.hints),
            "lesion": lesion,
            "removed": self.removed,
        }


@dataclass(frozen=True, slots=True)
class BlindedLesion:
    """A lesion of this reader: its measurements at earlier timepoints, and what is entered at the present one.

    `hints` is what the rules say of the present one, a sentence each; `region_ml` the volume of the region that it is.
    """

    number: int
    label: str
    category: str
    organ: str
    nodal: bool
    description: str
    prior: tuple[BlindedMeasurement, ...]
    present: tuple[BlindedMeasurement, ...]
    found_here: bool
    hints: tuple[str, ...] = ()
    region_ml: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BlindedTimepoint:
    """A timepoint by its place: its stacks, and one reader's response (None before it is derived)."""

    title: str
    series: tuple[BlindedSeries, ...]
    response: BlindedResponse | None


@dataclass(frozen=True, slots=True)
class BlindedPreset:
    """A display window of the charter."""

    name: str
    centre: float
    width: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class BlindedQuestion:
    """What is asked of the reader beside the criteria, and what is answered so far.

    `answers` is what can be answered, each with its words; `derived` is what was derived that bears on it.
    """

    asks: str
    answers: tuple[tuple[str, str], ...]
    verdict: str
    words: str
    reason: str
    derived: str


@dataclass(frozen=True, slots=True)
class BlindedDue:
    """Until when a read is waited for; None while its clock rests."""

    due_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class BlindedTask:
    """Everything a reader sees of a read; `disclosed` holds what the charter does not hide.

    `by_itself`: nothing earlier is shown or compared. `form` and `terms` are what the criteria ask and the responses
    that they know. `answered` is the answers in words; `stated_response` is what the reader says against the derived
    one. `question` and `due` are those of a read on a clock.
    """

    code: str
    case: str
    title: str
    state: str
    is_baseline: bool
    by_itself: bool
    is_open: bool
    criteria: str
    form: Form
    terms: tuple[Term, ...]
    version: int
    image_quality: str
    comment: str
    answers: Mapping[str, object]
    answered: tuple[tuple[str, str], ...]
    stated_response: str
    stated_reason: str
    presets: tuple[BlindedPreset, ...]
    series: tuple[BlindedSeries, ...]
    earlier: tuple[BlindedTimepoint, ...]
    lesions: tuple[BlindedLesion, ...]
    response: BlindedResponse | None
    unanswered: tuple[str, ...]
    disclosed: Mapping[str, str]
    question: BlindedQuestion | None = None
    due: BlindedDue | None = None


@dataclass(frozen=True, slots=True)
class BlindedRead:
    """One side's read of a timepoint, as an adjudicator sees it; answers in words.

    `reviewed_response` is what its reader changed the response to in a global review; empty: it stands.
    """

    title: str
    image_quality: str
    comment: str
    answered: tuple[tuple[str, str], ...]
    stated_response: str
    stated_reason: str
    response: BlindedResponse | None
    reviewed_response: str
    reviewed_reason: str
    lesions: tuple[BlindedLesion, ...]

    @property
    def overall(self) -> str:
        """The response that counts; empty at baseline."""
        return self.reviewed_response or (self.response.overall if self.response else "")


@dataclass(frozen=True, slots=True)
class BlindedSide:
    """One of two reads of a subject, unnamed; `marks` is what was drawn in them."""

    side: str
    best_overall_response: str
    progression: str
    first_response: str
    reads: tuple[BlindedRead, ...]
    marks: tuple[BlindedMark, ...]


@dataclass(frozen=True, slots=True)
class BlindedTrigger:
    """Where the two sides differ; `title` names a timepoint, or is empty for the case as a whole."""

    name: str
    title: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class BlindedCause:
    """Why the two sides differ, and from which timepoint on; `pairs` are labels of one lesion, left and right."""

    name: str
    title: str
    pairs: tuple[tuple[str, str], ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlindedAdjudication:
    """Everything an adjudicator sees of a case; `cause` only once it is decided.

    `figures` names what stands beside each response.
    """

    code: str
    case: str
    title: str
    state: str
    triggers: tuple[BlindedTrigger, ...]
    left: BlindedSide
    right: BlindedSide
    figures: tuple[BlindedFigure, ...]
    timepoints: tuple[BlindedTimepoint, ...]
    presets: tuple[BlindedPreset, ...]
    choice: str
    rationale: str
    cause: BlindedCause | None
    disclosed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BlindedGlobalReview:
    """A reader's own case as a whole; `reads` are the codes of the reads of `own`, in their order."""

    code: str
    case: str
    state: str
    own: BlindedSide
    reads: tuple[str, ...]
    figures: tuple[BlindedFigure, ...]
    terms: tuple[Term, ...]
    timepoints: tuple[BlindedTimepoint, ...]
    presets: tuple[BlindedPreset, ...]
    disclosed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BlindedPoint:
    """One thing that a case was scored by: what was asked, the answers of reader and reference, whether they agree.

    `title` is the timepoint's, empty for what is about the case as a whole.
    """

    asked: str
    title: str
    own: str
    reference: str
    agrees: bool


@dataclass(frozen=True, slots=True)
class BlindedReview:
    """A case that its reader has signed, beside its reference, at one of its timepoints.

    `timepoints` are the titles of the case's timepoints with the codes of the reader's reads. Marks and lesions of the
    reference have the keys of the reader's own read.
    """

    code: str
    case: str
    title: str
    kind: str
    criteria: str
    version: int
    given: int
    points: tuple[BlindedPoint, ...]
    timepoints: tuple[tuple[str, str], ...]
    presets: tuple[BlindedPreset, ...]
    own_lesions: tuple[BlindedLesion, ...]
    reference_lesions: tuple[BlindedLesion, ...]
    own_marks: tuple[BlindedMark, ...]
    reference_marks: tuple[BlindedMark, ...]
    own_response: BlindedResponse | None
    reference_response: BlindedResponse | None
