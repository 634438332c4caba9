"""What a viewer must know of an instance beside its values, read from its file once and kept as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from compliance.errors import HouseError
from imaging.dicom import films
from imaging.dicom.files import opened
from imaging.dicom.geometry import Plane, functional_group, numbers, plane_of
from imaging.dicom.headers import Header, read_header
from imaging.dicom.rendering import header_window
from imaging.display.frames import is_looked_up, kind_of
from imaging.display.suv import Uptake, uptake_of

#: Facts of an instance, as `facts_of` makes them.
Facts = dict[str, Any]

#: Decimals of a millimetre and of a direction that are kept: far below what a scanner knows of either.
_MM, _COSINE = 4, 6


def facts_of(path: str) -> Facts:
    """Return what is to be known of the file of an instance before one of its frames is shown.

    Returns
    -------
    dict
        `rows`, `columns`, `samples`, `bits`, `signed`, `float`, `photometric`: of a frame as it leaves
        (`imaging.display.frames`); `unit`, `suv_factor` and `suv_reason` (`imaging.display.suv`), `suv_in_header`:
        whether the file tells the factor; `spacing` [between rows, between columns], mm, and `orientation` (six
        direction cosines), both None where the header has none; `space`: Frame of Reference UID, perhaps empty;
        `cine_ms`; `window` [centre, width] of the header; `places`: for each frame [position of its first pixel in
        patient LPS, mm, or None; slope; intercept], one for all where they are alike; `raw` [offset, length]: where
        the first frame lies in the file as it is to leave, the others behind it, or None where it must be decoded;
        `film`: where a film lies, what it is, and how its frames stand (`cine_ms` is by the header); None of pictures.
    """
    header = read_header(Path(path))
    dataset = header.dataset
    kind = kind_of(dataset)
    frames = max(header.number_of_frames, 1)
    places = [_place(dataset, frame) for frame in range(frames)]
    plane = plane_of(dataset)
    window = header_window(dataset)
    uptake = uptake_of(dataset)
    spacing = _spacing(dataset)
    return {
        "rows": header.rows or 0,
        "columns": header.columns or 0,
        "samples": kind.samples,
        "bits": kind.bits,
        "signed": kind.signed,
        "float": kind.float,
        "photometric": kind.photometric,
        **of_uptake(uptake),
        "suv_in_header": uptake.factor is not None,
        "spacing": [round(value, 6) for value in spacing] if spacing else None,
        "orientation": [round(v, _COSINE) for v in (*plane.row_direction, *plane.column_direction)] if plane else None,
        "space": str(dataset.get("FrameOfReferenceUID") or ""),
        "cine_ms": _cine_ms(dataset),
        "window": [window.centre, window.width] if window else None,
        "places": places[:1] if all(place == places[0] for place in places) else places,
        "raw": _raw(path, header),
        "film": _film(path, header),
    }


def of_uptake(uptake: Uptake) -> Facts:
    """Return what is to be known of the values of a picture as uptake."""
    return {"unit": uptake.unit, "suv_factor": uptake.factor, "suv_reason": uptake.reason}


def facts_of_all(paths: Sequence[str]) -> list[Facts | None]:
    """`facts_of` for several files; None for one that cannot be read."""
    return [_facts_or_none(path) for path in paths]


def _facts_or_none(path: str) -> Facts | None:
    try:
        return facts_of(path)
    except (HouseError, OSError, ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError):
        return None


def place_of(facts: Facts, frame: int) -> tuple[list[float] | None, float, float]:
    """Position of a frame (from 1), slope and intercept, out of facts."""
    places = facts["places"]
    position, slope, intercept = places[frame - 1] if len(places) > 1 else places[0]
    return position, slope, intercept


def plane_in(facts: Facts, frame: int) -> Plane | None:
    """Where a frame (from 1) lies in the patient, out of facts; None where they do not say."""
    position, axes, spacing = place_of(facts, frame)[0], facts["orientation"], facts["spacing"]
    if position is None or axes is None or spacing is None:
        return None
    x, y, z = position
    a, b, c, d, e, f = axes
    return Plane((x, y, z), (a, b, c), (d, e, f), spacing[0], spacing[1], facts["rows"], facts["columns"])


def _place(dataset: Dataset, frame: int) -> list[Any]:
    plane = plane_of(dataset, frame)
    slope, intercept = 1.0, 0.0
    if not is_looked_up(dataset):
        item = functional_group(dataset, frame, "PixelValueTransformationSequence")
        given = numbers(item, "RescaleSlope", 1), numbers(item, "RescaleIntercept", 1)
        if given[0] and given[1]:
            slope, intercept = given[0][0], given[1][0]
    return [[round(value, _MM) for value in plane.position] if plane else None, slope, intercept]


def _spacing(dataset: Dataset) -> tuple[float, ...] | None:
    spacing = numbers(functional_group(dataset, 0, "PixelMeasuresSequence"), "PixelSpacing", 2)
    return spacing if spacing and min(spacing) > 0 else None


def _cine_ms(dataset: Dataset) -> float | None:
    """Milliseconds from frame to frame (PS3.3 §C.7.6.5): told as such, as frames per second, or frame by frame."""
    for keyword, of in (("FrameTime", 1.0), ("RecommendedDisplayFrameRate", -1000.0), ("CineRate", -1000.0)):
        value = numbers(dataset, keyword, 1)
        if value and value[0] > 0:
            return round(value[0] if of > 0 else -of / value[0], 3)
    try:
        waits = [float(value) for value in dataset.get("FrameTimeVector") or ()][1:]
    except (TypeError, ValueError):
        return None
    return round(sum(waits) / len(waits), 3) if waits and sum(waits) > 0 else None


def _film(path: str, header: Header) -> dict[str, Any] | None:
    """Begin and length in the file, `type` as browsers know it, `frames`, `frame_ms` between two, `steady` or not."""
    if not films.is_film(header.transfer_syntax_uid) or header.pixel_offset is None or header.pixel_length is None:
        return None
    with opened(Path(path)) as view:
        value = view[header.pixel_offset : header.pixel_offset + header.pixel_length]
        begin, length = films.place_of(value)
        film = films.described(bytes(value[begin : begin + length]))
    told = {
        "type": film.content_type,
        "frames": film.frames,
        "frame_ms": round(film.frame_ms, 4),
        "steady": film.steady,
    }
    return {"begin": header.pixel_offset + begin, "length": length, **told}


def _raw(path: str, header: Header) -> list[int] | None:
    """Where the first frame lies in the file just as it is to leave, and how long it is; None where it does not.

    Bits that are not used may hold anything (PS3.5 §8.1.1), so the values are looked at once.
    """
    dataset = header.dataset
    syntax = UID(header.transfer_syntax_uid)
    if header.pixel_offset is None or header.pixel_length is None or header.encapsulated or is_looked_up(dataset):
        return None
    kind, photometric = kind_of(dataset), str(dataset.get("PhotometricInterpretation") or "")
    allocated = dataset.get("BitsAllocated")
    plain = photometric in ("MONOCHROME1", "MONOCHROME2") or (
        photometric == "RGB" and not dataset.get("PlanarConfiguration") and kind.samples == 3
    )
    if not (plain and allocated == kind.bits and (syntax.is_little_endian or kind.bits == 8)):
        return None
    if header.pixel_vr == "OW" and not syntax.is_little_endian:
        return None  # 8-bit values in big-endian words are swapped two by two
    length = (header.rows or 0) * (header.columns or 0) * kind.samples * kind.bits // 8
    unused = 0 if kind.float else kind.bits - int(dataset.get("BitsStored") or kind.bits)
    if unused:
        with opened(Path(path)) as view:
            end = header.pixel_offset + length * max(header.number_of_frames, 1)
            values = np.frombuffer(view[header.pixel_offset : end], dtype=kind.dtype)
            if not np.array_equal(values << unused >> unused, values):
                return None
    return [header.pixel_offset, length]
