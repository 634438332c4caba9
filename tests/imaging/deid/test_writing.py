"""What is written is what pydicom writes, whether values are copied or made anew."""

from __future__ import annotations

import warnings
from io import BytesIO

import pytest
from pydicom import config, dcmread
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from imaging.deid.writing import encoded, passes_unchanged
from tests.imaging.deid.corpus import ct, files
from tests.imaging.deid.encoder import BIG, EXPLICIT, IMPLICIT, Encoder

pytestmark = pytest.mark.requirement("REQ-DEI-013")

ENCODINGS = [(False, True), (True, True), (False, False)]


def by_pydicom(dataset: Dataset, implicit: bool, little: bool) -> bytes | type[Exception]:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    try:
        write_dataset(buffer, dataset)
    except Exception as problem:
        return type(problem)
    return buffer.getvalue()


def by_us(dataset: Dataset, implicit: bool, little: bool) -> bytes | type[Exception]:
    try:
        return b"".join(encoded(dataset, implicit=implicit, little=little))
    except Exception as problem:
        return type(problem)


def parsed_in_part(content: bytes) -> Dataset:
    """Some values stay raw, others are in Python's terms, as in a data set that the engine made."""
    dataset = dcmread(BytesIO(content), force=True)
    for number, tag in enumerate(sorted(dataset.keys())):
        if number % 3 == 0:
            try:
                dataset[tag]
            except Exception:
                del dataset[tag]
    return dataset


def test_every_file_of_the_corpus_in_every_encoding() -> None:
    differing: list[object] = []
    for name, content in files():
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            differing += [
                (name, encoding)
                for encoding in ENCODINGS
                if by_us(parsed_in_part(content), *encoding) != by_pydicom(parsed_in_part(content), *encoding)
            ]
    assert differing == []


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_what_comes_before_a_tag_is_the_beginning_of_the_whole(syntax: str) -> None:
    dataset = dcmread(BytesIO(Encoder(syntax).file(ct())))
    implicit, little = dataset.original_encoding
    whole = b"".join(encoded(dataset, implicit=implicit, little=little))
    head = b"".join(encoded(dataset, implicit=implicit, little=little, before=0x7FE00000))
    assert whole.startswith(head)
    assert len(whole) - len(head) == 48 + (8 if implicit else 12)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "element",
    [
        DataElement(0x00100010, "PN", "Name^A=山田"),
        DataElement(0x00081030, "LO", "ä"),
        DataElement(0x00081030, "LO", ["a", "bc"]),
        DataElement(0x00080018, "UI", "1.2.3"),
        DataElement(0x00080018, "UI", ["1.2.3", "1.2.34"]),
        DataElement(0x00180050, "DS", "2.50"),
        DataElement(0x00200013, "IS", None),
        DataElement(0x00280010, "US", 0),
        DataElement(0x00280010, "US", ""),
        DataElement(0x00104000, "LT", "x" * 70_000),
        DataElement(0x00081140, "SQ", []),
    ],
    ids=lambda element: f"{element.VR} {str(element.value)[:12]}",
)
def test_values_made_here(element: DataElement, encoding: tuple[bool, bool]) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset[element.tag] = element
    dataset.set_original_encoding(*encoding, convert_encodings("ISO_IR 192"))
    assert passes_unchanged(dataset, implicit=encoding[0], little=encoding[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # text too long for an explicit VR becomes UN
        assert by_us(dataset, *encoding) == by_pydicom(dataset, *encoding)


def test_raw_values_of_another_character_set_are_written_anew() -> None:
    dataset = dcmread(BytesIO(Encoder(EXPLICIT).file(ct(SpecificCharacterSet="ISO_IR 100", PatientName=b"M\xfcller"))))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    assert not passes_unchanged(dataset, implicit=False, little=True)
    assert "Müller".encode() in b"".join(encoded(dataset, implicit=False, little=True))
