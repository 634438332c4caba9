"""The imaging charter's terms: what was agreed, parsed from its stored content into typed values.

The sections follow FDA's Clinical Trial Imaging Endpoint Process Standards (2018). A section that another
room gives meaning to (de-identification recipe, criteria parameters) is held as a mapping here and checked
by that room before the charter is signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compliance.errors import HouseError
from trials.retention import Retention, RetentionInvalid
from trials.series_terms import SeriesTerms

TRIGGERS = (
    "overall_response",
    "best_overall_response",
    "response_class",
    "progression_date",
    "first_response_date",
)
HIDEABLE = ("site", "subject", "dates", "arm")
SEVERITIES = ("block", "warn", "info")
#: Visits lie within so many days of day 1, about twenty years.
FURTHEST_DAY = 7300


class CharterInvalid(HouseError):
    """The charter's content contradicts itself or lacks a part; `problems` lists each with its place."""

    code = "charter_invalid"
    status = 422

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("The charter cannot be used: " + "; ".join(problems) + ". Correct it and try again.")
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of the schedule: its study day, and the days before and after that still count."""

    code: str
    name: str
    day: int
    window_before: int
    window_after: int


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A display window of the charter: centre and width in the units of the pixels (HU for CT)."""

    name: str
    centre: float
    width: float


@dataclass(frozen=True, slots=True)
class AdjudicationTerms:
    """When two reads count as discordant, and whether a subject or a timepoint is adjudicated."""

    by: str = "subject"
    triggers: tuple[str, ...] = ("best_overall_response", "progression_date")
    date_window_days: int = 0


@dataclass(frozen=True, slots=True)
class Charter:
    """The terms of one charter version."""

    modalities: tuple[str, ...]
    series: tuple[SeriesTerms, ...]
    schedule: tuple[Visit, ...]
    criteria: str
    criteria_parameters: Mapping[str, Any]
    readers_per_timepoint: int
    adjudication: AdjudicationTerms
    window_presets: tuple[WindowPreset, ...]
    blinded_to: tuple[str, ...]
    deidentification: Mapping[str, Any]
    query_due_days: int = 7
    retention: Retention = field(default_factory=Retention)
    #: How grave a finding of the checks is in this trial, by its code: block, warn or info.
    checks: Mapping[str, str] = field(default_factory=dict)
    purpose: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Charter:
        """Read a charter's stored content.

        Raises
        ------
        CharterInvalid
            With every problem found, not only the first.
        """
        if not isinstance(content, Mapping):
            raise CharterInvalid(["a charter is made of sections with names"])
        reader = _Reader(content)
        charter = cls(
            modalities=tuple(reader.texts("modalities")),
            series=tuple(reader.rows("series", SeriesTerms.parse)),
            schedule=tuple(reader.rows("schedule", _visit)),
            criteria=reader.text("criteria"),
            criteria_parameters=reader.mapping("criteria_parameters"),
            readers_per_timepoint=reader.number("readers_per_timepoint", 2),
            adjudication=reader.section("adjudication", _adjudication, AdjudicationTerms()),
            window_presets=tuple(reader.rows("window_presets", _preset)),
            blinded_to=tuple(reader.texts("blinded_to")),
            deidentification=reader.mapping("deidentification"),
            query_due_days=reader.number("query_due_days", 7),
            retention=reader.section("retention", Retention.parse, Retention()),
            checks={str(k): str(v) for k, v in reader.mapping("checks").items()},
            purpose=str(content.get("purpose", "")),
            notes={str(k): str(v) for k, v in reader.mapping("notes").items()},
        )
        problems = [*reader.problems, *_contradictions(charter)]
        if problems:
            raise CharterInvalid(problems)
        return charter


