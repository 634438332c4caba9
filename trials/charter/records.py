"""The rows and groups of a charter: what one visit, one display window, one recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from trials.retention import MOST_DAYS, Retention, RetentionInvalid
from trials.subject_terms import MOST_OF_ARM
from trials.terms.kinds import Choice, Flag, Kind, Name, Number, Place, Problems, Several, Text
from trials.terms.records import Rows, term

#: What readers may differ in, as `reading.criteria` compares it.
TRIGGERS = {
    "overall_response": "Response at a timepoint",
    "best_overall_response": "Best overall response",
    "response_class": "Responder or not",
    "progression_date": "Date of progression",
    "first_response_date": "Date of first response",
}
HIDEABLE = {"site": "Site", "subject": "Subject", "dates": "Dates", "arm": "Arm"}
SEVERITIES = {
    "block": "blocks the timepoint",
    "warn": "is for QC to judge",
    "info": "is for information",
}
#: Visits lie within so many days of day 1, about twenty years.
FURTHEST_DAY = 7300

DAYS = Number("days", least=0, most=FURTHEST_DAY, whole=True)
WORDS = Text(4000, lines=True)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of the schedule: its study day, and the days before and after that still count."""

    code: str = term(Text(12), "Code", "Short, as in tables: BL, W8.", required=True)
    name: str = term(Text(60), "Visit", required=True)
    day: int = term(Number(least=-FURTHEST_DAY, most=FURTHEST_DAY, whole=True), "Study day", required=True)
    window_before: int = term(DAYS, "Days before", "That still count.", required=True)
    window_after: int = term(DAYS, "Days after", "That still count.", required=True)
    at_screening: bool = term(Flag(), "At screening", "Scanned before the subject is enrolled.")
    #: Beside a subject's own visits they would tell its arm, so they are told to nobody who may not know arms.
    arms: tuple[str, ...] = term(
        Several(Text(MOST_OF_ARM)),
        "Arms",
        "That have this visit, as subjects have them; none: all have it. Only the trial administrator sees them.",
        withheld=True,
    )

    def is_for(self, arm: str) -> bool:
        """Tell whether subjects of an arm have this visit; of one that is not known yet, what all arms have."""
        return not self.arms or arm in self.arms


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A display window of the charter: centre and width in the units of the pixels (HU for CT), or in SUV for PET."""

    name: str = term(Text(40), "Window", required=True)
    centre: float = term(Number(), "Centre", required=True)
    width: float = term(Number(above=0), "Width", required=True)
    unit: str = term(
        Choice({"SUV": "SUV by body weight, for PET"}),
        "Unit",
        "Left out: that of the pixels, HU for CT, Bq/ml for PET.",
    )


ADJUDICATOR, CONSENSUS = "adjudicator", "consensus"


@dataclass(frozen=True, slots=True)
class AdjudicationTerms:
    """When two reads count as discordant, and whether a subject or a timepoint is adjudicated."""

    by: str = term(
        Choice({"subject": "the subject, when all timepoints are read", "timepoint": "each timepoint by itself"}),
        "What is adjudicated",
        default="subject",
    )
    triggers: tuple[str, ...] = term(
        Several(Choice(TRIGGERS)), "When readers differ in", default=("best_overall_response", "progression_date")
    )
    resolved_by: str = term(
        Choice(
            {
                ADJUDICATOR: "a third reader, who chooses between the two reads",
                CONSENSUS: "the two readers, who meet: one proposes by signature, the other confirms",
            }
        ),
        "Who settles it",
        "If left out: a third reader.",
    )
    date_window_days: int = term(DAYS, "Dates agree within", "Dates so many days apart still agree.", default=0)

    @property
    def by_consensus(self) -> bool:
        """Whether the two readers settle it themselves."""
        return self.resolved_by == CONSENSUS


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule of the trial's own for one attribute, above the profile."""

    attribute: str = term(
        Text(90), "Attribute", "Keyword, tag such as (0008,103E), or (0019,xx0C) SIEMENS MR HEADER.", required=True
    )
    action: str = term(Choice({"X": "Remove", "Z": "Empty", "K": "Keep"}), "Action", required=True)
    reason: str = term(Text(200), "Reason", "It stands in the charter.", required=True)


#: Instead of rectangles: all but the regions that an ultrasound image describes.
OUTSIDE = "outside ultrasound regions"
PIXELS = Number("pixels", least=0, most=65535, whole=True)


