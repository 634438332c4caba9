"""How an instance was acquired: settings that stay in its header, and durations and phase that its original tells.

Durations and the contrast phase name nobody. They are worked out before de-identification takes or shifts the times and
words that tell them; none of these times and words is kept.
"""

from __future__ import annotations

import re
from typing import Any

from pydicom.dataset import Dataset

from imaging.dicom.geometry import numbers

#: Numbers by the name of the fact: keyword, and the functional group that holds it in an enhanced object.
_NUMBERS = {
    "kvp": (("KVP", "CTXRayDetailsSequence"),),
    "field_strength_t": (("MagneticFieldStrength", ""),),
    "repetition_time_ms": (("RepetitionTime", "MRTimingAndRelatedParametersSequence"),),
    "echo_time_ms": (("EchoTime", ""), ("EffectiveEchoTime", "MREchoSequence")),
    "b_values": (("DiffusionBValue", "MRDiffusionSequence"),),
}
#: Words of protocols for the phase; the first line that matches counts.
_WORDS = (
    ("none", r"NATIVE?|NATIV|UNENHANCED|NON[- ]?CON(TRAST)?|PRE[- ]?CON(TRAST)?|WITHOUT|W/O"),
    ("delayed", r"DELAY(ED)?|LATE|EXCRETORY|EQUILIBRIUM"),
    ("portal_venous", r"PORTAL|PORTOVENOUS|PORTO|PV|PVP|VENOUS|VEN"),
    ("arterial", r"ARTERIAL|ART|CTA|ANGIO"),
)
#: Seconds between injection and scan at which each phase ends: enhancement of liver and vessels, textbook values.
_PHASES = (("arterial", 45.0), ("portal_venous", 120.0), ("delayed", 1800.0))
_DAY_S = 86400.0


def acquired(dataset: Dataset, original: Dataset) -> dict[str, Any]:
    """Plain values by the names of `SeriesFacts`; what is not stated is left out.

    Parameters
    ----------
    dataset
        The de-identified header, or the original one in a rehearsal.
    original
        The header as it came.
    """
    found: dict[str, Any] = {}
    for name, places in _NUMBERS.items():
        if values := sorted({value for place in places for value in _numbers(dataset, *place)}):
            found[name] = values
    texts = {
        "kernels": _texts(dataset, "ConvolutionKernel")
        or [
            kernel
            for item in _groups(dataset, "CTReconstructionSequence")
            for kernel in _texts(item, "ConvolutionKernel")
        ],
        "units": _texts(dataset, "Units"),
        "corrections": _texts(dataset, "CorrectedImage"),
        "sex": _texts(dataset, "PatientSex"),
    }
    found |= {name: value for name, value in texts.items() if value}
    for name, keyword in (("patient_weight_kg", "PatientWeight"), ("patient_size_m", "PatientSize")):
        if (value := numbers(dataset, keyword, 1)) and value[0] > 0:
            found[name] = value[0]
    if age := re.fullmatch(r"(\d{3})Y", str(dataset.get("PatientAge") or "").strip()):
        found["patient_age_years"] = int(age[1])
    return found | _contrast(original) | _uptake(original)


def _contrast(original: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {}
    agent = str(original.get("ContrastBolusAgent") or "").strip().upper()
    if agent:
        found["contrast"] = agent not in ("NO", "NONE", "N")
    start, scan = _seconds(original, "ContrastBolusStartTime"), _seconds(original, "AcquisitionTime")
    said = " ".join(str(original.get(name) or "").upper() for name in ("SeriesDescription", "ProtocolName"))
    words = [phase for phase, pattern in _WORDS if re.search(rf"(?<![A-Z])({pattern})(?![A-Z])", said)]
    if words:
        found["contrast_phase"] = words[0]
    if start is not None and scan is not None and found.get("contrast") is not False:
        found["contrast_delay_s"] = delay = round((scan - start) % _DAY_S, 1)
        if timed := [phase for phase, end in _PHASES if delay <= end]:
            found["contrast_phase"] = timed[0]
    return found


def _uptake(original: Dataset) -> dict[str, Any]:
    items = original.get("RadiopharmaceuticalInformationSequence") or ()
    for item in items:
        start = _seconds(item, "RadiopharmaceuticalStartTime")
        if start is None:
            start = _seconds(item, "RadiopharmaceuticalStartDateTime", 8)

        scan = _seconds(original, "AcquisitionTime")
        if start is not None and scan is not None:
            return {"uptake_minutes": round((scan - start) % _DAY_S / 60, 1)}
    return {}


def _seconds(dataset: Dataset, keyword: str, begin: int = 0) -> float | None:
    """Seconds since midnight of a time such as `093000.5`."""
    match = re.match(r"(\d\d)(\d\d)(\d\d)?(\.\d+)?", str(dataset.get(keyword) or "")[begin:])
    if not match:
        return None
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0) + float(match[4] or 0)


def _groups(dataset: Dataset, keyword: str) -> list[Dataset]:
    groups = [
        *(dataset.get("SharedFunctionalGroupsSequence") or ()),
        *(dataset.get("PerFrameFunctionalGroupsSequence") or ()),
    ]
    return [item for group in groups for item in group.get(keyword) or ()]


def _numbers(dataset: Dataset, keyword: str, group: str) -> list[float]:
    places = [dataset, *(_groups(dataset, group) if group else ())]
    return [value[0] for place in places if (value := numbers(place, keyword, 1)) is not None]


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    items = [value] if value is None or isinstance(value, str) else list(value)
    return [text for item in items if (text := str(item or "").replace("\0", "").strip())]
