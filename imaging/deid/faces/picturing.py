"""What a person sees of a proposed mask: slices and the surface of the head, before and after.

The steps run in a child process: arguments and results are plain values that JSON can carry, and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.choosing import SURFACE, Choice, Portrait, place_in
from imaging.deid.faces.doubts import Doubtful
from imaging.deid.faces.finding import Looks
from imaging.deid.faces.masking import Face
from imaging.deid.faces.volume import Bits, Box, Slice, Volume
from imaging.dicom.geometry import plane_of
from imaging.dicom.rendering import png, render_frame

#: Voxels of a portrait at most, and how small they are at least, mm.
_VOXELS, _FINEST_MM = 2_500_000, 2.0
#: Pixels of a rendered surface for each voxel.
_LARGER = 3
#: What stands for "goes" in a slice: the red that lies over it, and how much of it.
_RED, _SHARE = (255, 64, 64), 0.55

Plain = dict[str, Any]
#: What of a slice is shown: as it came, the same with what goes in red, as it is afterwards.
BEFORE, MARKED, AFTER = "before", "marked", "after"


def portray(slices: Sequence[Mapping[str, Any]], hounsfield: bool, found: Mapping[str, Any]) -> Plain:
    """What it takes to show a series with its proposed mask.

    Parameters
    ----------
    slices, hounsfield
        As for `looking.find`.
    found
        What that gave.

    Returns
    -------
    dict
        `air`, the value of air; `extent`, corners of the body or of all pictures, mm; `portrait`, None where there is
        no volume; `order` of the slices as one goes through them; `begin`, the one to show first.
    """
    read = [Slice.of(one) for one in slices]
    order = sorted(range(len(read)), key=lambda number: (*_place(read[number]), number))
    shown: Plain = {"air": -1000.0 if hounsfield else 0.0, "extent": None, "portrait": None, "order": order}
    face = Face.of(found["face"]) if found["face"] else None
    if read:
        shown["extent"] = _corners(read)
    try:
        volume = Volume(read)
    except Doubtful:
        values = np.concatenate([one.values.ravel() for one in read]) if read else np.zeros(0)
        if values.size and not hounsfield:
            shown["air"] = float(np.percentile(values, 1))
        return {**shown, "begin": len(order) // 2}
    box = face.box if face else _whole(volume)
    values = volume.sampled(box)
    looks = Looks.among(values, hounsfield=hounsfield)
    shown["air"] = face.fill if face else looks.air
    scaled = (np.nan_to_num(values, nan=looks.air) - looks.air) / (looks.level - looks.air) * SURFACE
    grid = np.clip(scaled, 0, 255).astype(np.uint8)
    plain = {"origin": list(box.origin), "spacing_mm": box.spacing_mm, "shape": list(box.shape)}
    shown["portrait"] = {**plain, "values": grid.tobytes()}
    body = _corners_of(grid >= SURFACE, box)
    shown["extent"] = body or shown["extent"]
    return {**shown, "begin": _begin(read, order, face)}


def _place(one: Slice) -> tuple[tuple[float, ...], float]:
    """By which slices are ordered: their direction, and how far along it they lie."""
    normal = np.cross(one.row, one.column)
    normal /= np.linalg.norm(normal)
    return tuple((normal.round(2) + 0.0).tolist()), float(one.position @ normal)


def _corners(slices: Sequence[Slice]) -> list[list[float]]:
    ends = []
    for one in slices:
        rows, columns = one.values.shape
        across, down = one.row * (columns - 1), one.column * (rows - 1)
        ends += [one.position, one.position + across, one.position + down, one.position + across + down]
    return [np.min(ends, axis=0).tolist(), np.max(ends, axis=0).tolist()]


def _whole(volume: Volume) -> Box:
    low, high = volume.corners()
    spacing = max(_FINEST_MM, float(np.prod((high - low).astype(float)) / _VOXELS) ** (1 / 3))
    return Box.between(low.tolist(), high.tolist(), spacing)


def _corners_of(body: Bits, box: Box) -> list[list[float]] | None:
    """Corners of the largest thing in a grid, mm."""
    labels, count = scipy.ndimage.label(scipy.ndimage.binary_opening(body))
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    at = scipy.ndimage.find_objects(labels, max_label=int(sizes.argmax()))[-1]
    low, high = np.array([one.start for one in at]), np.array([one.stop - 1 for one in at])
    origin = np.array(box.origin)
    return [(origin + low * box.spacing_mm).tolist(), (origin + high * box.spacing_mm).tolist()]


def _begin(slices: Sequence[Slice], order: Sequence[int], face: Face | None) -> int:
    """The slice through the middle of what goes, else the middle one."""
    if face is None or not face.voxels.any():
        return len(order) // 2
    middle = np.array(face.box.origin) + np.mean(face.voxels.nonzero(), axis=1) * face.box.spacing_mm

    def away(at: int) -> float:
        one = slices[order[at]]
        normal = np.cross(one.row, one.column)
        return abs(float((middle - one.position) @ normal / np.linalg.norm(normal)))

    return min(range(len(order)), key=away)


def picture(path: str, frame: int, proposal: Mapping[str, Any], choice: Mapping[str, Any] | None, show: str) -> bytes:
    """Render a frame of a file as PNG, in its own window: before, marked, or after, as `choosing.Choice` has it."""

    def covered(dataset: Dataset) -> Bits | None:
        plane = plane_of(dataset, frame)
        if choice is None or show == BEFORE or plane is None:
            return None
        return place_in(proposal, Choice.of(choice)).covers(plane)

    def gone(values: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
        where = covered(dataset) if show == AFTER and values.ndim == 2 else None
        return values if where is None else np.where(where, np.float32(proposal["air"]), values)

    def marked(shades: NDArray[np.uint8], dataset: Dataset) -> NDArray[np.uint8]:
        where = covered(dataset) if show == MARKED and shades.ndim == 2 else None
        if where is None:
            return shades
        coloured = np.repeat(shades[..., None], 3, axis=2).astype(np.float32)
        coloured[where] = coloured[where] * (1 - _SHARE) + np.array(_RED, np.float32) * _SHARE
        return coloured.astype(np.uint8)

    return render_frame(Path(path), frame=frame, change=gone, finish=marked)


def surface(proposal: Mapping[str, Any], choice: Mapping[str, Any] | None, turn: int, show: str) -> bytes:
    """Render the surface from before, from so many degrees to the patient's left, as PNG.

    Raises
    ------
    CannotDeidentify
        `face_no_volume`
    """
    portrait = Portrait.of(proposal["portrait"])
    if portrait is None:
        raise CannotDeidentify("face_no_volume")
    values = portrait.values
    if choice is not None and show == AFTER:
        values = np.where(portrait.within(place_in(proposal, Choice.of(choice))), np.uint8(0), values)
    if turn:
        values = scipy.ndimage.rotate(values, -turn, axes=(0, 1), reshape=True, order=1)
    return png(_lit(values))


def _lit(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The first surface along y, lit from above, as a picture with the head up."""
    body = values >= SURFACE
    first = body.argmax(axis=1)
    here, before = (
        np.take_along_axis(values, at[:, None], axis=1)[:, 0].astype(float) for at in (first, np.maximum(first - 1, 0))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where((first > 0) & (here > before), (here - SURFACE) / (here - before), 0.0)
    seen = body.any(axis=1)
    height = np.where(seen, -(first - part), -float(values.shape[1]))
    height = scipy.ndimage.zoom(scipy.ndimage.gaussian_filter(height, 1.0), _LARGER, order=1)
    seen = scipy.ndimage.zoom(seen.astype(np.float32), _LARGER, order=1) > 0.5
    along_x, along_z = np.gradient(height, 1 / _LARGER)
    light = (1 - 0.2 * along_x - 0.6 * along_z) / np.sqrt(1 + along_x**2 + along_z**2)
    shades = np.where(seen, np.clip(light, 0.05, 1.3) / 1.3 * 255, 0).astype(np.uint8)
    upright: NDArray[np.uint8] = np.ascontiguousarray(shades.T[::-1])
    return upright
