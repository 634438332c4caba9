"""A face is found in any cut of a head and taken out as deep as stated; where it is not certain, nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.finding import DEPTH_MM, find_face
from imaging.deid.faces.masking import Face, mask
from imaging.deid.faces.volume import Volume, slices_of
from tests.factories.heads import AIR, BRAIN, CORONAL, SAGITTAL, Cuts, Head, head_series, tilted

BODY = Cuts(low=(-230, -136, -380), high=(230, 150, 140), between_mm=6.5, pixel_mm=3)


@dataclass
class Scan:
    """A head as it was cut."""

    head: Head
    cuts: Cuts
    modality: str = "CT"

    def instances(self) -> list[Dataset]:
        series = head_series(self.head, self.cuts, modality=self.modality)
        for one in series:
            one.file_meta = FileMetaDataset()
            one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return series

    def face(self, series: list[Dataset]) -> Face | None:
        volume = Volume([one for instance in series for one in slices_of(instance)])
        return find_face(volume, hounsfield=self.modality == "CT")

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


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(Scan(Head(), Cuts(between_mm=7)), id="CT, coarse"),
        pytest.param(Scan(Head(), Cuts(SAGITTAL), "MR"), id="MR, sagittal"),
        pytest.param(Scan(Head(), Cuts(CORONAL, between_mm=5)), id="coronal"),
        pytest.param(Scan(Head(), tilted(Cuts(between_mm=6), 20)), id="slices that lean"),
        pytest.param(Scan(Head(nod=20), Cuts(between_mm=6)), id="chin down"),
        pytest.param(Scan(Head(turn=15), Cuts(between_mm=6)), id="turned"),
        pytest.param(Scan(Head(size=0.75), Cuts(), "MR"), id="a child"),
        pytest.param(Scan(Head(body=True), BODY), id="a whole body"),
    ],
)
def test_the_face_goes_and_the_brain_stays(scan: Scan) -> None:
    series = scan.instances()
    face = scan.face(series)

    assert face is not None
    assert scan.depth_mm(face).min() >= DEPTH_MM - face.box.spacing_mm / 2  # a voxel's half: a grid has no finer places
    brain = 0
    for instance, (_, points) in zip(series, scan.cuts.planes(), strict=True):
        before = instance.pixel_array.copy()
        mask(instance, face)
        after = np.frombuffer(instance.PixelData, before.dtype).reshape(before.shape)
        inner = scan.head.tissue(points) == BRAIN
        brain += inner.sum()
        assert (before[inner] == after[inner]).all()
        if scan.modality == "CT":
            assert (after[before != after] == 24).all()  # -1000 HU
    assert brain > 3000


def test_the_ears_go_too() -> None:
    scan = Scan(Head(), Cuts(between_mm=6))
    face = scan.face(scan.instances())
    assert face is not None
    for side in (-1, 1):
        ear = np.array([side * 88.0, 16, -8])
        assert face.voxels[tuple(np.rint((ear - face.box.origin) / face.box.spacing_mm).astype(int))]


def test_the_same_series_gives_the_same_face_in_any_order() -> None:
    scan = Scan(Head(), Cuts(between_mm=7))
    one, other = scan.face(scan.instances()), scan.face(scan.instances()[::-1])
    assert one is not None
    assert other is not None
    assert one.plain() == other.plain() == Face.of(one.plain()).plain()


def test_a_body_without_its_head_shows_no_face() -> None:
    scan = Scan(Head(body=True), Cuts(low=(-230, -136, -380), high=(230, 150, -120), between_mm=6, pixel_mm=3))
    assert scan.face(scan.instances()) is None


@pytest.mark.parametrize(
    ("scan", "reason"),
    [
        pytest.param(Scan(Head(nose=False), Cuts()), "face_unsure", id="no nose"),
        pytest.param(Scan(Head(), Cuts(low=(-116, -136, 10))), "face_unsure", id="the top of a head"),
        pytest.param(Scan(Head(), Cuts(low=(-116, -100, -116))), "face_unsure", id="a nose cut off"),
        pytest.param(Scan(Head(), Cuts(between_mm=8)), "face_no_volume", id="too far apart"),
        pytest.param(Scan(Head(), Cuts(low=(-116, -136, -40), high=(116, 136, 10))), "face_no_volume", id="too thin"),
        pytest.param(Scan(Head(), Cuts(between_mm=60)), "face_no_volume", id="a scout"),
    ],
)
def test_what_is_not_certain_stays_out(scan: Scan, reason: str) -> None:
    with pytest.raises(CannotDeidentify) as held:
        scan.face(scan.instances())
    assert held.value.reason == reason
