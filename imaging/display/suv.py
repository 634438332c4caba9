"""Standardised uptake values: the factor from activity to SUV by body weight, after QIBA's vendor-neutral recipe.

SUVbw = activity in Bq/ml × weight in g / dose in Bq, decayed to the time to which the scan is corrected (QIBA, "SUV
vendor-neutral pseudo-code", happy path; PS3.3 §C.8.9.1). Where a fact that it needs is missing, contradicts another or
is in another unit, SUV is undefined, and it is said why: none is guessed.

The factor is worked out from the header as it came. It holds neither weight, dose nor time alone, so that it may be
kept beside an image whose header was deprived of them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from imaging.dicom.geometry import functional_group, numbers

PET = "PT"
#: Philips: the factor as the scanner worked it out, and the one from counts to Bq/ml.
_PHILIPS, _PHILIPS_CREATOR, _PHILIPS_SUV, _PHILIPS_ACTIVITY = 0x7053, "Philips PET Private Group", 0x00, 0x09
#: GE: when the scan began, also of a series that was made later.
_GE, _GE_CREATOR, _GE_SCAN = 0x0009, "GEMS_PETD_01", 0x0D
#: No injection lies further back, and none lies after the scan.
_LONGEST = dt.timedelta(days=2)
#: Nobody weighs more (kg); no dose is smaller (Bq): one written in MBq would make SUV a million times too large.
_HEAVIEST_KG, _SMALLEST_BQ = 500, 10_000
#: After so many half-lives a thousandth of a millionth is left: times or half-life are wrong.
_MOST_HALF_LIVES = 30
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, NotImplementedError)


class Undefined(Exception):
    """SUV by body weight is not defined; the message says why, and nothing of the subject."""


@dataclass(frozen=True, slots=True)
class Uptake:
    """In which unit values are after slope and intercept (HU, SUVbw, BQML or empty), and what makes them SUVbw.

    `factor` is None where SUV is undefined; of PET `reason` then says why.
    """

    unit: str
    factor: float | None = None
    reason: str = ""

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, as it is kept beside an image."""
        return {"unit": self.unit, "factor": self.factor, "reason": self.reason}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Uptake:
        """Return what was kept."""
        return cls(kept["unit"], kept["factor"], kept["reason"])


def uptake_of(dataset: Dataset) -> Uptake:
    """Return the unit of the values of an instance, and the factor that makes them SUV by body weight."""
    modality = str(dataset.get("Modality") or "")
    if modality == "CT":
        item = functional_group(dataset, 0, "PixelValueTransformationSequence")
        # Without a type the values of CT are Hounsfield units: PS3.3 §C.11.1.1.2.
        return Uptake("HU" if str(item.get("RescaleType") or "HU") == "HU" else "")
    if modality != PET:
        return Uptake("")
    unit = ""
    try:
        unit = str(dataset.get("Units") or "")
        return _of_pet(dataset, unit)
    except Undefined as why:
        return Uptake(unit if unit == "BQML" else "", None, str(why))
    except _MALFORMED:
        return Uptake("", None, "a value that it needs is malformed")


def _of_pet(dataset: Dataset, unit: str) -> Uptake:
    if unit == "BQML":
        return Uptake(unit, _of_activity(dataset))
    if unit == "GML":
        kind = str(dataset.get("SUVType") or "BW")  # PS3.3 §C.8.9.1.1.3: body weight where nothing is said
        if kind != "BW":
            raise Undefined("the values are SUV, but not by body weight")
        return Uptake("SUVbw", 1.0)
    if unit == "CNTS":
        return Uptake("", _of_philips(dataset))
    raise Undefined("the values are not in Bq/ml, g/ml or counts")


def _of_activity(dataset: Dataset) -> float:
    """Grams over the activity that was left at the moment to which the scan is corrected."""
    if not {"ATTN", "DECY"} <= {str(one) for one in _all(dataset.get("CorrectedImage"))}:
        raise Undefined("the values are not corrected for attenuation and decay")
    weight = numbers(dataset, "PatientWeight", 1)
    if not weight or not 0 < weight[0] <= _HEAVIEST_KG:
        raise Undefined("the header has no weight, or none in kg")
    tracer = _tracer(dataset)
    dose = numbers(tracer, "RadionuclideTotalDose", 1)
    if not dose or dose[0] < _SMALLEST_BQ:
        raise Undefined("the header has no dose, or none in Bq")
    corrected_to = str(dataset.get("DecayCorrection") or "")
    if corrected_to == "ADMIN":
        return weight[0] * 1000 / dose[0]
    if corrected_to != "START":
        raise Undefined("the header does not say to which moment decay is corrected")
    half_lives = decay_seconds(dataset) / _half_life(tracer)
    if half_lives > _MOST_HALF_LIVES:
        raise Undefined("hardly anything of the dose was left when the scan began")
    return weight[0] * 1000 / (dose[0] * math.exp2(-half_lives))


