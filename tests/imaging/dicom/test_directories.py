"""A DICOMDIR of ours, as the programs of others read it."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import MRImageStorage

from imaging.dicom.directories import Directory, FileSet, as_filed, filed, filed_at, record_type
from tests.factories.scans import encoded, slice_of
from tests.support.tools import requires_tool, tool

ABOUT = FileSet("PLX_IMAGES", "PARALLAX", "2.25.78")
UID = f"2.25.{10**38}"


def written(folder: Path, *, name: str = "A-001") -> Path:
    """A file-set of two patients; of the first two studies, one of them with two series."""
    scans = [(0, 1, 1, 1), (0, 1, 1, 2), (0, 1, 2, 1), (0, 2, 1, 1), (1, 3, 1, 1)]
    target, before = io.BytesIO(), (-1, -1, -1)
    directory = Directory(target, ABOUT)
    for patient, study, series, number in scans:
        person = name if patient == 0 else "B-001"
        uid = f"1.2.3.{study}.{series}"
        dataset = slice_of(number, PatientName=person, PatientID=person, StudyInstanceUID=f"1.2.3.{study}")
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = uid, f"{uid}.{number}"
        place = ("DICOM", f"P{patient:05d}", f"T{study:03d}", f"S{series:04d}", f"I{number:06d}")
        path = folder.joinpath(*place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(dataset))
        [one] = map(as_filed, filed_at([str(path)]))
        for level, type_ in enumerate(("PATIENT", "STUDY", "SERIES")):
            if before[: level + 1] != (patient, study, series)[: level + 1]:
                directory.enter(level, type_, one.said)
        before = (patient, study, series)
        directory.file(place, one)
    directory.close(UID)
    (folder / "DICOMDIR").write_bytes(target.getvalue())
    return folder / "DICOMDIR"


def told(path: Path) -> list[list[str]]:
    """Every file of a directory with what is above it, in the order in which the offsets lead there."""
    directory = dcmread(path)
    records = {one.seq_item_tell: one for one in directory.DirectoryRecordSequence}
    keys = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "ReferencedSOPInstanceUIDInFile")
    found = []

    def follow(at: int, level: int, above: list[str]) -> None:
        while at:
            record = records[at]
            here = [*above, str(record[keys[level]].value)]
            if level == 3:
                found.append([*here, "/".join(record.ReferencedFileID)])
            follow(record.OffsetOfReferencedLowerLevelDirectoryEntity, level + 1, here)
            at = record.OffsetOfTheNextDirectoryRecord

    follow(directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 0, [])
    last = records[directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity]
    assert (last.DirectoryRecordType, last.OffsetOfTheNextDirectoryRecord) == ("PATIENT", 0)
    assert len({one[4] for one in found}) == len(found)
    return found


def test_whoever_follows_its_offsets_finds_every_file(tmp_path: Path) -> None:
    found = told(written(tmp_path))
    assert dcmread(tmp_path / "DICOMDIR").file_meta.MediaStorageSOPInstanceUID == UID
    assert [one[:4] for one in found] == [
        ["A-001", "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1"],
        ["A-001", "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2"],
        ["A-001", "1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1"],
        ["A-001", "1.2.3.2", "1.2.3.2.1", "1.2.3.2.1.1"],
        ["B-001", "1.2.3.3", "1.2.3.3.1", "1.2.3.3.1.1"],
    ]
    assert all(dcmread(tmp_path / one[4]).SOPInstanceUID == one[3] for one in found)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "one").read_bytes() == written(tmp_path / "two").read_bytes()


@requires_tool("dcmdump", "dcmftest", "dcmgpdir")
def test_dcmtk_reads_it_and_would_write_the_same_records(tmp_path: Path) -> None:
    ours = written(tmp_path)
    assert subprocess.run([tool("dcmftest"), ours], capture_output=True).returncode == 0
    dump = subprocess.run([tool("dcmdump"), "-q", ours], capture_output=True, text=True)
    assert (dump.returncode, dump.stderr) == (0, "")
    assert dump.stdout.count("DirectoryRecordType") == 2 + 3 + 4 + 5
    theirs = tmp_path / "THEIRS"
    run = [tool("dcmgpdir"), "+r", "+I", "+id", str(tmp_path), "+D", str(theirs), "DICOM"]
    assert subprocess.run(run, capture_output=True).returncode == 0
    assert sorted(told(theirs)) == told(ours)


def test_what_a_file_lacks_is_made_up_where_it_must_stand_and_says_its_characters(tmp_path: Path) -> None:
    dataset = slice_of(1, SpecificCharacterSet="ISO_IR 192", PatientName="Ångström", StudyDate="", SeriesNumber=None)
    dataset.file_meta = dcmread(io.BytesIO(encoded(dataset))).file_meta
    target = io.BytesIO()
    directory = Directory(target, ABOUT)
    one = filed(dataset)
    for level, type_ in enumerate(("PATIENT", "STUDY", "SERIES")):
        directory.enter(level, type_, one.said)
    directory.file(("DICOM", "I000001"), one)
    directory.close(UID)
    patient, study, series, image = dcmread(io.BytesIO(target.getvalue())).DirectoryRecordSequence
    assert (patient.SpecificCharacterSet, patient.PatientName) == ("ISO_IR 192", "Ångström")
    assert (study.StudyDate, study.StudyID, series.SeriesNumber) == ("19000101", "1", 1)
    assert image.ReferencedFileID == ["DICOM", "I000001"]


@pytest.mark.parametrize(
    ("sop_class_uid", "expected"),
    [
        (MRImageStorage, "IMAGE"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR DOCUMENT"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "IMAGE"),
        ("1.2.840.10008.5.1.4.1.1.66.3", "REGISTRATION"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "RT STRUCTURE SET"),
        ("1.2.840.10008.5.1.4.1.1.4", "IMAGE"),
        ("1.2.840.10008.5.1.4.1.1.4.2", "SPECTROSCOPY"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PRESENTATION"),
    ],
)
def test_a_record_is_of_the_type_of_its_class(sop_class_uid: str, expected: str) -> None:
    assert record_type(sop_class_uid) == expected
