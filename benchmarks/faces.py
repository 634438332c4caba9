"""Faces taken out of computed heads, and what a person is asked about or passes: `python -m benchmarks.faces`.

The scans are those of the tests, and further ones with finer pixels, more noise, other sizes and other postures. With
`--write` the table goes into the documentation, and with it a picture of a head before and after.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import django
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from scipy import ndimage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
django.setup()

from benchmarks.report import DOCUMENT, machine, publish  # noqa: E402 - settings come first
from imaging.deid.admission import CannotDeidentify  # noqa: E402 - settings come first
from imaging.deid.faces.masking import Face, View, mask  # noqa: E402 - settings come first
from imaging.deid.faces.volume import Box, Volume, slices_of  # noqa: E402 - settings come first
from tests.factories.heads import BRAIN, SAGITTAL, Cuts, Head, tilted  # noqa: E402 - settings come first
from tests.imaging.deid.faces.scans import HELD, MASKED, NO_VOLUME, WITHOUT_A_FACE, Scan, found  # noqa: E402 - settings come first

PICTURE = DOCUMENT.with_name("images") / "faces.png"
USUAL = Cuts(between_mm=5, pixel_mm=2)
LARGE = replace(USUAL, low=(-140, -160, -140), high=(140, 160, 165))
FURTHER = {
    "pixels of 1 mm, slices 5 mm apart": Scan(cuts=replace(USUAL, pixel_mm=1)),
    "the same, T1, sagittal": Scan(cuts=replace(USUAL, directions=SAGITTAL, pixel_mm=1), look="T1"),
    "noise of 60 HU": Scan(cuts=USUAL, noise=60),
    "T1, noise of a tenth": Scan(cuts=USUAL, look="T1", noise=40),
    "slices that lean back by 20°": Scan(cuts=tilted(USUAL, -20)),
    "a gantry that leans by 20°": Scan(cuts=replace(tilted(LARGE, 20), table=True)),
    "a gantry that leans back by 20°, T1": Scan(cuts=replace(tilted(LARGE, -20), table=True), look="T1"),
    "from the root of the nose down": Scan(Head(body=True), replace(LARGE, high=(140, 160, 8))),
    **{f"turned by {degrees}°": Scan(Head(turn=degrees), USUAL) for degrees in (10, 20, 25, 30)},
    **{f"chin down by {degrees}°": Scan(Head(nod=degrees), USUAL) for degrees in (10, 20, 30, 40)},
    **{f"chin up by {degrees}°": Scan(Head(nod=-degrees), USUAL) for degrees in (5, 10, 15, 20)},
    **{f"{size} of a grown-up size": Scan(Head(size=size), LARGE) for size in (0.6, 0.8, 1.15)},
}
_EVERYWHERE = View((-999, -999, -999), (999, 999, 999))


def row(name: str, scan: Scan) -> str:
    """What became of one scan, for the table."""
    try:
        face = found(scan)
    except CannotDeidentify as held:
        return f"| {name} | for a person, `{held.reason}` | | | |"
    if face is None:
        return f"| {name} | passes, no face | | | |"
    shown = np.arange(-72, 1, 8.0) * scan.head.size <= face.box.origin[2] + face.box.spacing_mm * face.box.shape[2]
    depth = scan.depth_mm(face)[:, shown].min()
    kept, brain = kept_of(scan, face)
    return f"| {name} | masked | {depth:.0f} | {margin_mm(scan, face):.0f} | {kept:,} of {brain:,} |"


def margin_mm(scan: Scan, face: Face) -> float:
    """The least distance from a voxel that is taken out to the brain."""
    points = np.stack(np.broadcast_arrays(*face.box.axes()), axis=-1).astype(float)
    away = ndimage.distance_transform_edt(~scan.head.is_brain(points), sampling=face.box.spacing_mm)
    return float(away[face.voxels].min())


def kept_of(scan: Scan, face: Face) -> tuple[int, int]:
    """Pixels of the brain that have their values, and all of them."""
    kept = brain = 0
    for instance in scan.instances():
        before = instance.pixel_array.copy()
        _, points = list(scan.cuts.planes())[int(instance.InstanceNumber) - 1]
        inner = scan.head.tissue(points) == BRAIN
        mask(instance, _EVERYWHERE, face)
        kept += int((pixels_of(instance, before)[inner] == before[inner]).sum())
        brain += int(inner.sum())
    return kept, brain


def pixels_of(instance: Dataset, like: NDArray[Any]) -> NDArray[Any]:
    """Pixels as they are now; pydicom remembers those that it decoded before."""
    return np.frombuffer(instance.PixelData, like.dtype).reshape(like.shape)


def table(groups: Mapping[str, Scan]) -> str:
    """The section for the documentation."""
    lines = [
        "| scan | outcome | depth, mm | from the brain, mm | brain pixels unchanged |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, scan in groups.items():
        lines.append(row(name, scan))
        sys.stderr.write(lines[-1] + "\n")
    return "\n".join([*lines, "", f"{machine()}."])


def picture() -> Image.Image:
    """A head from the front and in the middle, before and after."""
    scan = Scan(Head(), Cuts(between_mm=2, pixel_mm=1.5))
    before, after = scan.instances(), scan.instances()
    face = found(scan)
    assert face is not None
    for instance in after:
        mask(instance, _EVERYWHERE, face)
    return Image.fromarray(np.block([[shown(one) for one in (before, after)]]))


def shown(series: list[Dataset]) -> NDArray[np.uint8]:
    """The surface from the front, lit from above, and below it the slice through the middle."""
    volume = Volume([one for instance in series for one in slices_of(instance)])
    low, high = volume.corners()
    box = Box.between(low.tolist(), high.tolist(), 1.0)
    values = volume.sampled(box)
    body = values > -350
    height = np.where(body.any(axis=1), -body.argmax(axis=1), -body.shape[1]).astype(float)
    along_x, along_z = np.gradient(ndimage.gaussian_filter(height, 1.5))
    light = (1 - 0.2 * along_x - 0.6 * along_z) / np.sqrt(1 + along_x**2 + along_z**2)
    front = np.where(body.any(axis=1), np.clip(light, 0.05, 1.3) / 1.3, 0)
    middle = np.clip((values[len(values) // 2] + 200) / 800, 0, 1)
    wide = max(len(front), len(middle))
    return np.vstack([_upright(front, wide), _upright(middle, wide)])


def _upright(part: NDArray[Any], wide: int) -> NDArray[np.uint8]:
    """A part over (across, z) as a picture, in the middle of so many columns."""
    room = wide + 8 - len(part)
    padded = np.pad(np.nan_to_num(part), ((room // 2, room - room // 2), (4, 4)))
    picture: NDArray[np.uint8] = (padded.T[::-1] * 255).astype(np.uint8)
    return picture


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write table and picture into the documentation")
    options = parser.parse_args()
    text = table({**MASKED, **FURTHER, **WITHOUT_A_FACE, **HELD, **NO_VOLUME})
    publish("faces", text, write=options.write, document=DOCUMENT.with_name("deidentification.md"))
    if options.write:
        PICTURE.parent.mkdir(exist_ok=True)
        picture().save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
