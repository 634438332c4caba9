"""What readers drew and painted reaches the package: in pixels of the archive's pictures, by the lesions' names."""

from __future__ import annotations

import io
import uuid

import pytest
from highdicom import sr
from highdicom.seg import segread

from imaging.models import Instance, Series, SeriesDisplay
from reading.exports import dicom_seg, dicom_sr
from reading.exports.snapshot import snapshot
from reading.models import Mark, MarkVersion, Measurement, ReadTask
from reading.models.segment import Segment, SegmentVersion
from tests.reading.exports import recorded
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-008")]

#: Of a CT slice with pixels of 0.5 mm, its first one at (-10, -20, 30) mm.
FACTS = {
    "rows": 64,
    "columns": 64,
    "samples": 1,
    "bits": 16,
    "signed": True,
    "float": False,
    "raw": None,
    "photometric": "MONOCHROME2",
    "unit": "HU",
    "suv_factor": None,
    "cine_ms": None,
    "window": None,
    "spacing": [0.5, 0.5],
    "orientation": [1, 0, 0, 0, 1, 0],
    "space": "2.25.99",
    "places": [[[-10, -20, 30], 1, 0]],
}


@pytest.fixture
def trial() -> Trial:
    """A recorded trial, its first read drawn and painted by the reader."""
    trial = recorded.written()
    task = ReadTask.objects.get(timepoint__subject__code="A-001", slot=1, order=0)
    measured = Measurement.objects.get(assessment__task=task, lesion__number=1)
    image = measured.instance
    SeriesDisplay.objects.create(series=image.series, pictures={str(image.pk): FACTS})
    Series.objects.filter(pk=image.series_id).update(facts={"slice_thickness_mm": 2.5})
    Instance.objects.filter(pk=image.pk).update(rows=64, columns=64)
    version = MarkVersion.objects.create(
        mark=Mark.objects.create(task=task, key=uuid.uuid4(), drawn_at=recorded.LOCKED_AT),
        number=1,
        tool="bidirectional",
        instance=image,
        points=[[-10, -20, 30], [20, -20, 30], [0, -15, 30], [0, -5, 30]],
        measured={"long_mm": 30.0, "short_mm": 10.0},
        made_at=recorded.LOCKED_AT,
    )
    Measurement.objects.filter(pk=measured.pk).update(mark=version)
    SegmentVersion.objects.create(
        segment=Segment.objects.create(task=task, key=uuid.uuid4(), begun_at=recorded.LOCKED_AT),
        number=1,
        series=image.series,
        lesion=1,
        slices=[{"sop_instance_uid": image.sop_instance_uid, "frame": 1, "runs": [65, 3]}],
        made_at=recorded.LOCKED_AT,
    )
    return recorded.lock(trial)


def test_a_drawing_in_the_patient_becomes_one_on_the_picture(trial):
    data = dict(dicom_sr.reports(snapshot(trial)))["images/sr/A-001/01-BL-reader-1.dcm"]
    groups = sr.srread(io.BytesIO(data)).content.get_image_measurement_groups()
    drawn = next(group for group in groups if group.tracking_identifier == "T01").get_measurements()
    found = {one.name.meaning: (float(one.value), one.referenced_coordinates[0].value.tolist()) for one in drawn}
    # The centre of the first pixel is (0.5, 0.5) from its corner; 30 mm are 60 pixels.
    assert found == {
        "Long axis": (30.0, [[0.5, 0.5], [60.5, 0.5]]),
        "Short axis": (10.0, [[20.5, 10.5], [20.5, 30.5]]),
    }


def test_what_was_painted_becomes_a_segment_of_the_lesion(trial):
    ((name, data),) = dicom_seg.segmentations(snapshot(trial))
    read = segread(io.BytesIO(data))
    assert name == "images/seg/A-001/01-BL-reader-1-1.dcm"
    assert read.get_segment_description(1).tracking_id == "T01"
    (frame,) = read.get_pixels_by_source_instance(
        source_sop_instance_uids=[Measurement.objects.filter(mark__isnull=False).get().instance.sop_instance_uid]
    )
    assert [tuple(place) for place in zip(*frame[..., 0].nonzero(), strict=True)] == [(1, 1), (1, 2), (1, 3)]


def test_pictures_that_left_the_archive_leave_the_values(trial):
    SeriesDisplay.objects.all().delete()
    held = snapshot(trial)
    data = dict(dicom_sr.reports(held))["images/sr/A-001/01-BL-reader-1.dcm"]
    groups = sr.srread(io.BytesIO(data)).content.get_image_measurement_groups()
    drawn = next(group for group in groups if group.tracking_identifier == "T01").get_measurements()
    assert {one.name.meaning: float(one.value) for one in drawn} == {"Long axis": 30.0, "Short axis": 10.0}
    assert list(dicom_seg.segmentations(held)) == []