class _Reader:
    """Reads fields and collects what is wrong with them, each with its place."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content, self.problems = content, []  # type: tuple[Mapping[str, Any], list[str]]

    def text(self, name: str) -> str:
        value = self.content.get(name)
        if not isinstance(value, str) or not value:
            self.problems.append(f"{name}: a text is missing")
            return ""
        return value

    def texts(self, name: str) -> list[str]:
        value = self.content.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problems.append(f"{name}: a list of texts is expected")
            return []
        return value

    def number(self, name: str, default: int) -> int:
        value = self.content.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.problems.append(f"{name}: a whole number is expected")
            return default
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.content.get(name, {})
        if not isinstance(value, Mapping):
            self.problems.append(f"{name}: a section with named entries is expected")
            return {}
        return value

    def section(self, name: str, parse: Any, default: Any) -> Any:
        try:
            return parse(self.mapping(name))
        except (TypeError, ValueError, OverflowError) as problem:
            self.problems.append(f"{name}: {_said(problem)}")
            return default

    def rows(self, name: str, parse: Any) -> list[Any]:
        value = self.content.get(name, [])
        if not isinstance(value, list):
            self.problems.append(f"{name}: a list is expected")
            return []
        parsed = []
        for position, row in enumerate(value, start=1):
            try:
                parsed.append(parse(row))
            except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as problem:
                self.problems.append(f"{name}, row {position}: {_said(problem)}")
        return parsed


def _said(problem: Exception) -> str:
    if isinstance(problem, RetentionInvalid):
        return str(problem)
    return f"“{problem.args[0]}” is missing" if isinstance(problem, KeyError) else "a value has the wrong kind"


def _visit(row: Mapping[str, Any]) -> Visit:
    return Visit(
        code=str(row["code"]),
        name=str(row["name"]),
        day=int(row["day"]),
        window_before=int(row["window_before"]),
        window_after=int(row["window_after"]),
    )


def _preset(row: Mapping[str, Any]) -> WindowPreset:
    return WindowPreset(name=str(row["name"]), centre=float(row["centre"]), width=float(row["width"]))


def _adjudication(row: Mapping[str, Any]) -> AdjudicationTerms:
    default = AdjudicationTerms()
    return AdjudicationTerms(
        by=str(row.get("by", default.by)),
        triggers=tuple(str(trigger) for trigger in row.get("triggers", default.triggers)),
        date_window_days=int(row.get("date_window_days", default.date_window_days)),
    )


def _contradictions(charter: Charter) -> list[str]:
    problems = []
    codes = [visit.code for visit in charter.schedule]
    labels = [series.label for series in charter.series]
    if not codes:
        problems.append("schedule: at least one visit is needed")
    for visit in charter.schedule:
        if not 1 <= len(visit.code) <= 12 or not 1 <= len(visit.name) <= 60:
            problems.append("schedule: a visit's code has 1 to 12 characters and its name 1 to 60")
        if abs(visit.day) > FURTHEST_DAY:
            problems.append(f"schedule: {visit.code} is more than {FURTHEST_DAY} days from day 1")
        if not (0 <= visit.window_before <= FURTHEST_DAY and 0 <= visit.window_after <= FURTHEST_DAY):
            problems.append(f"schedule: the window of {visit.code} has days before and after, 0 or more")
    if len(set(codes)) != len(codes):
        problems.append("schedule: two visits have the same code")
    if [visit.day for visit in charter.schedule] != sorted(visit.day for visit in charter.schedule):
        problems.append("schedule: visits must be in the order of their days")
    for earlier, later in zip(charter.schedule, charter.schedule[1:], strict=False):
        if earlier.day + earlier.window_after >= later.day - later.window_before:
            problems.append(f"schedule: the windows of {earlier.code} and {later.code} overlap")
    if not any(series.required for series in charter.series):
        problems.append("series: at least one required series is needed")
    if len(set(labels)) != len(labels):
        problems.append("series: two series have the same label")
    for series in charter.series:
        if not 1 <= len(series.label) <= 80:
            problems.append("series: a label has 1 to 80 characters")
        if series.modality not in charter.modalities:
            problems.append(f"series {series.label}: modality {series.modality} is not among the modalities")
        problems += [f"series {series.label}: {problem}" for problem in series.problems()]
    problems += [
        f"checks: {c} is block, warn or info" for c, grave in charter.checks.items() if grave not in SEVERITIES
    ]
    if not 1 <= charter.readers_per_timepoint <= 2:
        problems.append("readers_per_timepoint: 1 or 2 readers can be planned")
    if charter.adjudication.by not in {"subject", "timepoint"}:
        problems.append("adjudication: “by” is subject or timepoint")
    problems += [f"adjudication: trigger {t} is unknown" for t in charter.adjudication.triggers if t not in TRIGGERS]
    problems += [f"blinded_to: {item} is unknown" for item in charter.blinded_to if item not in HIDEABLE]
    if not charter.window_presets:
        problems.append("window_presets: at least one display window is needed")
    problems += [f"window_presets: {p.name} has no width" for p in charter.window_presets if p.width <= 0]
    if not charter.deidentification:
        problems.append("deidentification: a recipe is needed; without one nothing enters the archive")
    return problems


#: What a new trial starts from: RECIST 1.1 on CT, two readers and an adjudicator.
RECIST_TEMPLATE: Mapping[str, Any] = {
    "purpose": "Blinded independent central review of tumour response by RECIST 1.1 on CT.",
    "modalities": ["CT"],
    "series": [
        {
            "label": "Chest and abdomen, axial",
            "modality": "CT",
            "required": True,
            "orientation": "axial",
            "max_slice_thickness_mm": 5.0,
            "max_gap_mm": 0.5,
            "min_instances": 30,
        }
    ],
    "schedule": [
        {"code": "BL", "name": "Baseline", "day": -7, "window_before": 21, "window_after": 7},
        {"code": "W8", "name": "Week 8", "day": 57, "window_before": 7, "window_after": 7},
        {"code": "W16", "name": "Week 16", "day": 113, "window_before": 7, "window_after": 7},
    ],
    "criteria": "RECIST 1.1",
    "criteria_parameters": {},
    "readers_per_timepoint": 2,
    "adjudication": {
        "by": "subject",
        "triggers": ["overall_response", "best_overall_response", "progression_date"],
        "date_window_days": 0,
    },
    "window_presets": [
        {"name": "Soft tissue", "centre": 50, "width": 400},
        {"name": "Lung", "centre": -600, "width": 1500},
        {"name": "Liver", "centre": 90, "width": 150},
        {"name": "Bone", "centre": 400, "width": 1800},
    ],
    "blinded_to": ["site", "subject", "dates", "arm"],
    "deidentification": {
        "identifier": "trial-default",
        "version": "1",
        "options": [
            "clean_descriptors",
            "clean_graphics",
            "clean_pixel_data",
            "clean_structured_content",
            "retain_longitudinal_modified_dates",
            "retain_patient_characteristics",
            "retain_safe_private",
        ],
        "pixels": "blank",
    },
    "query_due_days": 7,
}
