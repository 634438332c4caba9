"""Locked reads as DICOM: valid to a validator, read back by another program, and nothing in them but the read."""

from __future__ import annotations

import io
import math
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pydicom
import pytest
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from reading.exports import dicom_sr
from reading.exports.locked import LockedMark, LockedRead, LockedTrial, LockedValue
from reading.exports.snapshot import snapshot
from tests.reading.exports import recorded, sample
from tests.support.tools import requires_tool, tool

pytestmark = pytest.mark.requirement("REQ-LOC-008")

#: 30 × 40 pixels apart, and at right angles to it.
ACROSS = ((10.5, 20.5), (40.5, 60.5), (35.5, 34.25), (19.5, 46.25))


def drawn(trial: LockedTrial) -> LockedTrial:
    """The sample, its first measurement of every read drawn as two lines, its second as an outline."""

    def with_marks(read: LockedRead) -> LockedRead:
        first, second, *rest = read.measurements
        if not (first.sop_instance_uid and second.sop_instance_uid):
            return read
        lines = LockedMark("bidirectional", ACROSS, {"long_mm": first.diameter_mm, "short_mm": Decimal("20.4")})
        ring = LockedMark("freehand", ((1.0, 1.0), (9.0, 1.0), (9.0, 7.0)), {"area_mm2": Decimal("12.25")})
        return replace(read, measurements=(replace(first, mark=lines), replace(second, mark=ring), *rest))

    return replace(
        trial,
        subjects=tuple(
            replace(
                subject,
                timepoints=tuple(
                    replace(visit, reads=tuple(map(with_marks, visit.reads))) for visit in subject.timepoints
                ),
            )
            for subject in trial.subjects
        ),
    )


@pytest.fixture(scope="module")
def trial() -> LockedTrial:
    return drawn(sample.locked_trial(2))


@pytest.fixture(scope="module")
def files(trial) -> dict[str, bytes]:
    return dict(dicom_sr.reports(trial))


def groups_of(data: bytes) -> dict[str, sr.MeasurementsAndQualitativeEvaluations]:
    """What highdicom finds in a report, by the label of the lesion."""
    content = sr.srread(io.BytesIO(data)).content
    return {group.tracking_identifier: group for group in content.get_image_measurement_groups()}


def sizes_of(group: sr.MeasurementsAndQualitativeEvaluations) -> dict[str, float]:
    return {measured.name.meaning: float(measured.value) for measured in group.get_measurements()}


def every(dataset: Dataset, *kinds: str) -> set[str]:
    """Every value of some kinds in a data set, at any depth."""
    return {str(element.value) for element in dataset.iterall() if element.VR in kinds}


