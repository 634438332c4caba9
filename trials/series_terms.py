"""What a charter may ask of an expected series: each item declared once, with its words, its kind and its limits.

Parsing, validation, the checks of `imaging.quality`, the editor and the schema follow this declaration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

ORIENTATIONS = ("", "axial", "coronal", "sagittal")
#: Empty: not prescribed; `none`: without contrast agent; `any`: with it, whatever the phase.
CONTRASTS = ("", "none", "any", "arterial", "portal_venous", "delayed")


@dataclass(frozen=True, slots=True)
class Term:
    """How an item is named and explained on a page, and what it may be.

    Attributes
    ----------
    section
        Items of a section stand together: The series, Geometry, Contrast, CT, MR, PET, Pictures.
    kind
        text, yes_or_no, number, whole, texts or numbers.
    choices
        The only texts allowed, if there are any.
    least
        The least number allowed.
    """

    section: str
    label: str
    help: str = ""
    kind: str = "number"
    choices: tuple[str, ...] = ()
    least: float = 0.0


def _term(default: Any, section: str, label: str, help_text: str = "", **rest: Any) -> Any:
    return field(default=default, metadata={"term": Term(section, label, help_text, **rest)})


def _number(section: str, label: str, help_text: str = "", **rest: Any) -> Any:
    return _term(None, section, label, help_text, **rest)


def _list(section: str, label: str, help_text: str, kind: str = "texts") -> Any:
    return _term((), section, label, help_text, kind=kind)


@dataclass(frozen=True, slots=True)
class SeriesTerms:
    """What one expected series must look like. Units are in the names; None or empty: not prescribed."""

    label: str = field(metadata={"term": Term("The series", "Label", "What coordinators and readers see.", "text")})
    modality: str = field(metadata={"term": Term("The series", "Modality", "DICOM code: CT, MR, PT.", "text")})
    required: bool = _term(True, "The series", "Required", kind="yes_or_no")
    body_part: str = _term(
        "", "The series", "Body part", "As in Body Part Examined; the usual extent of it is asked for.", kind="text"
    )
    orientation: str = _term("", "Geometry", "Orientation", kind="text", choices=ORIENTATIONS)
    max_slice_thickness_mm: float | None = _number("Geometry", "Slice ≤ mm")
    max_gap_mm: float | None = _number("Geometry", "Gap ≤ mm", "Of the body, unseen between two slices.")
    max_overlap_mm: float | None = _number("Geometry", "Overlap ≤ mm", "Of two neighbouring slices.")
    spacing_tolerance: float = _term(0.1, "Geometry", "Spacing tolerance", "Share of the usual step between slices.")
    max_pixel_spacing_mm: float | None = _number("Geometry", "Pixel ≤ mm")
    min_coverage_mm: float | None = _number("Geometry", "Extent ≥ mm", "From the first to the last slice.")
    min_instances: int | None = _number("Geometry", "Images ≥", kind="whole", least=1)
    max_instances: int | None = _number("Geometry", "Images ≤", kind="whole", least=1)
    patient_positions: tuple[str, ...] = _list("Geometry", "Patient positions", "Such as HFS, FFS.")
    contrast: str = _term(
        "", "Contrast", "Contrast", "none: without agent; any: with it, in any phase.", kind="text", choices=CONTRASTS
    )
    kernels: tuple[str, ...] = _list("CT", "Kernels", "How the names of allowed reconstruction kernels begin.")
    min_kvp: float | None = _number("CT", "kVp ≥")
    max_kvp: float | None = _number("CT", "kVp ≤")
    field_strengths_t: tuple[float, ...] = _list("MR", "Field strengths, T", "Such as 1.5, 3.", "numbers")
    min_repetition_time_ms: float | None = _number("MR", "TR ≥ ms")
    max_repetition_time_ms: float | None = _number("MR", "TR ≤ ms")
    min_echo_time_ms: float | None = _number("MR", "TE ≥ ms")
    max_echo_time_ms: float | None = _number("MR", "TE ≤ ms")
    b_values: tuple[float, ...] = _list("MR", "b-values, s/mm²", "Each of them must be there.", "numbers")
    units: tuple[str, ...] = _list("PET", "Units", "Allowed units of the pixels, such as BQML.")
    corrections: tuple[str, ...] = _list("PET", "Corrections", "Each must be applied: ATTN, SCAT, DECY, RAN.")
    min_uptake_minutes: float | None = _number("PET", "Uptake ≥ min")
    max_uptake_minutes: float | None = _number("PET", "Uptake ≤ min")
    min_injected_dose_mbq: float | None = _number("PET", "Dose ≥ MBq")
    max_injected_dose_mbq: float | None = _number("PET", "Dose ≤ MBq")
    max_noise: float | None = _number("Pictures", "Noise ≤", "CT: in HU; others: as a share of the signal.")

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> SeriesTerms:
        """Read a row of the charter's stored content; what it may say is for `problems`.

        Raises
        ------
        KeyError
            The label or the modality is missing.
        TypeError, ValueError, OverflowError, AttributeError
            A value has the wrong kind.
        """
        given = {name: row[name] for name in ("label", "modality")}
        given |= {name: row.get(name) for name in TERMS if row.get(name) not in (None, "")}
        return cls(**{name: _READ[TERMS[name].kind](value) for name, value in given.items()})

    def problems(self) -> list[str]:
        """Say what of it cannot be checked, each as half a sentence that begins with the item."""
        found = []
        for name, term in TERMS.items():
            value = getattr(self, name)
            if term.choices and value not in term.choices:
                found.append(f"{name} {value} is unknown")
            numbers = value if term.kind == "numbers" else (value,) if term.kind in ("number", "whole") else ()
            if any(one is not None and not (math.isfinite(one) and one >= term.least) for one in numbers):
                found.append(f"{name} is a number from {term.least:g}")
        for name in TERMS:
            low, high = getattr(self, name), getattr(self, name.replace("min_", "max_", 1), None)
            if name.startswith("min_") and low is not None and high is not None and low > high:
                found.append(f"{name} is larger than {name.replace('min_', 'max_', 1)}")
        return found


def _term_of(one: Field[Any]) -> Term:
    term: Term = one.metadata["term"]
    return term


#: Every item by its name, in the order of the declaration.
TERMS: Mapping[str, Term] = {one.name: _term_of(one) for one in fields(SeriesTerms)}


def _whole(value: Any) -> int:
    if int(value) != float(value):
        raise ValueError("a whole number is expected")
    return int(value)


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, list | tuple):
        raise TypeError("a list is expected")
    return list(value)


_READ: Mapping[str, Any] = {
    "text": lambda value: str(value).strip(),
    "yes_or_no": bool,
    "number": float,
    "whole": _whole,
    "texts": lambda value: tuple(str(one).strip().upper() for one in _items(value)),
    "numbers": lambda value: tuple(float(one) for one in _items(value)),
}
