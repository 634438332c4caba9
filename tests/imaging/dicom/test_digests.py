"""The same instance has the same digest through every door; another instance has not."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.digests import canonical_digest, dataset_digest


def test_the_file_header_does_not_count(make_ct, as_file):
    first = as_file(make_ct())
    dataset = pydicom.dcmread(BytesIO(first))
    dataset.preamble = b"other" + bytes(123)
    dataset.file_meta.SourceApplicationEntityTitle = "ANOTHER_DOOR"
    second = BytesIO()
    dataset.save_as(second, enforce_file_format=True)
    assert first != second.getvalue()
    assert dataset_digest(first) == dataset_digest(second.getvalue())


def test_a_bare_data_set_agrees_with_its_file(make_ct, as_file):
    whole = as_file(make_ct())
    bare = whole[144 + int.from_bytes(whole[140:144], "little") :]
    expected = hashlib.sha256(bare).hexdigest()
    assert dataset_digest(whole) == expected
    assert dataset_digest(bare, transfer_syntax_uid=ExplicitVRLittleEndian) == expected


# The first four are one image by pydicom's account, written in four ways.
SAME = ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm"]


def test_encodings_of_one_image_agree(genuine):
    assert len({canonical_digest(genuine / name) for name in SAME}) == 1
    assert len({dataset_digest(genuine / name) for name in SAME}) == len(SAME)
    assert len({canonical_digest(pydicom.dcmread(genuine / name)) for name in SAME}) == 1
    assert canonical_digest(genuine / "liver_1frame.dcm") == canonical_digest(genuine / "liver_expb_1frame.dcm")


def rich(make_ct) -> Dataset:
    """An image with public and private sequences, an empty one, and padded text."""
    inner = Dataset()
    inner.PatientID = "PLANTED"
    deeper = Dataset()
    deeper.OtherPatientIDsSequence = [inner]
    dataset = make_ct(OtherPatientIDsSequence=[inner, deeper], ReferencedImageSequence=[])
    block = dataset.private_block(0x0011, "PARALLAX TEST", create=True)
    block.add_new(0x01, "SQ", [inner])
    block.add_new(0x02, "SQ", [])
    block.add_new(0x03, "LO", "odd")
    return dataset


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_node_that_re_encodes_does_not_change_the_instance(make_ct, as_file, syntax):
    assert canonical_digest(as_file(rich(make_ct))) == canonical_digest(as_file(rich(make_ct), syntax))


def test_group_lengths_and_sequence_lengths_do_not_count(make_ct, as_file):
    plain = as_file(rich(make_ct))
    dataset = rich(make_ct)
    dataset["OtherPatientIDsSequence"].is_undefined_length = True
    dataset.add_new(0x00080000, "UL", 999)
    dataset.add_new(0xFFFCFFFC, "OB", bytes(64))
    assert as_file(dataset) != plain
    assert canonical_digest(as_file(dataset)) == canonical_digest(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"PixelData": bytes(46) + b"\1\0"},
        {"PatientName": "Planted^Other"},
        {"ReferencedImageSequence": [Dataset()]},
        {"InstanceNumber": None},
    ],
    ids=["pixels", "text", "an empty item", "an absent attribute"],
)
def test_any_other_content_differs(make_ct, as_file, change):
    assert canonical_digest(as_file(make_ct(**change))) != canonical_digest(as_file(make_ct()))


def test_where_a_value_stands_counts(make_ct, as_file):
    outer, inner = Dataset(), Dataset()
    inner.PatientID = "A"
    outer.PatientID = "A"
    two = make_ct(OtherPatientIDsSequence=[inner, inner])
    inner_twice = Dataset()
    inner_twice.OtherPatientIDsSequence = [inner]
    nested = make_ct(OtherPatientIDsSequence=[inner_twice])
    assert canonical_digest(as_file(two)) != canonical_digest(as_file(nested))
