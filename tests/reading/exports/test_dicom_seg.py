"""Locked regions as DICOM: valid to a validator, read back voxel by voxel, under the lesions' own names."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from highdicom.seg import segread
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage

from reading.exports import dicom_seg
from reading.exports.dicom_objects import tracking_uid
from reading.exports.locked import LockedPicture, LockedPlane, LockedSegment, LockedTrial
from tests.reading.exports import sample
from tests.support.tools import requires_tool, tool

pytestmark = pytest.mark.requirement("REQ-LOC-008")

ROWS, COLUMNS, SLICES = 6, 8, 3
NAME = "images/seg/101-001/01-BL-reader-1-1.dcm"


def runs_of(mask: np.ndarray) -> tuple[int, ...]:
    """A slice as numbers of pixels outside and inside, in turn."""
    runs, inside = [0], 0
    for value in mask.ravel().tolist():
        if value != inside:
            runs.append(0)
            inside = value
        runs[-1] += 1
    return tuple(runs)


def masks() -> dict[str, np.ndarray]:
    """Two regions that overlap, (slices, rows, columns)."""
    first, second = np.zeros((2, SLICES, ROWS, COLUMNS), np.uint8)
    first[:2, 1:4, 2:6] = 1
    second[1, 3:, 5:] = 1
    return {"T01": first, "": second}


@pytest.fixture(scope="module")
def trial() -> LockedTrial:
    """The sample; the first reader's baseline of the first subject has regions in three slices."""
    made = sample.locked_trial(1)
    subject = made.subjects[0]
    visit = subject.timepoints[0]
    pictures = tuple(
        LockedPicture(
            f"2.25.60{n}",
            CTImageStorage,
            "2.25.61",
            visit.study_instance_uid,
            "CT",
            plane=LockedPlane(
                ROWS, COLUMNS, "2.25.62", (0.7, 0.7), 5.0, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (-10.0, -20.0, 5.0 * n)
            ),
        )
        for n in range(1, SLICES + 1)
    )
    segments = tuple(
        LockedSegment(
            lesion,
            "2.25.61",
            tuple((f"2.25.60{n}", runs_of(layer)) for n, layer in enumerate(mask, 1) if layer.any()),
        )
        for lesion, mask in masks().items()
    )
    first, *others = visit.reads
    reads = (replace(first, segments=segments), *others)
    visits = (replace(visit, pictures=(*visit.pictures, *pictures), reads=reads), *subject.timepoints[1:])
    return replace(made, subjects=(replace(subject, timepoints=visits),))


@pytest.fixture(scope="module")
def files(trial) -> dict[str, bytes]:
    return dict(dicom_seg.segmentations(trial))


def test_there_is_one_of_each_reader_timepoint_and_series(files):
    assert list(files) == [NAME]


@requires_tool("dciodvfy")
def test_the_validator_finds_no_error(files, tmp_path):
    path = tmp_path / "seg.dcm"
    path.write_bytes(files[NAME])
    run = subprocess.run([tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert "Segmentation" in run.stderr.splitlines()
    assert [line for line in run.stderr.splitlines() if line.startswith("Error")] == []


def test_every_voxel_reads_back(files):
    read = segread(io.BytesIO(files[NAME]))
    uids = ["2.25.601", "2.25.602"]
    found = read.get_pixels_by_source_instance(source_sop_instance_uids=uids, assert_missing_frames_are_empty=True)
    for number, mask in enumerate(masks().values()):
        assert np.array_equal(found[..., number], mask[:2])


def test_a_region_bears_the_name_of_its_lesion_as_in_the_reports(trial, files):
    read = segread(io.BytesIO(files[NAME]))
    first, second = (read.get_segment_description(number) for number in (1, 2))
    assert (first.tracking_id, second.tracking_id) == ("T01", "Region 2")
    assert first.tracking_uid == tracking_uid(trial, trial.subjects[0], "READER 1", "T01")
    assert [site.value for site in first.anatomic_regions] == [codes.SCT.Lung.value]


def test_it_belongs_to_the_patient_and_study_of_its_pictures(trial, files):
    made = pydicom.dcmread(io.BytesIO(files[NAME]))
    visit = trial.subjects[0].timepoints[0]
    assert (made.PatientID, made.StudyInstanceUID) == ("101-001", visit.study_instance_uid)
    assert made.FrameOfReferenceUID == "2.25.62"
    assert str(made.ContentCreatorName) == "Reader 1^"


def test_clock_and_chance_have_no_part_in_it(trial, files):
    assert dict(dicom_seg.segmentations(trial)) == files
    made = pydicom.dcmread(io.BytesIO(files[NAME]))
    day = f"{trial.subjects[0].timepoints[0].shifted_date:%Y%m%d}"
    assert {str(e.value) for e in made.iterall() if e.VR == "DA"} - {""} == {day}
    assert [e for e in made.iterall() if e.VR == "DT"] == []


def test_what_lies_nowhere_in_the_patient_has_none(trial):
    subject = trial.subjects[0]
    visit = subject.timepoints[0]
    unplaced = replace(visit, pictures=tuple(replace(picture, plane=None) for picture in visit.pictures))
    other = replace(trial, subjects=(replace(subject, timepoints=(unplaced,)),))
    assert list(dicom_seg.segmentations(other)) == []
