"""A face is found in any cut of a head and taken out as deep as stated; where it is not certain, nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.carving import DEPTH_MM
from imaging.deid.faces.finding import find_face
from imaging.deid.faces.masking import Face, View, mask
from imaging.deid.faces.volume import Volume, slices_of
from tests.factories.heads import AIR, BRAIN, CORONAL, SAGITTAL, Cuts, Head, head_series, tilted

#: The brain is at least so far from what is taken out.
MARGIN_MM = 2.5
WHOLE = View((-999, -999, -999), (999, 999, 999))
COARSE = Cuts(between_mm=7, pixel_mm=3)
#: From below the shoulders to the vertex.
BODY = Cuts(low=(-230, -136, -280), high=(230, 200, 140), between_mm=7, pixel_mm=4)
#: From the chest to the shoulders.
TRUNK = replace(BODY, low=(-230, -136, -380), high=(230, 200, -120))


@dataclass(frozen=True)
class Scan:
    """A head as it was cut; `reverse` if its slices come from the other end."""

    head: Head
    cuts: Cuts = COARSE
    look: str = "CT"
    reverse: bool = False

    def instances(self) -> list[Dataset]:
        series = head_series(self.head, self.cuts, look=self.look)
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


PLAIN = Scan(Head(), Cuts(between_mm=7, pixel_mm=1.4))


@cache
def found(scan: Scan) -> Face | None:
    """The face that is found."""
    volume = Volume([one for instance in scan.instances() for one in slices_of(instance)])
    return find_face(volume, hounsfield=scan.look == "CT")


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(PLAIN, id="long voxels"),
        pytest.param(Scan(Head(rest=True), replace(COARSE, low=(-132, -136, -116), high=(132, 150, 140))), id="a rest"),
        pytest.param(Scan(Head(), replace(COARSE, directions=SAGITTAL), "T1"), id="T1, sagittal"),
        pytest.param(Scan(Head(), COARSE, "T2", reverse=True), id="T2, from the vertex down"),
        pytest.param(Scan(Head(), replace(COARSE, directions=CORONAL)), id="coronal"),
        pytest.param(Scan(Head(nod=15, turn=15), tilted(COARSE, 20)), id="slices that lean, chin down, turned"),
        pytest.param(Scan(Head(size=0.7), replace(COARSE, pixel_mm=2, between_mm=5), "T1"), id="a child"),
        pytest.param(Scan(Head(body=True, arms=True, table=True), BODY), id="a whole body on a table, arms up"),
    ],
)
def test_the_face_goes_and_the_brain_stays(scan: Scan) -> None:
    series, face = scan.instances(), found(scan)

    assert face is not None
    assert scan.depth_mm(face).min() >= DEPTH_MM * scan.head.size
    places = np.stack(np.broadcast_arrays(*face.box.axes()), axis=-1)[face.voxels]
    assert not scan.head.is_brain(places, MARGIN_MM).any()
    brain = 0
    for number, (_, points) in enumerate(scan.cuts.planes(), 1):
        (instance,) = (one for one in series if one.InstanceNumber == number)
        before = instance.pixel_array.copy()
        mask(instance, WHOLE, face)
        after = np.frombuffer(instance.PixelData, before.dtype).reshape(before.shape)
        inner = scan.head.tissue(points) == BRAIN
        brain += inner.sum()
        assert (before[inner] == after[inner]).all()
        if scan.look == "CT":
            assert (after[before != after] == 24).all()  # -1000 HU
    assert brain > 2000


def test_the_ears_go_too() -> None:
    face = found(PLAIN)
    assert face is not None
    for side in (-1, 1):
        ear = np.array([side * 88.0, 16, -8])
        assert face.voxels[tuple(np.rint((ear - face.box.origin) / face.box.spacing_mm).astype(int))]


def test_the_same_series_gives_the_same_face_in_any_order() -> None:
    one, other = found(PLAIN), found(replace(PLAIN, reverse=True))
    assert one is not None
    assert other is not None
    assert one.plain() == other.plain() == Face.of(one.plain()).plain()


@pytest.mark.parametrize("look", ["CT", "T1"])
def test_a_body_without_its_head_shows_no_face(look: str) -> None:
    scan = Scan(Head(body=True, table=True), TRUNK, look)
    assert found(scan) is None


@pytest.mark.parametrize(
    ("scan", "reason"),
    [
        pytest.param(Scan(Head(nose=False)), "face_unsure", id="no nose"),
        pytest.param(Scan(Head(turn=45)), "face_unsure", id="turned too far"),
        pytest.param(Scan(Head(), COARSE, "fat suppressed"), "face_unsure", id="skin as dark as air"),
        pytest.param(Scan(Head(), replace(COARSE, low=(-116, -136, 10))), "face_unsure", id="the top of a head"),
        pytest.param(Scan(Head(), replace(COARSE, low=(-116, -100, -116))), "face_unsure", id="a nose cut off"),
        pytest.param(
            Scan(Head(), replace(COARSE, low=(-36, -136, -116), high=(36, 136, 140))), "face_unsure", id="no sides"
        ),
        pytest.param(
            Scan(Head(size=0.6, body=True), replace(BODY, low=(-150, -90, -200), high=(150, 120, 3), between_mm=6)),
            "face_unsure",
            id="a child's shoulders",
        ),
        pytest.param(
            Scan(Head(body=True, arms=True, table=True), replace(BODY, high=(230, 200, -36))),
            "face_unsure",
            id="a mouth between arms",
        ),
        pytest.param(
            Scan(Head(body=True), replace(TRUNK, low=(-230, 0, -380))), "face_unsure", id="a trunk without its front"
        ),
        pytest.param(Scan(Head(), replace(COARSE, between_mm=8)), "face_no_volume", id="too far apart"),
        pytest.param(
            Scan(Head(), replace(COARSE, low=(-116, -136, -30), high=(116, 136, 20))), "face_no_volume", id="too thin"
        ),
        pytest.param(Scan(Head(), replace(COARSE, between_mm=60)), "face_no_volume", id="a scout"),
    ],
)
def test_what_is_not_certain_stays_out(scan: Scan, reason: str) -> None:
    with pytest.raises(CannotDeidentify) as held:
        found(scan)
    assert held.value.reason == reason
