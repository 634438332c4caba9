"""The few attributes by which a series is measured, as plain JSON, so that checking need not read each file again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")
_MEASURED = (
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality", "BodyPartExamined", "SeriesDescription"),
    *("PatientPosition", "AcquisitionDate", "SeriesDate", "StudyDate", "InstanceNumber", "NumberOfFrames"),
    *("Rows", "Columns", "ContrastBolusVolume", *_PLACE),
)
_TRACER = ("Radiopharmaceutical", "RadionuclideTotalDose")
_NUMBERS = frozenset({"InstanceNumber", "NumberOfFrames", "ContrastBolusVolume", "RadionuclideTotalDose", *_PLACE})
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_PLACED_BY = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")


def excerpt(dataset: Dataset) -> dict[str, Any]:
    """Values by keyword of what `imaging.quality.series_facts` reads in an instance; malformed ones are left out.

    Numbers in text stay as they were written. Of functional groups (PS3.3 §C.7.6.16.2) the places of the frames
    are taken, as one mapping for each frame.
    """
    found = _values(dataset, _MEASURED)
    for keyword in _GROUPS:
        if groups := dataset.get(keyword):
            found[keyword] = [
                {name: [_values(items[0], _PLACE)] for name in _PLACED_BY if (items := group.get(name))}
                for group in groups
            ]
    if injected := dataset.get("RadiopharmaceuticalInformationSequence"):
        found["RadiopharmaceuticalInformationSequence"] = [_values(one, _TRACER) for one in injected]
    return found


def from_excerpt(values: Mapping[str, Any]) -> Dataset:
    """Return a data set that `series_facts` measures as it would the one the excerpt was taken from."""
    with config.disable_value_validation():
        return _restored(values)


def _values(dataset: Dataset, keywords: Iterable[str]) -> dict[str, Any]:
    found = {}
    for keyword in keywords:
        try:
            value = dataset.get(keyword)
        except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError):
            continue  # pydicom meets a malformed value only now, when it is asked for
        if value is None or value == "":
            continue
        parts = list(value) if hasattr(value, "append") else [value]
        if keyword in _NUMBERS and any(isinstance(part, str) for part in parts):
            continue  # nor is every malformed number refused
        found[keyword] = [_plain(part) for part in parts] if hasattr(value, "append") else _plain(value)
    return found


def _plain(value: Any) -> int | str:
    # NUL is no character of any value (PS3.5 §6.1.3), and PostgreSQL takes none.
    return value if type(value) is int else str(value).replace("\0", "")


def _restored(values: Mapping[str, Any]) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            continue  # a note of `imaging.quality` beside the header
        vr = dictionary_VR(tag)
        dataset[tag] = DataElement(tag, vr, Sequence(map(_restored, value)) if vr == "SQ" else value)
    return dataset
