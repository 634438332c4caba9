"""The timeline of a read in the audit trail: its own events, and those of all that belongs to it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from compliance import audit
from imaging.models import Instance
from reading.models import Assessment, Lesion, Measurement, ReadTask
from tests.reading.exports import recorded
from trials.models import Membership, Subject
from trials.selectors_trail import Selection, selected, way_to

pytestmark = pytest.mark.requirement("REQ-AUD-053")

AT = dt.datetime(2025, 3, 31, 23, 30, tzinfo=dt.UTC)


def test_each_kind_of_record_leads_to_its_read_and_its_subject_by_keys_that_it_has() -> None:
    def way(kind: type, root: type) -> str:
        return ".".join(key.name for key in way_to(kind, root))

    assert way(Assessment, ReadTask) == "task"
    assert way(Measurement, ReadTask) == "assessment.task"
    assert way(Lesion, Subject) == "subject"
    # What was received may not be known to be of a subject; the picture is.
    assert way(Instance, Subject) == "series.imaging_study.timepoint.subject"
    assert way(Membership, ReadTask) == ""


@pytest.mark.django_db
def test_a_read_comes_with_what_its_reader_made_of_it_and_with_no_other_read(own_disk: Path) -> None:
    trial = recorded.written()
    first, second = ReadTask.objects.filter(timepoint__subject__code="A-001", timepoint__code="W8").order_by("slot")[:2]
    for task in (first, second):
        audit.record("readtask.looked", task, actor=task.reader, at=AT)
        audit.record("assessment.looked", task.assessment, actor=task.reader, at=AT)
    measured = Measurement.objects.filter(assessment__task=first).first()
    assert measured is not None
    number = str(measured.pk)
    audit.record("measurement.looked", measured, actor=first.reader, at=AT)
    was = {"assessment_id": first.assessment.pk}
    audit.record("measurement.removed", measured, actor=first.reader, at=AT, before=was)
    measured.delete()

    found = selected(trial, Selection(kind="reading.readtask", key=str(first.pk), whole=True))

    assert {(event.action, event.object_id) for event in found} == {
        ("readtask.looked", str(first.pk)),
        ("assessment.looked", str(first.assessment.pk)),
        ("measurement.looked", number),
        ("measurement.removed", number),
    }
