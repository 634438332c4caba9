"""What a charter may ask of an expected series: each item declared once, with its words, its kind and its limits.

Reading, the checks of `imaging.quality`, the editor, the page and the schema follow this declaration.
"""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag, Number, Several, Text
from trials.terms.records import term

MODALITY = Text(
    16, capitals=True, pattern=r"[A-Z][A-Z0-9]{1,15}", hint="a DICOM code in capitals, such as CT, MR or PT,"
)
ORIENTATIONS = {"axial": "axial", "coronal": "coronal", "sagittal": "sagittal"}
CONTRASTS = {
    "none": "without contrast agent",
    "any": "with contrast agent, in any phase",
    "arterial": "arterial phase",
    "portal_venous": "portal venous phase",
    "delayed": "delayed phase",
}
_MM = Number("mm", least=0)
_MS = Number("ms", least=0)
_KV = Number("kV", least=0)
_MINUTES = Number("minutes", least=0)
_MBQ = Number("MBq", least=0)
_IMAGES = Number("images", least=1, whole=True)
_CODES = Several(Text(64, capitals=True))


@dataclass(frozen=True, slots=True)
class SeriesTerms:
    """What one expected series must look like. Units are in the names; None or empty: not prescribed."""

    label: str = term(Text(80), "Series", "What coordinators and readers see.", required=True, part="The series")
    modality: str = term(MODALITY, "Modality", "DICOM code: CT, MR, PT.", required=True, part="The series")
    required: bool = term(Flag(), "Required", default=True, part="The series")
    body_part: str = term(
        Text(40, capitals=True),
        "Body part",
        "As in Body Part Examined; the usual extent of it is asked for.",
        part="The series",
    )
    orientation: str = term(Choice(ORIENTATIONS), "Orientation", part="Geometry")
    max_slice_thickness_mm: float | None = term(_MM, "Slice thickness at most", part="Geometry")
    max_gap_mm: float | None = term(_MM, "Gap at most", "Of the body, unseen between two slices.", part="Geometry")
    max_overlap_mm: float | None = term(_MM, "Overlap at most", "Of two neighbouring slices.", part="Geometry")
    spacing_tolerance: float = term(
        Number(least=0, most=1),
        "Spacing tolerance",
        "Share of the usual step between slices by which one may differ.",
        default=0.1,
        part="Geometry",
    )
    max_pixel_spacing_mm: float | None = term(_MM, "Pixel spacing at most", part="Geometry")
    min_coverage_mm: float | None = term(_MM, "Extent at least", "From the first to the last slice.", part="Geometry")
    min_instances: int | None = term(_IMAGES, "Number of images at least", part="Geometry")
    max_instances: int | None = term(_IMAGES, "Number of images at most", part="Geometry")
    patient_positions: tuple[str, ...] = term(_CODES, "Patient positions", "Such as HFS, FFS.", part="Geometry")
    contrast: str = term(Choice(CONTRASTS), "Contrast", part="Contrast")
    kernels: tuple[str, ...] = term(
        _CODES, "Reconstruction kernels", "How the names of allowed kernels begin.", part="CT"
    )
    min_kvp: float | None = term(_KV, "Tube voltage at least", part="CT")
    max_kvp: float | None = term(_KV, "Tube voltage at most", part="CT")
    field_strengths_t: tuple[float, ...] = term(
        Several(Number("T", least=0)), "Field strengths", "Such as 1.5, 3.", part="MR"
    )
    min_repetition_time_ms: float | None = term(_MS, "Repetition time at least", part="MR")
    max_repetition_time_ms: float | None = term(_MS, "Repetition time at most", part="MR")
    min_echo_time_ms: float | None = term(_MS, "Echo time at least", part="MR")
    max_echo_time_ms: float | None = term(_MS, "Echo time at most", part="MR")
    b_values: tuple[float, ...] = term(
        Several(Number("s/mm²", least=0)), "b-values", "Each of them must be there.", part="MR"
    )
    units: tuple[str, ...] = term(_CODES, "Units of the pixels", "Allowed ones, such as BQML.", part="PET")
    corrections: tuple[str, ...] = term(
        _CODES, "Corrections", "Each must be applied: ATTN, SCAT, DECY, RAN.", part="PET"
    )
    min_uptake_minutes: float | None = term(_MINUTES, "Uptake time at least", part="PET")
    max_uptake_minutes: float | None = term(_MINUTES, "Uptake time at most", part="PET")
    min_injected_dose_mbq: float | None = term(_MBQ, "Injected dose at least", part="PET")
    max_injected_dose_mbq: float | None = term(_MBQ, "Injected dose at most", part="PET")
    max_noise: float | None = term(
        Number(least=0), "Noise at most", "CT: in HU; others: as a share of the signal.", part="Pictures"
    )