@requires_tool("dciodvfy")
def test_the_validator_finds_no_error(files, tmp_path):
    for number, data in enumerate((files[name] for name in sorted(files)), 1):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(data)
        said = subprocess.run(
            [tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, check=False, timeout=60
        ).stderr
        assert "ComprehensiveSR" in said.splitlines()
        assert [line for line in said.splitlines() if line.startswith("Error")] == []


def test_there_is_one_report_of_each_reader_and_timepoint(trial, files):
    assert len(files) == sum(1 for _ in trial.reads())
    assert min(files) == "images/sr/101-001/01-BL-reader-1.dcm"
    assert len({pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID for data in files.values()}) == len(files)


def test_pydicom_writes_the_same_bytes(files):
    for data in files.values():
        read, again = pydicom.dcmread(io.BytesIO(data)), io.BytesIO()
        assert sum(1 for _ in read.iterall()) > 300  # each is decoded, so that none is written as it was found
        pydicom.dcmwrite(again, read, enforce_file_format=True)
        assert again.getvalue() == data


def test_a_name_of_more_than_16_characters_and_a_frame_of_many_are_written(trial):
    subject = trial.subjects[0]
    visit = subject.timepoints[0]
    cine = replace(visit, pictures=tuple(replace(picture, frames=30) for picture in visit.pictures))
    value = LockedValue("T01", 0, "enhancing_longest_diameter", "", Decimal("16.123456789012345"), "mm", False)
    first = replace(visit.reads[0].measurements[0], frame=7)
    read = replace(visit.reads[0], measurements=(first, *visit.reads[0].measurements[1:]), values=(value,))
    data = dicom_sr.report(trial, subject, cine, read)
    report = pydicom.dcmread(io.BytesIO(data))
    assert {str(one.ReferencedFrameNumber) for one in _items(report) if "ReferencedFrameNumber" in one} == {"7", "1"}
    (named,) = {one.LongCodeValue for one in _items(report) if "LongCodeValue" in one}
    assert named == "ENHANCING_LONGEST_DIAMETER"
    numbers = {one.FloatingPointValue: str(one.NumericValue) for one in _items(report) if "NumericValue" in one}
    assert numbers[16.123456789012345] == "16.1234567890123"
    groups_of(data)


def _items(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items(item)


def test_every_measurement_reads_back_equal(trial, files):
    for (_, _, read), data in zip(trial.reads(), files.values(), strict=True):
        groups = groups_of(data)
        for found in read.measurements:
            sizes = sizes_of(groups[found.lesion])
            expected = {} if found.diameter_mm is None else {"Long axis": float(found.diameter_mm)}
            if found.mark:
                expected |= {"Short axis": 20.4} if found.mark.tool == "bidirectional" else {"Area": 12.25}
            assert sizes == expected, found.lesion
        figures = {v.code: float(v.value) for v in read.values if v.derived and isinstance(v.value, Decimal)}
        whole = {m.name.value: float(m.value) for m in groups["Response"].get_measurements()}
        assert whole == figures


def test_a_node_is_measured_by_its_short_axis(trial):
    subject = trial.subjects[0]
    visit = subject.timepoints[0]
    node = LockedValue("T03", 0, "diameter_mm", "LPERP", Decimal("16.5"), "mm", False)
    read = replace(visit.reads[0], values=(node,))
    group = groups_of(dicom_sr.report(trial, subject, visit, read))["T03"]
    assert sizes_of(group) == {"Short axis": 16.5}
    assert [site.value for site in group.finding_sites] == [codes.SCT.LymphNode]


def test_a_lesion_keeps_its_tracking_uid_and_shares_it_with_nobody(trial, files):
    seen: dict[tuple[str, str, str], set[str]] = {}
    for (subject, _, read), data in zip(trial.reads(), files.values(), strict=True):
        for label, group in groups_of(data).items():
            seen.setdefault((subject.code, read.evalid, label), set()).add(group.tracking_uid)
    assert {len(uids) for uids in seen.values()} == {1}
    assert len({uid for uids in seen.values() for uid in uids}) == len(seen)


def test_what_was_drawn_lies_where_it_was_drawn(files):
    long, short = groups_of(files["images/sr/101-001/01-BL-reader-1.dcm"])["T01"].get_measurements()
    for measured, line in ((long, ACROSS[:2]), (short, ACROSS[2:])):
        (place,) = measured.referenced_coordinates
        assert place.graphic_type == sr.GraphicTypeValues.POLYLINE
        assert [tuple(point) for point in place.value.tolist()] == list(line)
        (image,) = place.ContentSequence
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.8001"
    ((x1, y1), (x2, y2)) = long.referenced_coordinates[0].value.tolist()
    assert math.hypot(x2 - x1, y2 - y1) == 50  # pixels


def test_an_outline_is_closed(files):
    area = groups_of(files["images/sr/101-001/01-BL-reader-1.dcm"])["T02"].get_measurements(name=codes.SCT.Area)[0]
    points = area.referenced_coordinates[0].value.tolist()
    assert points[0] == points[-1]
    assert len(points) == 4


def test_the_images_referred_to_are_the_evidence(trial, files):
    for (_, visit, _), data in zip(trial.reads(), files.values(), strict=True):
        report = pydicom.dcmread(io.BytesIO(data))
        inside = {
            item.ReferencedSOPInstanceUID
            for study in report.CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for item in series.ReferencedSOPSequence
        }
        content = Dataset()
        content.ContentSequence = report.ContentSequence
        named = {str(e.value) for e in content.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert named == inside <= {picture.sop_instance_uid for picture in visit.pictures}
        assert report.StudyInstanceUID == visit.study_instance_uid


def test_responses_are_said_in_the_standard_s_words_where_it_has_them(trial):
    subject = trial.subjects[0]
    visit = subject.timepoints[1]
    read = replace(visit.reads[0], overall="PD", target="PR", non_target="PD")
    group = groups_of(dicom_sr.report(trial, subject, visit, read))["Response"]
    said = {(found.name.meaning, found.value.value) for found in group.get_qualitative_evaluations()}
    assert said == {
        ("Current Response", codes.DCM.TargetLesionPartialResponse.value),
        ("Current Response", codes.DCM.NonTargetLesionProgressiveDisease.value),
        ("Overall response", "PD"),
        ("Image quality", "ADEQUATE"),
    }
    assert group.method == codes.DCM.RECIST1Point1


def test_a_read_without_any_picture_is_a_valid_report_too(trial):
    subject = trial.subjects[0]
    visit = replace(subject.timepoints[1], pictures=())
    read = replace(visit.reads[0], measurements=(), values=(), overall="NE", image_quality="not_evaluable")
    report = pydicom.dcmread(io.BytesIO(dicom_sr.report(trial, subject, visit, read)))
    assert "CurrentRequestedProcedureEvidenceSequence" not in report
    assert list(groups_of(dicom_sr.report(trial, subject, visit, read))) == ["Response"]


def test_the_only_dates_are_the_shifted_ones(trial, files):
    for (_, visit, _), data in zip(trial.reads(), files.values(), strict=True):
        report = pydicom.dcmread(io.BytesIO(data))
        assert every(report, "DA") - {""} == {f"{visit.shifted_date:%Y%m%d}"}
        assert every(report, "DT") == set()
        assert every(report, "TM") <= {"", "000000"}


def test_the_reader_is_a_place_and_no_person(files):
    for name, data in files.items():
        observer = sr.srread(io.BytesIO(data)).content.get_observer_contexts(observer_type=codes.DCM.Person)
        reader = observer[0].observer_identifying_attributes.name
        assert str(reader) == f"Reader {name[-5]}^"


@pytest.mark.django_db
def test_of_a_recorded_trial_nothing_that_names_a_person_a_true_date_or_an_arm_is_inside():
    held = b"".join(data for _, data in dicom_sr.reports(snapshot(recorded.build())))
    assert held.count(b"DICM") == 10
    for planted in (*recorded.READER_NAMES, "Ajit Third", "rhea", "ARM-X", "CT_A", "20250", "2025-"):
        assert planted.encode() not in held
