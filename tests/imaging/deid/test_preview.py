"""Before and after, attribute by attribute."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.deid.preview import LONGEST, MOST, changes

pytestmark = pytest.mark.requirement("REQ-DEI-007")


def told(before: Dataset, after: Dataset) -> dict[str, tuple[str, str | None, str | None]]:
    return {one.path: (one.kind, one.before, one.after) for one in changes(before, after)}


def test_each_attribute_is_kept_changed_removed_or_added() -> None:
    before, after = Dataset(), Dataset()
    before.PatientName, after.PatientName = "Plantagenet^Eleanor", "N-001"
    before.Modality = after.Modality = "CT"
    before.PatientAddress = "1 Castle Road"
    after.PatientIdentityRemoved = "YES"

    assert told(before, after) == {
        "(0008,0060)": ("kept", "CT", "CT"),
        "(0010,0010)": ("changed", "Plantagenet^Eleanor", "N-001"),
        "(0010,1040)": ("removed", "1 Castle Road", None),
        "(0012,0062)": ("added", None, "YES"),
    }
    assert [one.name for one in changes(before, after)][1] == "Patient's Name"


def test_sequences_are_entered_item_by_item() -> None:
    item, other, before, after = Dataset(), Dataset(), Dataset(), Dataset()
    item.RequestedProcedureID = "ACC123"
    before.RequestAttributesSequence = Sequence([other, *[Dataset() for _ in range(9)], item])
    after.RequestAttributesSequence = Sequence([other, *[Dataset() for _ in range(9)], Dataset()])

    assert told(before, after) == {
        "(0040,0275)": ("kept", "11 items", "11 items"),
        "(0040,0275)[10].(0040,1001)": ("removed", "ACC123", None),
    }


def test_items_stand_in_the_order_of_their_numbers() -> None:
    items = [Dataset() for _ in range(12)]
    for number, item in enumerate(items):
        item.StageNumber = number
    before = Dataset()
    before.RequestAttributesSequence = Sequence(items)

    assert [one.before for one in changes(before, Dataset())] == ["12 items", *map(str, range(12))]


def test_private_and_unknown_attributes_are_named_so() -> None:
    before = Dataset()
    before.add_new(0x00290010, "LO", "MAKER")
    before.add_new(0x00290011, "UN", b"abc")

    assert [(one.name, one.before) for one in changes(before, Dataset())] == [
        ("Private attribute", "MAKER"),
        ("Private attribute", "3 bytes"),
    ]


def test_long_values_are_shortened_and_long_files_cut() -> None:
    before = Dataset()
    before.ImageComments = "x" * 500
    assert changes(before, Dataset())[0].before == "x" * LONGEST + "… (500 characters)"

    many = Dataset()
    many.RequestAttributesSequence = Sequence([Dataset() for _ in range(MOST + 10)])
    for item in many.RequestAttributesSequence:
        item.StageNumber = 1
    assert len(changes(many, Dataset())) == MOST


def test_a_read_file_is_shown_in_its_character_set(tmp_path) -> None:  # type: ignore[no-untyped-def]
    dataset = Dataset()
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", "王^小東"
    dataset.save_as(tmp_path / "x.dcm", implicit_vr=False, little_endian=True)

    shown = told(dcmread(tmp_path / "x.dcm", force=True), Dataset())
    assert shown["(0010,0010)"] == ("removed", "王^小東", None)


def test_the_seal_which_differs_in_each_file_is_not_told() -> None:
    after = Dataset()
    after.DeidentificationMethod = ["Parallax lung-1 2", "recipe sha256:abc", "seal:0123"]

    assert told(Dataset(), after) == {"(0012,0063)": ("added", None, "Parallax lung-1 2\\recipe sha256:abc")}
