"""A header is read whole and safe, or refused by name."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from struct import pack

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from compliance.errors import HouseError
from imaging.dicom.headers import (
    EmptyFile,
    InvalidUid,
    Limits,
    Malformed,
    MediaDirectory,
    MissingAttribute,
    NotDicom,
    NulCharacter,
    TooComplex,
    TooLarge,
    Truncated,
    UnsupportedTransferSyntax,
    is_valid_uid,
    read_header,
)

# Read with pydicom 3.0.2 `dcmread`, and checked against it below.
GENUINE_IMAGES = [
    ("CT_small.dcm", "CT", 128, 128, 1, False),
    ("MR_small_implicit.dcm", "MR", 64, 64, 1, False),
    ("MR_small_bigendian.dcm", "MR", 64, 64, 1, False),
    ("693_J2KI.dcm", "CT", 512, 512, 1, True),
    ("JPEG2000.dcm", "NM", 1024, 256, 1, True),
    ("examples_ybr_color.dcm", "US", 240, 320, 30, True),
    ("rtdose.dcm", "RTDOSE", 10, 10, 15, False),
    ("liver_1frame.dcm", "SEG", 512, 512, 1, False),
    ("reportsi.dcm", "SR", None, None, 0, False),
]


@pytest.mark.parametrize(("name", "modality", "rows", "columns", "frames", "encapsulated"), GENUINE_IMAGES)
def test_genuine_files_are_read(genuine, name, modality, rows, columns, frames, encapsulated):
    header = read_header(genuine / name)
    reference = pydicom.dcmread(genuine / name)
    assert (header.modality, header.rows, header.columns) == (modality, rows, columns)
    assert (header.number_of_frames, header.encapsulated) == (frames, encapsulated)
    assert header.sop_class_uid == reference.SOPClassUID
    assert header.sop_instance_uid == reference.SOPInstanceUID
    assert header.series_instance_uid == reference.SeriesInstanceUID
    assert header.study_instance_uid == reference.StudyInstanceUID
    assert header.transfer_syntax_uid == reference.file_meta.TransferSyntaxUID
    assert header.dataset.get("PatientID") == reference.get("PatientID")
    assert "PixelData" not in header.dataset


def test_native_pixel_data_are_where_the_header_says(genuine):
    header = read_header(genuine / "CT_small.dcm")
    raw = (genuine / "CT_small.dcm").read_bytes()
    assert header.pixel_offset is not None
    assert header.pixel_length is not None
    pixels = raw[header.pixel_offset : header.pixel_offset + header.pixel_length]
    assert pixels == pydicom.dcmread(genuine / "CT_small.dcm").PixelData


def test_a_file_and_its_bytes_give_the_same_header(genuine):
    path = genuine / "MR_small.dcm"
    assert read_header(path) == read_header(path.read_bytes())


def test_a_bare_data_set_is_read_with_its_transfer_syntax(make_ct, as_file):
    whole = as_file(make_ct(), ImplicitVRLittleEndian)
    bare = whole[132 + 12 + int.from_bytes(whole[140:144], "little") :]
    header = read_header(bare, transfer_syntax_uid=ImplicitVRLittleEndian)
    assert header.sop_instance_uid == "1.2.3.4.5.1"


@pytest.mark.parametrize("name", ["ExplVR_LitEndNoMeta.dcm", "ExplVR_BigEndNoMeta.dcm", "rtstruct.dcm"])
def test_a_file_without_preamble_is_read_when_it_starts_like_a_data_set(genuine, name):
    header = read_header(genuine / name)
    assert header.sop_instance_uid == pydicom.dcmread(genuine / name, force=True).SOPInstanceUID


def test_a_deflated_data_set_is_inflated(make_ct, as_file):
    header = read_header(as_file(make_ct(), DeflatedExplicitVRLittleEndian))
    assert (header.rows, header.columns, header.pixel_offset) == (4, 6, None)


@pytest.mark.parametrize(
    "content",
    [
        b"hello, this is a text file" * 20,
        b"%PDF-1.7\n" + bytes(300),
        b"\x89PNG\r\n\x1a\n" + bytes(300),
        b"PK\x03\x04" + bytes(300),
        bytes(4096),
        b"D",
    ],
    ids=["text", "pdf", "png", "zip", "zeros", "one byte"],
)
def test_what_is_not_dicom_is_named_so(content):
    with pytest.raises(NotDicom) as caught:
        read_header(content)
    assert caught.value.code == "not_dicom"


def test_an_empty_file_is_named_so(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(EmptyFile):
        read_header(tmp_path / "a")
    with pytest.raises(EmptyFile):
        read_header(b"")


@pytest.mark.parametrize("name", ["MR_truncated.dcm", "rtplan_truncated.dcm"])
def test_genuine_truncated_files_are_named_so(genuine, name):
    with pytest.raises(Truncated):
        read_header(genuine / name)


def test_every_cut_of_an_image_is_refused(make_ct, as_file):
    """Whatever byte a transfer stopped at, the piece is not taken for the image."""
    whole = as_file(make_ct())
    read_header(whole)
    for length in range(1, len(whole)):
        with pytest.raises(HouseError) as caught:
            read_header(whole[:length])
        if length > 160:
            assert caught.value.code in {"truncated", "missing_attribute"}


def test_every_cut_of_a_compressed_image_is_refused(genuine):
    whole = (genuine / "MR_small_RLE.dcm").read_bytes()
    for length in range(1600, len(whole), 97):
        with pytest.raises(HouseError):
            read_header(whole[:length])


def test_an_image_without_its_pixels_is_truncated(make_ct, as_file):
    with pytest.raises(Truncated):
        read_header(as_file(make_ct(PixelData=None)))


@pytest.mark.parametrize(
    ("change", "enough"),
    [
        ({}, 48),  # 4 rows × 6 columns × 16 bits
        ({"NumberOfFrames": "3"}, 144),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, 4),  # 24 bits, padded to an even length
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}, 144),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL_422"}, 96),
    ],
    ids=["single", "multi-frame", "binary", "colour", "4:2:2"],
)
def test_native_pixels_must_fill_the_frames(make_ct, as_file, change, enough):
    read_header(as_file(make_ct(**change, PixelData=bytes(enough))))
    with pytest.raises(Truncated):
        read_header(as_file(make_ct(**change, PixelData=bytes(enough - 2))))


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"]
)
@pytest.mark.parametrize("value", ["1.2.03", "1..2", "hello", "1.2." + "3" * 64, "1.2.3\\4"])
def test_uids_that_break_the_standard_are_refused(make_ct, as_file, keyword, value):
    """PS3.5 §9.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = make_ct()
        dataset.add_new(keyword, "UI", value)
        content = as_file(dataset)
    with pytest.raises(InvalidUid) as caught:
        read_header(content)
    assert value not in str(caught.value)


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_uids_that_are_missing_are_named(make_ct, as_file, keyword):
    with pytest.raises(MissingAttribute):
        read_header(as_file(make_ct(**{keyword: ""})))


