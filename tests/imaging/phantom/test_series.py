"""Phantom scans are valid CT, labelled synthetic, and carry what was planted."""

from __future__ import annotations

import subprocess
from datetime import date

import numpy as np
import pytest

from imaging.dicom.headers import read_header
from imaging.dicom.series import Gap, sort_into_series
from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity, planted_values
from imaging.phantom.series import SeriesSpec, ct_series, seeded_uid, write_series
from imaging.phantom.subjects import PhantomSubject

GRID = Grid(rows=32, slices=6)
DAY = date(2026, 3, 4)
TRIAL = {
    "ClinicalTrialSponsorName": "Demonstration sponsor",
    "ClinicalTrialProtocolID": "PLX-001",
    "ClinicalTrialProtocolName": "",
    "ClinicalTrialSiteID": "01",
    "ClinicalTrialSiteName": "",
    "ClinicalTrialSubjectID": "01-001",
    "ClinicalTrialTimePointID": "WEEK 8",
}


@pytest.fixture(scope="module")
def subject():
    return PhantomSubject.with_scenario(9, "growing")


def test_a_series_is_read_back_whole_and_in_order(subject, tmp_path):
    paths = write_series(tmp_path / "scan", ct_series(subject, 0, study_date=DAY, grid=GRID))
    (series,) = sort_into_series([read_header(path) for path in paths])
    assert series.offsets_mm == tuple(float(z) for z in GRID.z_mm)
    assert (series.spacings_mm, series.gaps) == ((5.0,) * 5, ())
    assert [s.instance_number for s in series.slices] == [6, 5, 4, 3, 2, 1]


def test_the_same_seed_gives_the_same_files(subject, tmp_path):
    one = write_series(tmp_path / "1", ct_series(subject, 0, study_date=DAY, grid=GRID))
    two = write_series(tmp_path / "2", ct_series(subject, 0, study_date=DAY, grid=GRID))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_scans_and_subjects_have_their_own_uids(subject):
    other = PhantomSubject.with_scenario(10, "growing")
    grid = Grid(rows=16, slices=2)
    scans = [
        list(ct_series(s, t, study_date=DAY, grid=grid, series=SeriesSpec(number=n)))
        for s, t, n in ((subject, 0, 2), (subject, 1, 2), (other, 0, 2), (subject, 0, 3))
    ]
    assert len({i.SOPInstanceUID for scan in scans for i in scan}) == 8
    assert len({i.SeriesInstanceUID for scan in scans for i in scan}) == 4
    assert scans[0][0].StudyInstanceUID == scans[3][0].StudyInstanceUID  # two series of one scan
    assert len({i.StudyInstanceUID for scan in scans for i in scan}) == 3


def test_seeded_uids_are_valid_and_repeat():
    """PS3.5 §B.2: 2.25 and a 128-bit number without leading zeros."""
    assert seeded_uid(1, "a") == seeded_uid(1, "a") != seeded_uid(1, "b")
    assert all(seeded_uid(n).is_valid and len(seeded_uid(n)) <= 44 for n in range(200))


def test_pixels_are_hounsfield_units(subject):
    instance = next(ct_series(subject, 0, study_date=DAY, grid=GRID))
    values = np.frombuffer(instance.PixelData, "<u2").reshape(32, 32) - 1024.0
    assert values[0, 0] == -1024  # outside the round field of view
    assert -1000 < values[16, 16] < 600
    assert instance.PixelSpacing == [11.875, 11.875]  # 380 mm / 32


def test_every_instance_says_that_it_is_synthetic(subject):
    instance = next(ct_series(subject, 0, study_date=DAY, grid=GRID, identity=planted_identity(1)))
    assert instance.ImageType[:2] == ["DERIVED", "SECONDARY"]
    for keyword in ("StudyDescription", "SeriesDescription", "ImageComments"):
        assert "SYNTHETIC PHANTOM" in instance.get(keyword)


def test_what_is_planted_can_be_found(subject, tmp_path):
    identity = planted_identity(9)
    (path,) = write_series(
        tmp_path, ct_series(subject, 0, study_date=DAY, grid=Grid(rows=16, slices=1), identity=identity)
    )
    content = path.read_bytes()
    for value in planted_values(identity):
        assert value.encode() in content
    assert content.count(identity["PatientID"].encode()) >= 6  # top, comments, and public and private sequences
    header = read_header(path).dataset
    assert header.OtherPatientIDsSequence[0].PatientID == identity["PatientID"]
    block = header.private_block(0x0029, "PARALLAX PHANTOM 1.0")
    assert block[0x12].value[0].PatientName == identity["PatientName"]


def test_invented_people_differ():
    assert planted_identity(1) == planted_identity(1)
    assert len({planted_identity(seed)["PatientID"] for seed in range(50)}) == 50


def test_trial_identifiers_are_written(subject):
    instance = next(ct_series(subject, 1, study_date=DAY, grid=GRID, trial=TRIAL))
    assert (instance.ClinicalTrialSubjectID, instance.ClinicalTrialTimePointID) == ("01-001", "WEEK 8")


def test_slices_can_be_left_out(subject):
    grid, spec = Grid(rows=16, slices=8), SeriesSpec(dropped=frozenset({3, 4}))
    (series,) = sort_into_series(ct_series(subject, 0, study_date=DAY, grid=grid, series=spec))
    assert series.n_instances == 6
    assert [gap.missing for gap in series.gaps] == [2]
    assert isinstance(series.gaps[0], Gap)


@pytest.mark.requires_tool("dciodvfy")
@pytest.mark.parametrize("identity", [None, planted_identity(2)], ids=["plain", "planted"])
def test_dciodvfy_finds_no_error(subject, tmp_path, identity):
    """dicom3tools' validator against the CT Image IOD (PS3.3 §A.3)."""
    (path,) = write_series(
        tmp_path,
        ct_series(subject, 0, study_date=DAY, grid=Grid(rows=16, slices=1), identity=identity, trial=TRIAL),
    )
    report = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    assert [line for line in report.splitlines() if line.startswith("Error")] == []
    assert "CTImage" in report
