"""Computed heads and bodies as scanners see them: those whose face is found, those that have none, those that wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from imaging.deid.faces.finding import find_face
from imaging.deid.faces.masking import Face
from imaging.deid.faces.volume import Volume, slices_of
from tests.factories.heads import AIR, CORONAL, SAGITTAL, Cuts, Head, head_series, tilted

UPRIGHT = Head()
COARSE = Cuts(between_mm=7, pixel_mm=3)
#: From below the shoulders to the vertex.
BODY = Cuts(low=(-230, -136, -280), high=(230, 200, 140), between_mm=7, pixel_mm=4)
#: From the chest to the shoulders.
TRUNK = replace(BODY, low=(-230, -136, -380), high=(230, 200, -120))


@dataclass(frozen=True)
class Scan:
    """A head as it was cut; `noise` is that of all values, `reverse` if its slices come from the other end."""

    head: Head = UPRIGHT
    cuts: Cuts = COARSE
    look: str = "CT"
    noise: float = 8
    reverse: bool = False

    def instances(self) -> list[Dataset]:
        """The slices, as they are read."""
        series = head_series(self.head, self.cuts, look=self.look, noise=self.noise)
        for one in series:
            one.file_meta = FileMetaDataset()
            one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return series[::-1] if self.reverse else series

    def depth_mm(self, face: Face) -> NDArray[np.float64]:
        """How far back the surface goes from the root of the nose to the chin, along lines from the front."""
        x, z, y = np.arange(-32, 33, 8.0), np.arange(-72, 1, 8.0), np.arange(-140, 40, 1.0)
        straight = np.stack(np.meshgrid(x, z, y, indexing="ij"), axis=-1)[..., [0, 2, 1]]
        points = straight @ np.linalg.inv(self.head.straight(np.eye(3)))
        body = self.head.tissue(points) != AIR
        index = np.rint((points - face.box.origin) / face.box.spacing_mm).astype(int)
        index[..., 1] = np.maximum(index[..., 1], 0)
        inside = ((index >= 0) & (index < face.box.shape)).all(axis=-1)
        gone = np.zeros(inside.shape, bool)
        gone[inside] = face.voxels[tuple(index[inside].T)]
        assert body.any(axis=-1).all()
        assert (body & ~gone).any(axis=-1).all()
        depths: NDArray[np.float64] = y[(body & ~gone).argmax(axis=-1)] - y[body.argmax(axis=-1)]
        return depths * self.head.size


@cache
def found(scan: Scan) -> Face | None:
    """The face that is found."""
    volume = Volume([one for instance in scan.instances() for one in slices_of(instance)])
    return find_face(volume, hounsfield=scan.look == "CT")


PLAIN = Scan(cuts=Cuts(between_mm=7, pixel_mm=2))
MASKED = {
    "long voxels": PLAIN,
    "T1, sagittal": Scan(cuts=replace(COARSE, directions=SAGITTAL), look="T1"),
    "T2, from the vertex down": Scan(look="T2", reverse=True),
    "coronal": Scan(cuts=replace(COARSE, directions=CORONAL)),
    "slices that lean by 20°, chin 15° down, turned by 15°": Scan(Head(nod=15, turn=15), tilted(COARSE, 20)),
    "a child": Scan(Head(size=0.7), replace(COARSE, pixel_mm=2, between_mm=5), "T1"),
    "in a rest": Scan(Head(rest=True), replace(COARSE, low=(-132, -136, -116), high=(132, 150, 140))),
    "a whole body on a table, arms up": Scan(Head(body=True, arms=True, table=True), BODY),
}
WITHOUT_A_FACE = {
    "a trunk on a table, CT": Scan(Head(body=True, table=True), TRUNK),
    "a trunk, T1": Scan(Head(body=True), TRUNK, "T1"),
}
HELD = {
    "no nose": Scan(Head(nose=False)),
    "turned by 45°": Scan(Head(turn=45)),
    "skin as dark as air": Scan(look="fat suppressed"),
    "the top of a head": Scan(cuts=replace(COARSE, low=(-116, -136, 10))),
    "a nose outside the picture": Scan(cuts=replace(COARSE, low=(-116, -100, -116))),
    "sides outside the picture": Scan(cuts=replace(COARSE, low=(-36, -136, -116), high=(36, 136, 140))),
    "a child's shoulders": Scan(
        Head(size=0.6, body=True), replace(BODY, low=(-150, -90, -200), high=(150, 120, 3), between_mm=6)
    ),
    "a mouth between arms": Scan(Head(body=True, arms=True, table=True), replace(BODY, high=(230, 200, -36))),
    "a neck": Scan(Head(body=True), replace(BODY, low=(-230, -136, -200), high=(230, 150, -60))),
    "a trunk without its front": Scan(Head(body=True), replace(TRUNK, low=(-230, 0, -380))),
}
NO_VOLUME = {
    "slices 8 mm apart": Scan(cuts=replace(COARSE, between_mm=8)),
    "50 mm thick": Scan(cuts=replace(COARSE, between_mm=4, low=(-116, -136, -30), high=(116, 136, 20))),
    "a scout": Scan(cuts=replace(COARSE, between_mm=60)),
}
