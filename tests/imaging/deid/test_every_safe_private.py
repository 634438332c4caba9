"""Each safe private attribute under the Retain Safe Private Option, at the top of a data set and in an item."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.deid.profile import safe_private
from tests.imaging.deid.conftest import as_file, clean
from tests.imaging.deid.test_every_row import CARRIER, days, is_new_uid, recipe_of, words

pytestmark = pytest.mark.requirement("REQ-DEI-002")

SURNAME = "Zubrow"
NUMBERS: dict[str, Any] = {
    "CS": "HEAD", "DS": "41.75", "FD": 41.75, "FL": 41.75, "IS": "4175", "SL": -4175, "SS": -4175,
    "UL": 4175, "US": 4175,
}  # fmt: skip
WORDS = {"LO", "LT", "SH", "ST"}
SHIFTED = frozenset({"retain_safe_private", "retain_longitudinal_modified_dates"})
SYNTAXES = ("", ExplicitVRLittleEndian, ImplicitVRLittleEndian)
Key = tuple[str, int, int]


def place(key: Key, block: int) -> int:
    return key[1] << 16 | block << 8 | key[2]


def planted(vr: str, vm: str) -> Any:
    """As many values as the attribute has at least; text holds the subject's name beside a harmless word."""
    if vr in NUMBERS:
        least = max(int(vm.split("-")[0]), 1)
        return NUMBERS[vr] if least == 1 else [NUMBERS[vr]] * least
    if vr == "SQ":
        item = Dataset()
        item.PersonName, item.Rows = f"{SURNAME}^Quillan", 512
        return Sequence([item])
    if vr.startswith("O"):
        return f"{SURNAME}!!".encode()
    return {"AT": 0x00280010, "DT": "20240117093000", "UI": "1.2.826.0.1.3680043.99.7"}.get(vr, f"Qobade {SURNAME}")


def level(keys: list[Key], moved: bool) -> Dataset:
    """Every attribute in a block that its creator reserves, from the first or from the last block on."""
    dataset = Dataset()
    blocks = {
        creator: (0xFF - number if moved else 0x10 + number)
        for number, creator in enumerate(sorted({key[0] for key in keys}))
    }
    for key in keys:
        one, block = safe_private()[key], blocks[key[0]]
        dataset[key[1] << 16 | block] = DataElement(key[1] << 16 | block, "LO", key[0])
        tag = place(key, block)
        dataset[tag] = DataElement(tag, one.vr[:2], planted(one.vr, one.vm))
    return dataset


@cache
def outcome(options: frozenset[str], syntax: str = "") -> tuple[Dataset, Dataset]:
    """What becomes of the top and of the item; with a transfer syntax the data set is first written and read again."""
    with config.disable_value_validation():
        keys = list(safe_private())
        top = level(keys, moved=False)
        top[CARRIER] = DataElement(CARRIER, "SQ", Sequence([level(keys, moved=True)]))
        top.SpecificCharacterSet, top.SOPClassUID, top.Modality = "ISO_IR 192", CTImageStorage, "CT"
        top.PatientName, top.StudyDate = f"{SURNAME}^Quillan", "20240117"
        top.SOPInstanceUID, top.StudyInstanceUID, top.SeriesInstanceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
        top.file_meta = FileMetaDataset()
        top.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        result = clean(as_file(top, syntax) if syntax else top, recipe_of(options)).dataset
        return result, result[CARRIER].value[0]


def found(key: Key, dataset: Dataset) -> DataElement | None:
    for tag, element in dataset.items():
        if tag.group == key[1] and tag.is_private_creator and element.value == key[0]:
            return dataset.get(place(key, tag.element))
    return None


@pytest.mark.parametrize("key", list(safe_private()), ids=lambda key: f"{key[0]}-{key[1]:04X},xx{key[2]:02X}")
def test_a_safe_private_attribute(key: Key) -> None:
    one = safe_private()[key]
    for dataset in (place for syntax in SYNTAXES for place in outcome(SHIFTED, syntax)):
        element = found(key, dataset)
        if one.vr.startswith("O") or one.vr == "AT":
            assert element is None  # bytes and lists of tags may hold anything
            continue
        assert element is not None
        assert one.vr == element.VR
        if one.vr in NUMBERS:
            original = planted(one.vr, one.vm)
            assert element.value == original
        elif one.vr == "DT":
            shift = days("20240117", outcome(SHIFTED)[0].StudyDate)
            assert days("20240117", element.value) == shift != 0
            assert element.value[8:] == "093000"
        elif one.vr == "UI":
            assert is_new_uid(element.value)
        elif one.vr == "SQ":
            (item,) = element.value
            assert item.Rows == 512
            assert SURNAME not in str(item)
        else:
            assert one.vr in WORDS
            assert words(element.value) == ["qobade"]


def test_without_an_option_for_dates_private_date_times_go() -> None:
    dated = [key for key, one in safe_private().items() if one.vr == "DT"]
    result = outcome(frozenset({"retain_safe_private"}))
    assert [key for key in dated for dataset in result if found(key, dataset) is not None] == []
    assert len(dated) > 4


def test_without_the_option_no_private_attribute_stays() -> None:
    for dataset in outcome(frozenset()):
        assert [tag for tag in dataset.keys() if tag.is_private] == []  # noqa: SIM118
    for dataset in outcome(frozenset({"retain_device_identity", "retain_uids"})):
        assert [tag for tag in dataset.keys() if tag.is_private] == []  # noqa: SIM118


@pytest.mark.parametrize(
    ("creator", "element", "vr", "value"),
    [
        ("Philips PET Private Group X", 0x70531000, "DS", "41.75"),  # a longer name is another creator
        ("philips pet private group", 0x70531000, "DS", "41.75"),
        ("Philips PET Private Group", 0x70531001, "DS", "41.75"),  # not in the list
        ("Philips PET Private Group", 0x70551000, "DS", "41.75"),  # another group
        ("Philips PET Private Group", 0x70531100, "DS", "41.75"),  # a block that nobody reserved
        ("Philips PET Private Group", 0x70531000, "LO", SURNAME),  # another VR
        ("Philips PET Private Group", 0x70531000, "DS", SURNAME),  # not a number
    ],
)
def test_what_is_only_like_a_safe_private_attribute_goes(creator: str, element: int, vr: str, value: str) -> None:
    with config.disable_value_validation():
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3.1"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.2", "1.2.3.3"
        group = element & 0xFFFF0000
        dataset[group | 0x10] = DataElement(group | 0x10, "LO", creator)
        raw = value.ljust(len(value) + len(value) % 2).encode()
        dataset[element] = RawDataElement(Tag(element), vr, len(raw), raw, 0, False, True)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        result = clean(dataset, recipe_of({"retain_safe_private"})).dataset
    assert [tag for tag in result.keys() if tag.is_private] == []  # noqa: SIM118
