"""What a series is, measured from its headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Self

from pydicom.dataset import Dataset

from imaging.dicom.excerpts import from_excerpt
from imaging.dicom.headers import Header
from imaging.dicom.series import Series, sort_into_series
from imaging.quality.acquired import acquired
from imaging.quality.fingerprints import fingerprint
from imaging.quality.pictures import together


@dataclass(frozen=True)
class SeriesFacts:
    """One series as acquired. Lengths in mm; None where the header does not say.

    Attributes
    ----------
    key
        Series Instance UID.
    orientation
        ``axial``, ``coronal``, ``sagittal`` or ``oblique``, of the largest stack of parallel slices.
    slice_thickness_mm
        The largest in the stack.
    positions_mm
        Places of the stack's slices along their normal, ascending.
    spacing_mm
        Distances between neighbouring places.
    n_instances, n_slices, n_outside_stack
        Distinct instances; slices in the stack; frames of another plane or size, or without a place.
    study_day
        Study day of the acquisition (CDISC: day 1 is the reference date, there is no day 0).
    repeated_instances, coincident_slices
        Instances given more than once; slices at a place already taken.
    patient_position
        HFS, FFP and so on (PS3.3 §C.7.3.1.1.2); empty when not stated or not the same throughout.
    contrast_volume_ml, tracer, injected_dose_mbq
        What the scanner noted of contrast and tracer, where the recipe leaves it in the header.
    pixel_spacing_mm
        The larger of the two distances between pixels.
    kvp, field_strength_t, repetition_time_ms, echo_time_ms, b_values
        All values in the series, ascending.
    kernels, units, corrections
        All texts in the series; corrections: those of every instance.
    contrast, contrast_phase, contrast_delay_s
        Whether agent was given; none, arterial, portal_venous or delayed; seconds from injection to the first image.
    uptake_minutes
        From injection of the tracer to the first image.
    sex, patient_age_years, patient_size_m, patient_weight_kg
        Where the recipe leaves them in the header.
    n_measured
        Slices of the stack whose pixels were measured (`imaging.quality.pixels`); the rest from here on is of these.
    lowest, highest, signal, noise, ghosting
        Over the stack: extreme values; medians of the mean in the body, of the noise, and of the ghosts beside it (MR).
    blank_slices, first_blank_slice, repeated_pictures
        Slices of one value; pictures with the same pixels as another.
    clipped_slices, below_air_slices, cut_off_slices
        Slices at the highest value that can be stored, with values below air, with body at the edge of the view.
    jump_mm, jump_slice
        How far the body lies beside its place between the neighbouring slices, at most, and where.
    fingerprint
        What it looks like (`imaging.quality.fingerprints`); kept apart from the other facts, and not part of `as_json`.
    """

    key: str
    modality: str
    body_part: str = ""
    description: str = ""
    orientation: str | None = None
    slice_thickness_mm: float | None = None
    positions_mm: tuple[float, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    n_instances: int = 0
    n_slices: int = 0
    n_outside_stack: int = 0
    rows: int | None = None
    columns: int | None = None
    study_day: int | None = None
    repeated_instances: int = 0
    coincident_slices: int = 0
    patient_position: str = ""
    contrast_volume_ml: float | None = None
    tracer: str = ""
    injected_dose_mbq: float | None = None
    pixel_spacing_mm: float | None = None
    kvp: tuple[float, ...] = ()
    field_strength_t: tuple[float, ...] = ()
    repetition_time_ms: tuple[float, ...] = ()
    echo_time_ms: tuple[float, ...] = ()
    b_values: tuple[float, ...] = ()
    kernels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    contrast: bool | None = None
    contrast_phase: str = ""
    contrast_delay_s: float | None = None
    uptake_minutes: float | None = None
    sex: tuple[str, ...] = ()
    patient_age_years: int | None = None
    patient_size_m: float | None = None
    patient_weight_kg: float | None = None
    n_measured: int = 0
    lowest: float | None = None
    highest: float | None = None
    signal: float | None = None
    noise: float | None = None
    ghosting: float | None = None
    blank_slices: int = 0
    first_blank_slice: int | None = None
    repeated_pictures: int = 0
    clipped_slices: int = 0
    below_air_slices: int = 0
    cut_off_slices: int = 0
    jump_mm: float | None = None
    jump_slice: int | None = None
    fingerprint: bytes = field(default=b"", repr=False)

    @property
    def extent_mm(self) -> float | None:
        """Stretch of the body from the first to the last slice, with the thickness of one."""
        if not self.positions_mm:
            return None
        return round(self.positions_mm[-1] - self.positions_mm[0] + (self.slice_thickness_mm or 0.0), 3)

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        plain = asdict(self)
        del plain["fingerprint"]
        return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The facts that `as_json` wrote; names it does not know are passed over."""
        known = {f.name for f in fields(cls)}
        given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items() if n in known}
        return cls(**given)


