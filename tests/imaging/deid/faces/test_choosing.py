"""The mask as a person sets it: larger, smaller, all before a plane, or none; and what they are shown of it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces import choosing, looking, picturing
from imaging.deid.faces.choosing import Choice
from imaging.deid.faces.cutting import Cut
from imaging.deid.faces.doubts import Doubt, Doubtful
from imaging.deid.faces.masking import Face
from imaging.deid.faces.volume import slices_of
from imaging.dicom.geometry import plane_of
from tests.factories import encoded
from tests.factories.heads import Cuts
from tests.imaging.deid.faces.scans import HELD, NO_VOLUME, Scan, found

pytestmark = pytest.mark.requirement("REQ-DEI-005")

#: The middle of a head: the smallest volume in which a face is found.
MIDDLE = Scan(cuts=Cuts(between_mm=7, pixel_mm=4, low=(-100, -124, -60), high=(100, 124, 32)))
DOUBTS = {
    "no nose": Doubt.NO_NOSE,
    "sides outside the picture": Doubt.SIDES_CUT,
    "a trunk without its front": Doubt.FRONT_HIDDEN,
    "slices 8 mm apart": Doubt.GAPS,
    "50 mm thick": Doubt.THIN,
    "a scout": Doubt.FEW_SLICES,
}


@pytest.fixture(scope="module")
def proposal() -> dict[str, Any]:
    """What is proposed of the middle of a head."""
    slices = [one.plain() for instance in MIDDLE.instances() for one in slices_of(instance)]
    seen = looking.find(slices, True)
    return {**seen, **picturing.portray(slices, True, seen)}


@pytest.mark.parametrize("name", DOUBTS)
def test_each_doubt_has_its_name(name: str) -> None:
    with pytest.raises(Doubtful) as doubtful:
        found({**HELD, **NO_VOLUME}[name])
    assert doubtful.value.doubt == DOUBTS[name]


def test_as_it_was_found_it_is_what_the_machine_takes_out(proposal: dict[str, Any]) -> None:
    first = Choice.at_first(proposal)
    assert first is not None
    assert first.plain() == {"shape": "found", "grow_mm": 0}
    settled = choosing.settle(proposal, first.plain())

    assert settled["looked"] == {"view": proposal["view"], "face": proposal["face"], "problem": "", "decided": True}
    assert 1 < settled["share"] < 20
    assert settled == choosing.settle(proposal, {"shape": "found"})


def test_larger_holds_it_and_smaller_lies_within(proposal: dict[str, Any]) -> None:
    smaller, same, larger = (choosing.place_in(proposal, Choice("found", mm)).voxels for mm in (-4, 0, 6))  # type: ignore[union-attr]

    assert (smaller <= same).all()
    assert (same <= larger).all()
    assert smaller.sum() < same.sum() < larger.sum()
    digests = {choosing.settle(proposal, Choice("found", mm).plain())["sha256"] for mm in (-4, 0, 6)}
    assert len(digests) == 3


def test_a_margin_is_as_wide_as_it_says() -> None:
    voxels = np.zeros((40, 40, 40), bool)
    voxels[20, 20, 20] = True
    box = choosing.Box((0, 0, 0), 2.0, (40, 40, 40))
    grown = Face(box, voxels, -1000).grown(6)

    away = np.linalg.norm(np.argwhere(grown.voxels) - 20, axis=1) * 2
    assert (away.max(), grown.voxels.sum()) == (6, 123)  # whole points within 3 of a middle
    assert (grown.grown(-5).voxels == voxels).all()


def test_everything_before_a_plane_goes_between_its_heights_and_turned_with_the_face() -> None:
    cut = Cut((10.0, 20.0, 30.0), 40, 50, -50, 90, -1000)
    ahead, behind, above = (51.0, 0.0, 30.0), (49.0, 0.0, 30.0), (51.0, 0.0, 81.0)

    for point, goes in ((ahead, True), (behind, False), (above, False)):
        x, y, z = (np.array([[value]]) for value in point)
        assert cut._holds(x, y, z).item() is goes
    assert Cut.of(cut.plain()) == cut


def test_a_plane_and_a_grid_agree_on_what_goes() -> None:
    cut = Cut((0.0, 0.0, 0.0), 30, 10, -40, 20, -1000)
    for instance in MIDDLE.instances():
        plane = plane_of(instance)
        assert plane is not None
        box = choosing.Box(plane.position, 4.0, (plane.columns, plane.rows, 1))
        assert (cut.covers(plane) == cut.within(box)[:, :, 0].T).all()


def test_nothing_changes_nothing_wherever_a_frame_lies(proposal: dict[str, Any]) -> None:
    looked = choosing.settle(proposal, None)

    assert (looked["looked"]["face"], looked["looked"]["decided"], looked["share"]) == (None, True, 0)


def test_what_was_not_found_cannot_go() -> None:
    nothing = {"face": None, "extent": None, "portrait": None, "view": None, "air": 0}
    assert Choice.at_first(nothing) is None
    for shape, reason in (("found", "face_unsure"), ("plane", "face_no_volume")):
        with pytest.raises(CannotDeidentify) as refused:
            choosing.settle(nothing, Choice(shape).plain())
        assert refused.value.reason == reason


def shown(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(content)))


def test_pictures_show_what_goes_and_nothing_else_changes(proposal: dict[str, Any], tmp_path: Path) -> None:
    middle = MIDDLE.instances()[proposal["order"][proposal["begin"]]]
    path = tmp_path / "middle.dcm"
    path.write_bytes(encoded(middle))
    choice = {"shape": "found", "grow_mm": 0}
    before, marked, after = (
        shown(picturing.picture(str(path), 0, proposal, choice, show)) for show in ("before", "marked", "after")
    )

    plane = plane_of(middle)
    assert plane is not None
    goes = Face.of(proposal["face"]).covers(plane)
    assert goes.any()
    assert (after[~goes] == before[~goes]).all()
    assert np.unique(after[goes]).size == 1
    assert (marked[~goes] == before[~goes][:, None]).all()
    assert (marked[goes][:, 0] > marked[goes][:, 1]).all()
    assert (shown(picturing.picture(str(path), 0, proposal, None, "after")) == before).all()


def test_the_surface_turns_to_the_side_that_is_asked_for(proposal: dict[str, Any]) -> None:
    """From its left a nose is at the left of the picture, from its right at the right."""
    box = choosing.Portrait.of(proposal["portrait"])
    assert box is not None
    ahead = [shown(picturing.surface(proposal, None, turn, "before")) for turn in (-90, 0, 90)]
    from_right, front, from_left = ((one > 0).sum(axis=1) for one in ahead)

    assert from_left.max() > front.max()  # a head is longer than it is wide
    assert (ahead[0][:, ::-1] > 0).sum() == pytest.approx((ahead[2] > 0).sum(), rel=0.02)
    nose = (ahead[2] > 0).argmax(axis=1).argmin()
    assert (ahead[2][nose] > 0).argmax() < (ahead[2][nose, ::-1] > 0).argmax()
    assert (ahead[0][nose] > 0).argmax() > (ahead[0][nose, ::-1] > 0).argmax()
    assert from_right.max() == pytest.approx(from_left.max(), rel=0.02)


def test_the_surface_afterwards_has_no_nose(proposal: dict[str, Any]) -> None:
    choice = {"shape": "found", "grow_mm": 0}
    before, after = (shown(picturing.surface(proposal, choice, 90, show)) > 0 for show in ("before", "after"))
    widths = before.sum(axis=1) - after.sum(axis=1)

    assert widths.max() > 20
    assert widths.min() >= 0
