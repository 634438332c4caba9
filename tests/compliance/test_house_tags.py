"""What the pages say of audited events and of measured values."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django import forms

from compliance.models import AuditEvent
from compliance.templatetags import house

pytestmark = pytest.mark.requirement("REQ-AUD-002")


@pytest.mark.parametrize(
    ("action", "object_type", "said"),
    [
        ("timepoint.mark_missed", "trials.timepoint", "Timepoint: mark missed"),
        ("imagingcharter.signed", "trials.imagingcharter", "Imaging charter: signed"),
        ("qcreview.clear", "imaging.qcreview", "QC review: clear"),
        ("access.denied", "", "Access: denied"),
    ],
)
def test_an_event_is_told_with_the_kind_of_its_record(action: str, object_type: str, said: str) -> None:
    assert house.deed(AuditEvent(action=action, object_type=object_type)) == said


def test_nested_content_is_told_by_what_changed_in_it_alone() -> None:
    before = {"content": {"series": [{"label": "Chest", "min_instances": 30}], "schedule": ["BL", "W8"]}}
    after = {"content": {"series": [{"label": "Chest", "min_instances": 40}], "schedule": ["BL"]}}
    assert house.changes(AuditEvent(before=before, after=after)) == [
        ("content, series, 1, min instances", "30", "40"),
        ("content, schedule, 2", "W8", ""),
    ]


def test_moments_and_truth_are_told_in_words() -> None:
    after = {"signed_at": "2026-11-24T12:11:35.386741+00:00", "simulated": True, "reason": None}
    assert house.changes(AuditEvent(before=None, after=after)) == [
        ("signed at", "", "24 Nov 2026 12:11:35 UTC"),
        ("simulated", "", "yes"),
    ]


def test_a_unit_stands_behind_its_value() -> None:
    values = {"slice_thickness_mm": 5.0, "day_from": -28.0, "slices": 44, "dose_mbq": 250.5, "uptake_minutes": 61}
    assert house.evidence(values) == [
        ("slice thickness", "5 mm"),
        ("day from", "-28"),
        ("slices", "44"),
        ("dose", "250.5 MBq"),
        ("uptake", "61 min"),
    ]


def test_the_same_form_in_two_places_has_ids_of_its_own() -> None:
    class ReasonForm(forms.Form):
        reason = forms.CharField()

    form = ReasonForm()
    places = [house.within(form, place)["reason"].id_for_label for place in ("end-1", "end-2")]
    assert [*places, form["reason"].id_for_label] == ["end-1_reason", "end-2_reason", "id_reason"]


def test_rows_are_kept_by_the_value_of_an_attribute() -> None:
    rows = [SimpleNamespace(severity="block"), SimpleNamespace(severity="pass")]
    assert house.where(rows, "severity=block") == rows[:1]
