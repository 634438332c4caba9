"""What an image says of its scanner: trimmed, printable, and nothing where it was made on a workstation."""

from __future__ import annotations

from pydicom import config
from pydicom.dataset import Dataset

from imaging.dicom.devices import device_in


def an_image(**values: object) -> Dataset:
    dataset = Dataset()
    with config.disable_value_validation():
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
    return dataset


SCANNER = {
    "Manufacturer": " Acme ",
    "ManufacturerModelName": "One",
    "DeviceSerialNumber": "77",
    "SoftwareVersions": ["v1", "", "v2"],
}


def test_the_scanner_is_named_with_all_its_software():
    assert device_in(an_image(**SCANNER, ImageType=["ORIGINAL", "PRIMARY"])) == ["Acme", "One", "77", "v1, v2"]


def test_what_is_left_out_is_empty():
    assert device_in(an_image()) == ["", "", "", ""]


def test_a_workstation_is_no_scanner():
    assert device_in(an_image(**SCANNER, ImageType=["DERIVED", "SECONDARY"])) == ["", "", "", ""]


def test_signs_that_cannot_be_printed_and_endless_texts_are_cut():
    assert device_in(an_image(Manufacturer="Ac\x00me\x1b", ManufacturerModelName="x" * 100))[:2] == ["Acme", "x" * 64]
