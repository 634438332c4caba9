"""A face is found in any cut of a head and taken out as deep as stated; where it is not certain, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.carving import DEPTH_MM
from imaging.deid.faces.masking import Face, View, mask
from imaging.deid.faces.volume import Volume, slices_of
from tests.factories.heads import BRAIN
from tests.imaging.deid.faces.scans import HELD, MASKED, NO_VOLUME, PLAIN, WITHOUT_A_FACE, Scan, found

pytestmark = pytest.mark.requirement("REQ-DEI-005")

#: The brain is at least so far from what is taken out.
MARGIN_MM = 2.5
WHOLE = View((-999, -999, -999), (999, 999, 999))


def each(scans: Mapping[str, Scan]) -> Any:
    return pytest.mark.parametrize("scan", scans.values(), ids=scans.keys())


@each(MASKED)
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


def test_a_series_is_the_same_volume_in_any_order_and_of_echoes_the_brightest() -> None:
    slices = [one for instance in PLAIN.instances() for one in slices_of(instance)]
    darker = [replace(one, values=one.values - 100) for one in slices]
    volume = Volume(slices)

    for files in (slices[::-1], [*darker, *slices], [*slices[::-1], *darker]):
        again = Volume(files)
        assert (again.values == volume.values).all()
        assert np.array_equal(again.corners(), volume.corners())


def test_a_face_is_told_to_another_process() -> None:
    face = found(PLAIN)
    assert face is not None
    assert Face.of(face.plain()).plain() == face.plain()


@each(WITHOUT_A_FACE)
def test_a_body_without_its_head_shows_no_face(scan: Scan) -> None:
    assert found(scan) is None


@each(HELD)
def test_what_is_not_certain_stays_out(scan: Scan) -> None:
    with pytest.raises(CannotDeidentify) as held:
        found(scan)
    assert held.value.reason == "face_unsure"


@each(NO_VOLUME)
def test_what_is_no_volume_stays_out(scan: Scan) -> None:
    with pytest.raises(CannotDeidentify) as held:
        found(scan)
    assert held.value.reason == "face_no_volume"
