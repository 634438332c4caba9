"""What a reader may see: searched for what must not be there, after planting it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from typing import Any

import pytest
from PIL import Image

from compliance import access
from compliance.models import AuditEvent
from imaging.models import Instance, Series
from reading import blinding
from reading.blinding import NotOpen, NotShown, blinded_adjudication, blinded_task
from reading.models import Adjudication, ReadTask
from reading.services.adjudicating import open_case
from reading.services.assessing import AssessmentEntry, open_task, save_draft
from tests.reading.conftest import (
    ARM,
    AT,
    SERIES_DESCRIPTION,
    SITE_CODE,
    SITE_NAME,
    SUBJECT_CODE,
    World,
    baseline,
    follow_up,
)
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-001")]

PRESET = "Soft tissue"


def everything(seen: Any) -> str:
    """All that a page or program could show of it."""
    return json.dumps(dataclasses.asdict(seen), default=str)


def hidden(subject: Subject) -> list[str]:
    """What is planted: codes, names, visits, dates, study days of the trace, UIDs, keys of the archive."""
    instances = Instance.objects.all()
    return [
        SITE_CODE,
        SITE_NAME,
        SUBJECT_CODE,
        ARM,
        SERIES_DESCRIPTION,
        "Week 8",
        "W8",
        "2026",
        "day 56",
        "study_day",
        "2.25.",
        "reader-a",
        "reader-b",
        "Reader-A",
        *(i.archive_key for i in instances),
    ]


def found(text: str, subject: Subject) -> list[str]:
    return [planted for planted in hidden(subject) if planted in text]


@pytest.fixture
def read(world: World, subject: Subject) -> World:
    """Two timepoints; the readers differ, and the second has remarks of its own."""
    world.clear("BL")
    world.clear("W8")
    world.read("BL", 1, baseline(30))
    world.read("BL", 2, baseline(44, comment="The remark of another"))
    return world


def frame_png(task: ReadTask, key: str, n: int, preset: str, *, actor: Any, at: dt.datetime) -> bytes:
    """A picture of a read, as its reader's page asks for it."""
    return blinding.frame_png(blinding.look_at_read(task, actor=actor), key, n, preset, actor=actor, at=at)


def opened(world: World, code: str, slot: int) -> ReadTask:
    task = world.task(code, slot)
    return open_task(task=task, actor=task.reader, at=AT)


def test_a_read_names_nothing_that_is_hidden(read: World, subject: Subject) -> None:
    task = opened(read, "W8", 1)

    text = everything(blinded_task(task))

    assert found(text, subject) == []
    assert blinded_task(task).title == "Timepoint 2"


def test_a_signed_response_tells_no_days(read: World, subject: Subject) -> None:
    read.read("W8", 1, follow_up(20))

    seen = blinded_task(read.task("W8", 1))

    assert seen.response.overall == "PR"
    assert found(everything(seen), subject) == []


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-003")
def test_two_readers_of_a_subject_share_no_code_key_or_result(read: World, subject: Subject) -> None:
    first, second = blinded_task(opened(read, "W8", 1)), blinded_task(opened(read, "W8", 2))

    assert first.case != second.case
    assert first.code != second.code
    assert {s.key for s in first.series}.isdisjoint({s.key for s in second.series})
    keys = [{p.instance_key for s in seen.series for p in s.slices} for seen in (first, second)]
    assert keys[0].isdisjoint(keys[1])
    assert "44" not in [str(m.diameter_mm) for lesion in first.lesions for m in lesion.prior]
    assert "The remark of another" not in everything(first)
    assert [(str(m.diameter_mm), m.timepoint) for m in second.lesions[0].prior] == [("44.00", "Timepoint 1")]


def test_a_read_shows_the_present_and_the_readers_own_earlier_timepoints(read: World, subject: Subject) -> None:
    present = opened(read, "W8", 1)
    before = read.task("BL", 1)

    assert [t.title for t in blinded_task(present).earlier] == ["Timepoint 1"]
    assert blinded_task(before).earlier == ()
    assert len(blinded_task(before).series) == 1


def test_what_the_charter_does_not_hide_is_disclosed_by_name(world: World) -> None:
    world.amend(blinded_to=["site", "subject"])
    world.enrol()
    world.clear("BL")

    seen = blinded_task(world.task("BL", 1))

    assert seen.disclosed == {"arm": ARM}
    assert seen.title == "Timepoint 1, Baseline"


def test_a_series_is_named_by_the_charter_or_its_modality(world: World, subject: Subject) -> None:
    world.clear("BL")
    labelled = Series.objects.get()
    stray = world.receive(world.timepoint("BL"))
    Series.objects.filter(pk=stray.pk).update(label=SERIES_DESCRIPTION)
    hidden_series = world.receive(world.timepoint("BL"))
    Series.objects.filter(pk=hidden_series.pk).update(for_reading=False)

    assert [s.label for s in blinded_task(world.task("BL", 1)).series] == [labelled.label, "CT series"]


def test_a_picture_leaves_as_png_in_a_window_of_the_charter(world: World, subject: Subject) -> None:
    world.clear("BL")
    task = opened(world, "BL", 1)
    key = blinded_task(task).series[0].key

    data = frame_png(task, key, 1, PRESET, actor=task.reader, at=AT)

    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size, picture.info) == ("PNG", (8, 8), {})
    # 40 HU in a window of centre 50 and width 400: ((40 - 49.5) / 399 + 0.5) × 255 (PS3.3 §C.11.2.1.2).
    assert picture.getpixel((0, 0)) == 121