def _tracer(dataset: Dataset) -> Dataset:
    tracers = list(dataset.get("RadiopharmaceuticalInformationSequence") or ())
    if len(tracers) != 1:
        raise Undefined("the header tells of no tracer, or of several")  # then nobody says whose dose counts
    tracer: Dataset = tracers[0]
    return tracer


def _half_life(tracer: Dataset) -> float:
    half_life = numbers(tracer, "RadionuclideHalfLife", 1)
    if not half_life or half_life[0] <= 0:
        raise Undefined("the header has no half-life")
    return half_life[0]


def decay_seconds(dataset: Dataset) -> float:
    """Return the seconds from the injection to the moment to which the scan is corrected.

    Raises
    ------
    Undefined
        The header does not tell them.
    """
    scan, tracer = _scan_start(dataset), _tracer(dataset)
    injected = _at(str(tracer.get("RadiopharmaceuticalStartDateTime") or ""), str(dataset.get("TimezoneOffsetFromUTC")))
    if injected is None:
        time = str(tracer.get("RadiopharmaceuticalStartTime") or "")
        injected = _at(f"{scan:%Y%m%d}{time}") if time else None
        if injected is not None and injected > scan:
            injected -= dt.timedelta(days=1)  # a time without a date: scanned after midnight
    if injected is None:
        raise Undefined("the header does not say when the tracer was injected")
    if not dt.timedelta(0) <= scan - injected <= _LONGEST:
        raise Undefined("the injection lies after the scan, or days before it")
    return (scan - injected).total_seconds()


def _scan_start(dataset: Dataset) -> dt.datetime:
    """When the scan began: the time of the series, unless the series was made after the image was acquired.

    Of such a series GE notes the beginning; of others it is told by the decay within the frame (PS3.3 §C.8.9.4.1.4).
    """
    series = _moment(dataset, "SeriesDate", "SeriesTime")
    acquired = _moment(dataset, "AcquisitionDate", "AcquisitionTime")
    if acquired is None:
        raise Undefined("the header does not say when the image was acquired")
    if series is not None and series <= acquired:
        return series
    noted = _private(dataset, _GE, _GE_CREATOR, _GE_SCAN)
    began = _at(str(noted or ""))
    if began is not None and began <= acquired:
        return began
    reference, lasted = numbers(dataset, "FrameReferenceTime", 1), numbers(dataset, "ActualFrameDuration", 1)
    if not reference or not lasted or reference[0] <= 0 or lasted[0] <= 0:
        raise Undefined("the header does not say when the scan began")
    decay = math.log(2) / _half_life(_tracer(dataset)) * lasted[0] / 1000
    average = lasted[0] / 1000 / decay * math.log(decay / -math.expm1(-decay))
    return acquired - dt.timedelta(seconds=reference[0] / 1000 - average)


def _of_philips(dataset: Dataset) -> float:
    """The scanner's own factor; else what makes counts Bq/ml, and those SUV."""
    factor = _positive(_private(dataset, _PHILIPS, _PHILIPS_CREATOR, _PHILIPS_SUV))
    if factor is not None:
        return factor
    activity = _positive(_private(dataset, _PHILIPS, _PHILIPS_CREATOR, _PHILIPS_ACTIVITY))
    if activity is None:
        raise Undefined("the values are counts, and the scanner notes no factor")
    return activity * _of_activity(dataset)


def _private(dataset: Dataset, group: int, creator: str, element: int) -> Any:
    try:
        return dataset.private_block(group, creator)[element].value
    except KeyError:
        return None


def _positive(value: Any) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _moment(dataset: Dataset, date: str, time: str) -> dt.datetime | None:
    return _at(f"{dataset.get(date) or ''!s:8}{dataset.get(time) or ''}")


def _at(text: str, here: str = "") -> dt.datetime | None:
    """A moment written as DICOM writes it, at least to the minute; by the clock `here` if both tell their offset."""
    match = re.fullmatch(r"(\d{8})(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})? *", text)
    if not match:
        return None
    date, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = dt.datetime.strptime(f"{date}{hour}{minute}{second or '00'}", "%Y%m%d%H%M%S").replace(  # noqa: DTZ007
            microsecond=int((fraction or "0").ljust(6, "0"))
        )
    except ValueError:
        return None
    if offset and re.fullmatch(r"[+-]\d{4}", here):
        moment += _offset(here) - _offset(offset)
    return moment


def _offset(text: str) -> dt.timedelta:
    away = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return -away if text[0] == "-" else away


def _all(value: object) -> list[object]:
    return [value] if value is None or isinstance(value, str) else list(value)  # type: ignore[call-overload]
