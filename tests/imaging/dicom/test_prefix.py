"""What an instance calls itself, from its first bytes; and which classes are kept."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    UID_dictionary,
)

from compliance.errors import HouseError
from imaging.dicom.prefix import ENOUGH, Names, is_storage_class, read_names
from tests.factories import encoded, slice_of

SLICE = slice_of()
NAMES = Names(CTImageStorage, str(SLICE.SOPInstanceUID), str(SLICE.StudyInstanceUID), True)
GOOD = encoded(SLICE)


def in_syntax(syntax: str, **values: Any) -> bytes:
    """The slice in another transfer syntax."""
    dataset = slice_of(**values)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEGLSLossless:
        dataset.PixelData = encapsulate([b"no picture"])
        dataset["PixelData"].VR = "OB"
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, JPEGLSLossless]
)
def test_the_names_are_found_in_every_encoding(syntax: str) -> None:
    assert read_names(in_syntax(syntax)) == NAMES


def test_the_beginning_of_a_deflated_data_set_is_enough() -> None:
    # Noise does not deflate: the prefix ends in the middle of the stream.
    noise = random.Random(1).randbytes(512 * 512)
    large = in_syntax(DeflatedExplicitVRLittleEndian, Rows=512, Columns=256, PixelData=noise)
    blank = in_syntax(DeflatedExplicitVRLittleEndian, Rows=4096, Columns=4096, PixelData=bytes(2 * 4096 * 4096))
    assert len(large) > ENOUGH > len(blank)

    assert read_names(large[:ENOUGH]) == NAMES
    assert read_names(blank) == NAMES


def test_file_meta_information_alone_names_class_and_instance() -> None:
    start = GOOD.index(b"\x08\x00\x08\x00")

    assert read_names(GOOD[: start + 20]) == NAMES._replace(study_instance_uid="")


def test_a_data_set_that_is_another_than_its_file_says_does_not_agree() -> None:
    uid = str(SLICE.SOPInstanceUID).encode()
    other = uid[:-1] + b"7"
    start = GOOD.rindex(uid)
    changed = GOOD[:start] + other + GOOD[start + len(uid) :]

    assert read_names(changed) == NAMES._replace(sop_instance_uid=other.decode(), agree=False)


BROKEN = {
    "nothing": (b"", "empty_file"),
    "another file": (b"%PDF-1.7" * 100, "not_dicom"),
    "a data set without a preamble": (GOOD[132:], "not_dicom"),
    "a preamble alone": (GOOD[:131], "not_dicom"),
    "a private transfer syntax": (
        GOOD.replace(b"1.2.840.10008.1.2.1\0", b"1.2.826.10008.1.2.1\0"),
        "unsupported_transfer_syntax",
    ),
    "a deflated data set that is none": (
        GOOD.replace(b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x001.2.840.10008.1.2.1.99"),
        "malformed",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_understood_is_refused(what: str) -> None:
    content, code = BROKEN[what]

    with pytest.raises(HouseError) as refusal:
        read_names(content)
    assert refusal.value.code == code


@pytest.mark.parametrize("length", [*range(133, 700, 7), len(GOOD) - 10])
def test_a_prefix_of_any_length_names_what_is_in_it_or_is_refused(length: int) -> None:
    try:
        names = read_names(GOOD[:length])
    except HouseError:
        return
    for found, whole in zip(names[:3], NAMES[:3], strict=True):
        assert found in ("", whole)


def test_storage_classes_are_kept_and_what_is_no_image_is_not() -> None:
    storage = {uid for uid, (name, kind, *_) in UID_dictionary.items() if kind == "SOP Class" and "Storage" in name}
    kept = {uid for uid in UID_dictionary if is_storage_class(uid)}

    # The two classes of storage commitment, and the media directory.
    assert storage - kept == {"1.2.840.10008.1.20.1", "1.2.840.10008.1.20.2", "1.2.840.10008.1.3.10"}
    assert kept <= storage
    assert is_storage_class("1.2.826.0.1.3680043.9.7777.99"), "a vendor's class of its own is kept"
    assert not is_storage_class("1.2.840.10008.1.1"), "verification is not kept"