@dataclass(frozen=True, slots=True)
class Rectangles(Kind):
    """Rectangles of an image: left, top, right, bottom in pixels, right and bottom outside; or `OUTSIDE`."""

    empty: ClassVar[tuple[Any, ...]] = ()

    def read(self, value: Any, place: Place, problems: Problems) -> str | tuple[Any, ...]:
        if value == OUTSIDE:
            return OUTSIDE
        if not isinstance(value, list | tuple):
            problems.add(place, f"a list of rectangles, or “{OUTSIDE}”, is expected")
            return ()
        boxes = []
        for number, box in enumerate(value, start=1):
            if not isinstance(box, list | tuple) or len(box) != 4:
                problems.add((*place, number), "left, top, right and bottom are expected")
            else:
                boxes.append(tuple(PIXELS.read(edge, (*place, number), problems) for edge in box))
        return tuple(boxes)

    def schema(self) -> dict[str, Any]:
        box = {"type": "array", "items": PIXELS.schema(), "minItems": 4, "maxItems": 4}
        return {"anyOf": [{"const": OUTSIDE}, {"type": "array", "items": box}]}

    def store(self, value: Any) -> Any:
        return value if isinstance(value, str) else [list(box) for box in value]

    def say(self, value: Any) -> str:
        return value if isinstance(value, str) else "; ".join(", ".join(map(str, box)) for box in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTemplate:
    """Where one device writes into its images."""

    name: str = term(Text(24), "Device template", "Short; reports have it.", required=True)
    manufacturer: str = term(Text(200), "Manufacturer")
    model: str = term(Text(200), "Model", "As the images say it; case and blanks do not matter.")
    modality: str = term(Text(16), "Modality")
    sop_class: str = term(Text(64), "SOP class")
    rows: int | None = term(PIXELS, "Rows", "Of the images; needed with rectangles.")
    columns: int | None = term(PIXELS, "Columns", "Of the images; needed with rectangles.")
    regions: str | tuple[Any, ...] = term(
        Rectangles(), "What is blanked", f"Left, top, right, bottom in pixels; or: {OUTSIDE}.", required=True
    )
    reason: str = term(Text(200), "Reason", "It stands in the charter.", required=True)


@dataclass(frozen=True, slots=True)
class Deidentification:
    """What is known here of a recipe; `imaging.deid` gives it meaning and judges it before the charter is signed."""

    identifier: str = term(Text(24), "Recipe", "Its name.", required=True)
    version: str = term(Text(24), "Version", "It is written into every image. Count it up.", required=True)
    options: tuple[str, ...] = term(
        Several(Name(60)), "Beyond the basic profile", "Names of options of DICOM PS3.15 Annex E."
    )
    pixels: str = term(
        Choice(
            {
                "hold": "images on which text is usual are held; other pixels are not looked at",
                "review": "text is looked for, and a person settles what is blanked",
                "blank": "text is looked for and blanked",
            }
        ),
        "Text in pixels",
    )
    pixel_regions: tuple[DeviceTemplate, ...] = term(
        Rows(DeviceTemplate, "name", "device template", most=100), "Where devices write"
    )
    faces: str = term(
        Choice(
            {
                "keep": "faces stay",
                "mask": "faces are taken out of volumes of CT and MR; where that is not certain, a person decides",
                "review": "faces are taken out of volumes of CT and MR as a person decides, series by series",
            }
        ),
        "Faces",
    )
    rules: tuple[OwnRule, ...] = term(Rows(OwnRule, "attribute", "rule", most=100), "Rules of this trial")


@dataclass(frozen=True, slots=True)
class Notes:
    """What was agreed and is kept as words: nothing in the software follows from it."""

    sources: str = term(WORDS, "Sources", "Papers and guidelines that the charter follows.")
    endpoints: str = term(WORDS, "Endpoints from images", "Which endpoints rest on the central reads.")
    modalities: str = term(WORDS, "Why these images")
    preparation: str = term(WORDS, "Preparation and acquisition", "What a technologist must know beyond the limits.")
    off_protocol: str = term(
        WORDS, "Images off protocol", "Unscheduled visits, other modalities, scans from elsewhere."
    )
    missing_images: str = term(WORDS, "Missing images", "What follows when images are missing or cannot be evaluated.")
    site_qualification: str = term(WORDS, "Qualification of sites", "What a site shows before its first subject.")
    quality_control: str = term(WORDS, "Quality control", "When a timepoint passes; what a site does about a failure.")
    central_reading: str = term(WORDS, "Central or site reading, and why")
    lesion_selection: str = term(WORDS, "Who selects lesions", "And by which rules.")
    readers: str = term(WORDS, "Readers", "Expertise, training and test cases, conflicts of interest.")
    agreement: str = term(WORDS, "Agreement of readers", "How it is watched, and what follows.")
    adjudicator: str = term(WORDS, "The adjudicator", "What is decided, and on what grounds.")
    archive: str = term(WORDS, "Lock and archive")
    export: str = term(WORDS, "Export", "What leaves, when, and in which form.")
    unblinding: str = term(WORDS, "Unblinding", "Who may, when, and how it is recorded.")
    other: str = term(WORDS, "Other notes")


class RetentionRule(Kind):
    """How long originals stay, as `trials.retention` reads it."""

    empty = Retention()

    def read(self, value: Any, place: Place, problems: Problems) -> Retention:
        if not isinstance(value, Mapping):
            problems.add(place, "entries with names are expected")
        else:
            try:
                return Retention.parse(value)
            except RetentionInvalid as problem:
                problems.add(place, str(problem))
        return self.empty

    def schema(self) -> dict[str, Any]:
        days = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}
        after = {"type": "object", "properties": {"after_days": days}, "required": ["after_days"]}
        originals = {"oneOf": [{"enum": ["kept", "at_lock"]}, {**after, "additionalProperties": False}]}
        return {"type": "object", "properties": {"originals": originals}, "additionalProperties": False}

    def store(self, value: Any) -> Any:
        return value.content()

    def say(self, value: Any) -> str:
        words: str = value.words
        return words
