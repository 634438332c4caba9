"""What the charter asks of a series and of a visit's date."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from compliance.errors import HouseError
from imaging.dicom.geometry import Orientation


class InvalidSeriesRule(HouseError):
    """A series rule or visit window of a charter says something that cannot be checked."""

    code = "invalid_series_rule"
    status = 422


@dataclass(frozen=True)
class SeriesRule:
    """One series that the charter expects. Lengths in mm; None or empty: not prescribed.

    Attributes
    ----------
    max_gap_mm
        Largest stretch of the body that may lie between two slices unseen: the step from slice to slice
        less the slice thickness.
    spacing_tolerance
        How far a step may be from the median step, as a share of it.
    min_instances
        Least number of slices.
    patient_positions
        Allowed positions, such as ``HFS``.
    """

    label: str
    modality: str
    required: bool = True
    orientation: str = ""
    body_part: str = ""
    max_slice_thickness_mm: float | None = None
    max_gap_mm: float | None = None
    spacing_tolerance: float = 0.1
    min_instances: int | None = None
    patient_positions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """A rule from plain values, as a charter stores them.

        Raises
        ------
        InvalidSeriesRule
            A name is unknown, the label or modality is missing, or a value has no meaning.
        """
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise InvalidSeriesRule(f"A series rule has the unknown name {unknown[0]}. Correct the charter.")
        label, modality = str(values.get("label") or "").strip(), str(values.get("modality") or "").strip()
        if not label or not modality:
            raise InvalidSeriesRule("A series rule has no label or no modality. Add it to the charter.")
        orientation = str(values.get("orientation") or "").lower()
        if orientation and orientation not in list(Orientation):
            raise InvalidSeriesRule(
                f"The series rule {label} has an unknown orientation. Choose axial, coronal, sagittal or oblique."
            )
        least = _number(values, "min_instances", label)
        if least is not None and (least < 1 or least != int(least)):
            raise InvalidSeriesRule(f"In the series rule {label}, min_instances must be a whole number from 1.")
        tolerance = _number(values, "spacing_tolerance", label)
        return cls(
            label=label,
            modality=modality.upper(),
            required=bool(values.get("required", True)),
            orientation=orientation,
            body_part=str(values.get("body_part") or "").strip().upper(),
            max_slice_thickness_mm=_number(values, "max_slice_thickness_mm", label),
            max_gap_mm=_number(values, "max_gap_mm", label),
            spacing_tolerance=cls.spacing_tolerance if tolerance is None else tolerance,
            min_instances=None if least is None else int(least),
            patient_positions=tuple(str(p).strip().upper() for p in values.get("patient_positions") or ()),
        )


@dataclass(frozen=True)
class VisitWindow:
    """Study days, both included, between which a visit's scan is on time."""

    day_from: int
    day_to: int

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """A window from plain values.

        Raises
        ------
        InvalidSeriesRule
            A day is missing or no whole number, or the window ends before it begins.
        """
        try:
            window = cls(int(values["day_from"]), int(values["day_to"]))
        except (KeyError, TypeError, ValueError):
            raise InvalidSeriesRule("A visit window needs two whole study days. Correct the charter.") from None
        if window.day_to < window.day_from:
            raise InvalidSeriesRule("A visit window ends before it begins. Correct the charter.")
        return window


def _number(values: Mapping[str, Any], name: str, label: str) -> float | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise InvalidSeriesRule(f"In the series rule {label}, {name} must be a number from 0. Correct the charter.")
    return number
