"""Of every kind of object it is decided whether it may show a face; what nobody has decided on stays out."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.admission import ACCEPTED_CLASSES, CannotDeidentify
from imaging.deid.faces.kinds import is_looked_at, refuse_unsafe

pytestmark = pytest.mark.requirement("REQ-DEI-005")


def passes(kind: str) -> bool:
    dataset = Dataset()
    dataset.SOPClassUID = kind
    try:
        refuse_unsafe(dataset)
    except CannotDeidentify:
        return False
    return True


def test_volumes_and_shapes_that_follow_the_skin_stay_out() -> None:
    held = {UID(kind).name for kind in ACCEPTED_CLASSES if not is_looked_at(kind) and not passes(kind)}
    assert held == {
        "Enhanced MR Color Image Storage",
        "Enhanced PET Image Storage",
        "Legacy Converted Enhanced PET Image Storage",
        "Parametric Map Storage",
        "Positron Emission Tomography Image Storage",
        "RT Dose Storage",
        "RT Structure Set Storage",
        "Segmentation Storage",
        "X-Ray 3D Angiographic Image Storage",
        "X-Ray 3D Craniofacial Image Storage",
    }


@pytest.mark.parametrize("kind", ["1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.3.4"])
def test_captures_photographs_and_unknown_kinds_stay_out(kind: str) -> None:
    assert not passes(kind)


@pytest.mark.parametrize("kind", ["1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.11.1"])
def test_reports_and_presentations_pass(kind: str) -> None:
    assert passes(kind)