@given(st.from_regex(r"[0-9.]{0,70}", fullmatch=True))
def test_valid_uids_are_those_of_the_standard(value):
    parts = value.split(".")
    expected = (
        len(value) <= 64
        and len(parts) > 1
        and all(part.isdigit() and (part == "0" or part[0] != "0") for part in parts)
    )
    assert is_valid_uid(value) == expected


def test_a_nul_within_text_is_refused_and_its_value_not_repeated(make_ct, as_file):
    with pytest.raises(NulCharacter) as caught:
        read_header(as_file(make_ct(PatientName="Planted\0Name")))
    assert "Planted" not in str(caught.value)


def test_a_nul_deep_in_a_sequence_is_refused(make_ct, as_file):
    item = Dataset()
    item.PatientID = "A\0B"
    with pytest.raises(NulCharacter):
        read_header(as_file(make_ct(OtherPatientIDsSequence=[item])))


def test_nested_deeper_than_allowed_is_refused(make_ct, as_file):
    dataset = make_ct()
    inner = Dataset()
    inner.PatientID = "x"
    for _ in range(30):
        outer = Dataset()
        outer.OtherPatientIDsSequence = Sequence([inner])
        inner = outer
    dataset.OtherPatientIDsSequence = inner.OtherPatientIDsSequence
    content = as_file(dataset)
    with pytest.raises(TooComplex):
        read_header(content)
    assert read_header(content, limits=Limits(max_depth=40)).rows == 4


