"""Standardised uptake values: the factor from activity to SUV by body weight (QIBA's vendor-neutral recipe).

SUVbw = activity in Bq/ml × weight in g / dose in Bq, decayed to the time to which the scan is corrected. Where a fact
that it needs is missing, or was taken out with the identity of the subject, there is no factor: none is guessed.
"""

from __future__ import annotations

import datetime as dt
import math
import re

from pydicom.dataset import Dataset

from imaging.dicom.geometry import functional_group, numbers

PET = "PT"
#: Philips: the factor as the scanner worked it out.
_PHILIPS = 0x7053
_PHILIPS_CREATOR, _PHILIPS_SUV = "Philips PET Private Group", 0x00
#: No injection lies further back, and none lies after the scan.
_LONGEST = dt.timedelta(days=2)


def units_of(dataset: Dataset) -> tuple[str, float | None]:
    """Return in which unit the values are after slope and intercept (HU, SUVbw, BQML or empty), and the SUV factor.

    The factor makes values SUVbw; None where it cannot be known.
    """
    modality = str(dataset.get("Modality") or "")
    if modality == "CT":
        item = functional_group(dataset, 0, "PixelValueTransformationSequence")
        # Without a type the values of CT are Hounsfield units: PS3.3 §C.11.1.1.2.
        return ("HU" if str(item.get("RescaleType") or "HU") == "HU" else ""), None
    if modality != PET:
        return "", None
    units = str(dataset.get("Units") or "")
    if units == "BQML":
        return "BQML", _of_activity(dataset)
    if units == "GML":
        kind = str(dataset.get("SUVType") or "BW")  # PS3.3 §C.8.9.1.1.3: body weight where nothing is said
        return ("SUVbw", 1.0) if kind == "BW" else ("", None)
    if units == "CNTS":
        return "", _of_philips(dataset)
    return "", None


def _of_activity(dataset: Dataset) -> float | None:
    corrected = {str(one) for one in _all(dataset.get("CorrectedImage"))}
    if not {"ATTN", "DECY"} <= corrected:
        return None
    tracers = list(dataset.get("RadiopharmaceuticalInformationSequence") or ())
    weight = numbers(dataset, "PatientWeight", 1)
    if len(tracers) != 1 or not weight or weight[0] <= 0:
        return None  # of several tracers it is not said whose dose counts
    dose, half_life = numbers(tracers[0], "RadionuclideTotalDose", 1), numbers(tracers[0], "RadionuclideHalfLife", 1)
    if not dose or dose[0] <= 0:
        return None
    corrected_to = str(dataset.get("DecayCorrection") or "")
    if corrected_to == "ADMIN":
        return weight[0] * 1000 / dose[0]
    seconds = decay_seconds(dataset)
    if corrected_to != "START" or seconds is None or not half_life or half_life[0] <= 0:
        return None
    return weight[0] * 1000 / (dose[0] * math.exp2(-seconds / half_life[0]))


def decay_seconds(dataset: Dataset) -> float | None:
    """Return the seconds from the injection to the start of the scan; None where the header does not tell them.

    The series' time is the start of the scan unless the series was made after the image was acquired.
    """
    scan, acquired = (
        _moment(dataset, "SeriesDate", "SeriesTime"),
        _moment(dataset, "AcquisitionDate", "AcquisitionTime"),
    )
    tracers = list(dataset.get("RadiopharmaceuticalInformationSequence") or ())
    if scan is None or acquired is None or scan > acquired or not tracers:
        return None
    injected = _at(str(tracers[0].get("RadiopharmaceuticalStartDateTime") or ""))
    if injected is None:
        time = str(tracers[0].get("RadiopharmaceuticalStartTime") or "")
        injected = _at(f"{scan:%Y%m%d}{time}") if time else None
        if injected is not None and injected > scan:
            injected -= dt.timedelta(days=1)  # a time without a date: scanned after midnight
    if injected is None or not dt.timedelta(0) <= scan - injected <= _LONGEST:
        return None
    return (scan - injected).total_seconds()


def _of_philips(dataset: Dataset) -> float | None:
    try:
        value = dataset.private_block(_PHILIPS, _PHILIPS_CREATOR)[_PHILIPS_SUV].value
        factor = float(str(value))
    except (KeyError, TypeError, ValueError):
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


def _moment(dataset: Dataset, date: str, time: str) -> dt.datetime | None:
    return _at(f"{dataset.get(date) or ''!s:8}{dataset.get(time) or ''}")


def _at(text: str) -> dt.datetime | None:
    """A moment written as DICOM writes it, at least to the minute."""
    match = re.fullmatch(r"(\d{8})(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,6}))?(?:[+-]\d{4})? *", text)
    if not match:
        return None
    date, hour, minute, second, fraction = match.groups()
    try:
        return dt.datetime.strptime(f"{date}{hour}{minute}{second or '00'}", "%Y%m%d%H%M%S").replace(  # noqa: DTZ007
            microsecond=int((fraction or "0").ljust(6, "0"))
        )
    except ValueError:
        return None


def _all(value: object) -> list[object]:
    return [value] if value is None or isinstance(value, str) else list(value)  # type: ignore[call-overload]
