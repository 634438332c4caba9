"""Which scanner an image names in its header."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

_NAMED_BY = ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions")
#: Characters that are kept of a value: what names a device is no longer.
_MOST = 64


def device_in(dataset: Dataset) -> list[str]:
    """Manufacturer, model, serial number and software of the scanner (PS3.3 §C.7.5.1), empty where nothing is said.

    An image that was made of others (Image Type, value 2: SECONDARY) names the workstation, so that it says nothing.
    """
    if "SECONDARY" in _parts(dataset, "ImageType"):
        return ["", "", "", ""]
    return [", ".join(_parts(dataset, keyword))[:_MOST] for keyword in _NAMED_BY]


def _parts(dataset: Dataset, keyword: str) -> list[str]:
    try:
        value: Any = dataset.get(keyword)
    except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError):
        return []  # pydicom meets a malformed value only now, when it is asked for
    if value is None:
        return []
    parts = list(value) if hasattr(value, "append") else [value]
    printed = ("".join(sign for sign in str(part) if sign.isprintable()).strip() for part in parts)
    return [part for part in printed if part]