def test_ten_thousand_levels_do_not_exhaust_the_stack(make_ct, as_file):
    head = pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFF) + pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    whole = as_file(make_ct())
    start = 144 + int.from_bytes(whole[140:144], "little")
    with pytest.raises(TooComplex):
        read_header(whole[:start] + head * 10_000)


def test_more_elements_than_allowed_are_refused(make_ct, as_file):
    with pytest.raises(TooComplex):
        read_header(as_file(make_ct()), limits=Limits(max_elements=10))


def test_sizes_beyond_the_budget_are_refused(make_ct, as_file):
    content = as_file(make_ct())
    with pytest.raises(TooLarge):
        read_header(content, limits=Limits(max_bytes=len(content) - 1))
    with pytest.raises(TooLarge):
        read_header(content, limits=Limits(max_header_bytes=64))


def test_a_deflate_bomb_stops_at_the_budget(make_ct, as_file):
    content = as_file(make_ct(PixelData=bytes(8 << 20)), DeflatedExplicitVRLittleEndian)
    assert len(content) < 1 << 16
    with pytest.raises(TooLarge):
        read_header(content, limits=Limits(max_bytes=1 << 20))


def test_an_attribute_given_twice_is_refused(make_ct, as_file):
    """Which of two patients would be removed? (PS3.5 §7.1: an element occurs at most once.)"""
    whole = as_file(make_ct())
    twice = pack("<HH2sH", 0x0010, 0x0010, b"PN", 4) + b"ABCD"
    at = whole.index(pack("<HH2s", 0x0010, 0x0010, b"PN"))
    with pytest.raises(Malformed):
        read_header(whole[:at] + twice + whole[at:])


def test_an_item_longer_than_its_sequence_is_refused(make_ct, as_file):
    item = Dataset()
    item.PatientID = "12345678"
    whole = as_file(make_ct(OtherPatientIDsSequence=[item]))
    right = pack("<HHL", 0xFFFE, 0xE000, 16)
    assert right in whole
    with pytest.raises(Malformed):
        read_header(whole.replace(right, pack("<HHL", 0xFFFE, 0xE000, 10)))


@pytest.mark.parametrize("uid", ["1.2.840.113619.5.2", "1.2.840.10008.5.1.4.1.1.2", "1.2.3"])
def test_transfer_syntaxes_outside_the_standard_are_refused(make_ct, as_file, uid):
    whole = as_file(make_ct())
    old = pack("<HH2sH", 0x0002, 0x0010, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    padded = uid.encode() + b"\0" * (len(uid) % 2)
    assert old in whole
    new = pack("<HH2sH", 0x0002, 0x0010, b"UI", len(padded)) + padded
    with pytest.raises(UnsupportedTransferSyntax):
        read_header(whole.replace(old, new))


def test_the_list_of_a_disc_is_not_an_image(genuine):
    with pytest.raises(MediaDirectory):
        read_header(genuine / "dicomdirtests" / "DICOMDIR")


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_meet_a_named_error_or_read(genuine: Path, data):
    """No input, however damaged, gets past as anything but a HouseError."""
    name = data.draw(st.sampled_from(["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm", "reportsi.dcm"]))
    content = bytearray((genuine / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(132, min(len(content), 4000) - 1))] = data.draw(st.integers(0, 255))
    with suppress(HouseError):
        read_header(bytes(content[: data.draw(st.integers(0, len(content)))]))