def facts_of(excerpts: Sequence[Mapping[str, Any]], *, reference_date: date | None = None) -> list[SeriesFacts]:
    """Measure every series among some instances of which there are excerpts, with what they say beyond the header."""
    datasets = [from_excerpt(values) for values in excerpts]
    notes = [{**(values.get("acquired") or {}), "frames": values.get("frames") or []} for values in excerpts]
    return [_measured(series, datasets, notes, reference_date) for series in sort_into_series(datasets)]


def series_facts(instances: Iterable[Header | Dataset], *, reference_date: date | None = None) -> list[SeriesFacts]:
    """Measure every series among some instances.

    Parameters
    ----------
    instances
        Headers or data sets of one or more series, in any order.
    reference_date
        The subject's day 1; without it no study day is given.

    Returns
    -------
    list of SeriesFacts
        In order of series UID.
    """
    datasets = [item.dataset if isinstance(item, Header) else item for item in instances]
    notes = [acquired(dataset, dataset) for dataset in datasets]
    return [_measured(series, datasets, notes, reference_date) for series in sort_into_series(datasets)]


def _measured(
    series: Series, datasets: list[Dataset], notes: Sequence[Mapping[str, Any]], reference_date: date | None
) -> SeriesFacts:
    noted = [notes[index] for index in dict.fromkeys(s.source for s in series.slices)]
    members = [datasets[index] for index in dict.fromkeys(s.source for s in series.slices)]
    thicknesses = [s.slice_thickness_mm for s in series.stack or series.slices if s.slice_thickness_mm]
    plane = series.stack[0].plane if series.stack else None
    injected = [one for item in members for one in item.get("RadiopharmaceuticalInformationSequence") or ()]
    given = injected[0] if injected else Dataset()
    dose_bq = _positive(given, "RadionuclideTotalDose")
    volumes = [_positive(item, "ContrastBolusVolume") for item in members]
    frames = [_frame(notes[one.source], one.frame) for one in series.stack]
    days = [day for item in members if (day := _study_day(item, reference_date)) is not None]
    return SeriesFacts(
        key=series.series_instance_uid,
        modality=series.modality,
        body_part=_common(members, "BodyPartExamined"),
        description=_common(members, "SeriesDescription"),
        orientation=str(series.orientation) if series.orientation else None,
        slice_thickness_mm=max(thicknesses, default=None),
        positions_mm=tuple(round(offset, 3) for offset in series.offsets_mm),
        spacing_mm=tuple(round(step, 3) for step in series.spacings_mm),
        n_instances=series.n_instances,
        n_slices=len(series.stack),
        n_outside_stack=len(series.slices) - len(series.stack),
        rows=plane.rows if plane else None,
        columns=plane.columns if plane else None,
        study_day=min(days, default=None),
        repeated_instances=len(series.repeated_uids),
        coincident_slices=series.coincident_slices,
        patient_position=_common(members, "PatientPosition"),
        contrast_volume_ml=max(filter(None, volumes), default=None),
        tracer=str(given.get("Radiopharmaceutical") or "").strip(),
        injected_dose_mbq=dose_bq / 1e6 if dose_bq else None,
        pixel_spacing_mm=round(max(plane.row_spacing_mm, plane.column_spacing_mm), 4) if plane else None,
        **_noted(noted),
        **together(frames),
        fingerprint=fingerprint(frames, series.offsets_mm),
    )


def _frame(note: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    frames: Sequence[Mapping[str, Any]] = note.get("frames") or ()
    return frames[number] if number < len(frames) else {}


_ALL = ("kvp", "field_strength_t", "repetition_time_ms", "echo_time_ms", "b_values", "kernels", "units", "sex")
_FIRST = ("contrast_delay_s", "uptake_minutes", "patient_age_years", "patient_size_m", "patient_weight_kg")


def _noted(notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What instances say of their acquisition, together (`imaging.quality.acquired`)."""
    found: dict[str, Any] = {name: tuple(sorted({v for one in notes for v in one.get(name, ())})) for name in _ALL}
    found["corrections"] = tuple(sorted(set.intersection(*(set(one.get("corrections", ())) for one in notes))))
    for name in _FIRST:
        found[name] = min((one[name] for one in notes if name in one), default=None)
    found["contrast"] = max((one["contrast"] for one in notes if "contrast" in one), default=None)
    phases = Counter(one.get("contrast_phase", "") for one in notes)
    found["contrast_phase"] = next(iter(phases)) if len(phases) == 1 else ""
    return found


def _common(datasets: list[Dataset], keyword: str) -> str:
    """A text value that all instances share, or nothing."""
    values = Counter(str(item.get(keyword) or "").strip() for item in datasets)
    return next(iter(values)) if len(values) == 1 else ""


def _positive(dataset: Dataset, keyword: str) -> float | None:
    """A number above zero, or nothing."""
    try:
        value = float(dataset.get(keyword) or 0)
    except (TypeError, ValueError):
        return None
    return value if 0 < value < float("inf") else None


def _study_day(dataset: Dataset, reference_date: date | None) -> int | None:
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate") if reference_date else ():
        text = str(dataset.get(keyword) or "")[:8]
        try:
            acquired = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        except ValueError:
            continue
        days = (acquired - reference_date).days if reference_date else 0
        return days + 1 if days >= 0 else days
    return None