@pytest.mark.parametrize(
    ("series", "n", "preset"),
    [("", 1, "Brain"), ("", 0, PRESET), ("", 3, PRESET), ("0" * 32, 1, PRESET), ("2.25.201", 1, PRESET)],
)
def test_nothing_else_of_the_image_is_reachable(
    world: World, subject: Subject, series: str, n: int, preset: str
) -> None:
    world.clear("BL")
    task = opened(world, "BL", 1)

    with pytest.raises(NotShown) as refused:
        frame_png(task, series or blinded_task(task).series[0].key, n, preset, actor=task.reader, at=AT)

    assert refused.value.status == 404


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-004")
def test_a_key_of_another_readers_read_opens_nothing(read: World, subject: Subject) -> None:
    mine, other = opened(read, "W8", 1), opened(read, "W8", 2)

    with pytest.raises(NotShown):
        frame_png(mine, blinded_task(other).series[0].key, 1, PRESET, actor=mine.reader, at=AT)
    with pytest.raises(access.AccessDenied):
        frame_png(other, blinded_task(other).series[0].key, 1, PRESET, actor=mine.reader, at=AT)


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-004")
def test_a_later_timepoint_is_not_reachable_from_an_earlier_read(read: World, subject: Subject) -> None:
    before = read.task("BL", 1)
    later = Series.objects.get(imaging_study__timepoint__code="W8")
    key = blinding.names.Keys(read.trial, before.blinded_code).of(later.series_instance_uid)

    with pytest.raises(NotShown):
        frame_png(before, key, 1, PRESET, actor=before.reader, at=AT)


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-004")
def test_pictures_of_a_read_that_is_not_opened_stay_closed(world: World, subject: Subject) -> None:
    world.clear("BL")
    task = world.task("BL", 1)

    with pytest.raises(NotOpen):
        frame_png(task, blinded_task(task).series[0].key, 1, PRESET, actor=task.reader, at=AT)


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-007")
def test_looking_at_a_series_is_recorded_once_a_day(world: World, subject: Subject) -> None:
    world.clear("BL")
    task = opened(world, "BL", 1)
    key = blinded_task(task).series[0].key
    for n, hours in [(1, 0), (2, 0), (1, 1), (1, 24)]:
        frame_png(task, key, n, PRESET, actor=task.reader, at=AT + dt.timedelta(hours=hours))

    viewed = AuditEvent.objects.filter(action="series.viewed").order_by("id")
    assert [(event.actor, event.at, event.after["read"]) for event in viewed] == [
        (task.reader, AT, task.blinded_code),
        (task.reader, AT + dt.timedelta(days=1), task.blinded_code),
    ]


@pytest.mark.requirement("REQ-ADJ-003", "REQ-BLI-001")
def test_an_adjudicator_sees_two_unnamed_reads_in_seeded_order(read: World, subject: Subject) -> None:
    read.clear("W16")
    for code in ("W8", "W16"):
        read.read_by_both(code, follow_up(20), follow_up(44))
    adjudication = Adjudication.objects.get()
    open_case(adjudication=adjudication, actor=adjudication.adjudicator, at=AT)

    seen = blinded_adjudication(adjudication)

    sums = {1: ["30", "20", "20"], 2: ["44", "44", "44"]}
    shown = [[str(r.response.sum_mm) for r in side.reads] for side in (seen.left, seen.right)]
    assert shown == [sums[adjudication.left_slot], sums[3 - adjudication.left_slot]]
    assert [t.title for t in seen.timepoints] == ["Timepoint 1", "Timepoint 2", "Timepoint 3"]
    assert found(everything(seen), subject) == []
    bors = {1: "PR", 2: "SD"}
    assert [(t.name, t.title, t.left, t.right) for t in seen.triggers][-1] == (
        "best_overall_response",
        "",
        bors[adjudication.left_slot],
        bors[3 - adjudication.left_slot],
    )
    key = seen.timepoints[2].series[0].key
    looked = blinding.look_at_case(adjudication, actor=adjudication.adjudicator)
    data = blinding.frame_png(looked, key, 2, PRESET, actor=adjudication.adjudicator, at=AT)
    assert data.startswith(b"\x89PNG")


def test_a_progression_date_is_shown_as_a_timepoint(read: World, subject: Subject) -> None:
    read.clear("W16")
    read.read_by_both("W8", follow_up(40), follow_up(44))
    read.read_by_both("W16", follow_up(40), follow_up(60))

    seen = blinded_adjudication(Adjudication.objects.get())

    (dated,) = [t for t in seen.triggers if t.name == "progression_date"]
    assert {dated.left, dated.right} == {"Timepoint 2", "Timepoint 3"}
    assert found(everything(seen), subject) == []


def test_a_draft_shows_what_is_still_missing(world: World, subject: Subject) -> None:
    world.clear("BL")
    task = opened(world, "BL", 1)
    save_draft(task=task, entry=baseline("9.5"), actor=task.reader, at=AT)

    assert blinded_task(task).unanswered == ("Lesion T01: longest diameter is below 10 mm.",)
    save_draft(task=task, entry=AssessmentEntry(version=1), actor=task.reader, at=AT)
    assert blinded_task(task).lesions == ()
