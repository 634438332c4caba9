"""What a reader paints is kept version by version, measured here, and signed with the read."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from compliance.models import AuditEvent
from reading import blinding
from reading.blinded import BlindedSeries
from reading.blinding.shown import keys_of
from reading.measuring.volumes import InvalidRuns
from reading.models import Lesion, Measurement, ReadTask, SegmentVersion
from reading.models.segment import segments_of
from reading.services.assessing import open_task, save_draft
from reading.services.drafting import InvalidEntry
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.linking import InvalidLink, StaleLinks, put_links
from reading.services.segmenting import SegmentEntry, StaleSegment, put_segment
from reading.services.working import ReadLocked
from tests.factories.volumes import archived, cine, ct_slices
from tests.reading.conftest import AT, World, baseline
from trials.charter import RECIST_TEMPLATE
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-007")]

LABEL = RECIST_TEMPLATE["series"][0]["label"]


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    timepoint = world.timepoint("BL", subject)
    archived(timepoint, world.site, LABEL, ct_slices("2.25.1"))
    archived(timepoint, world.site, LABEL, cine())
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    return open_task(task=task, actor=task.reader, at=AT)


@pytest.fixture
def by_volume(world: World) -> ReadTask:
    """An opened baseline of a trial whose criteria follow volumes."""
    world.amend(criteria="Volumetric", criteria_parameters={})
    subject = world.enrol()
    archived(world.timepoint("BL", subject), world.site, LABEL, ct_slices("2.25.1"))
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    return open_task(task=task, actor=task.reader, at=AT)


def saved(task: ReadTask, version: int, *volumes: object) -> None:
    """Save a draft of targets in the liver, each with its volume in ml or with none typed."""
    known = Lesion.objects.filter(first_seen=task).count()
    lesions = tuple(
        LesionEntry(n if n <= known else None, "target", "LIVER", state="MEASURED", values={"volume_ml": volume})
        for n, volume in enumerate(volumes, 1)
    )
    save_draft(task=task, entry=AssessmentEntry(version, lesions=lesions), actor=task.reader, at=AT)


def entered(task: ReadTask) -> list[object]:
    """The volumes as they are stored."""
    return [m.values.get("volume_ml") for m in Measurement.objects.filter(assessment__task=task)]


def stack(task: ReadTask, rows: int = 64) -> BlindedSeries:
    """The series with pictures of so many rows: 64 the CT, 48 the clip."""
    return next(series for series in blinding.blinded_task(task).series if series.rows == rows)


def entry(task: ReadTask, *counts: int, **more: object) -> SegmentEntry:
    """So many pixels painted on each of the first slices of the CT."""
    series = stack(task)
    slices = [(one.instance_key, one.frame, [100, count]) for one, count in zip(series.slices, counts, strict=False)]
    return SegmentEntry(**{"series": series.key, "slices": slices, **more})


def put(task: ReadTask, given: SegmentEntry, expected: int | None = None, key: object = None) -> SegmentVersion:
    return put_segment(task=task, key=key or uuid4(), expected=expected, entry=given, actor=task.reader, at=AT)


def test_the_volume_is_that_of_the_voxels(task):
    version = put(task, entry(task, 200, 50))
    assert (version.number, version.voxels, version.volume_ml) == (1, 250, Decimal("3.000"))  # 2 × 2 × 3 mm each


def test_frames_of_a_clip_have_no_volume(task):
    clip = stack(task, rows=48)
    version = put(task, SegmentEntry(clip.key, [(clip.slices[2].instance_key, 3, [0, 40])]))
    assert (version.voxels, version.volume_ml) == (40, None)


def test_each_change_is_a_version_and_a_stale_one_is_refused_with_what_stands(task):
    key = uuid4()
    put(task, entry(task, 10), key=key)
    second = put(task, entry(task, 20), 1, key)
    with pytest.raises(StaleSegment) as refused:
        put(task, entry(task, 30), 1, key)
    assert (second.number, refused.value.stored.voxels) == (2, 20)
    assert [v.voxels for v in SegmentVersion.objects.order_by("number")] == [10, 20]
    assert [e.action for e in AuditEvent.objects.filter(action__startswith="segment.").order_by("pk")] == [
        "segment.begun",
        "segment.painted",
        "segment.changed",
    ]


def test_the_same_request_twice_is_one_version(task):
    key = uuid4()
    first = put(task, entry(task, 10), key=key)
    assert put(task, entry(task, 10), key=key).pk == first.pk


def test_a_version_is_never_changed(task):
    version = put(task, entry(task, 10))
    assert version.frozen_by() == "a version of a segment is kept as it was"


def test_a_removed_segment_is_kept_and_no_longer_signed(task):
    key = uuid4()
    put(task, entry(task, 10), key=key)
    put(task, entry(task, removed=True), 1, key)
    assert segments_of(task) == []
    assert SegmentVersion.objects.count() == 2


@pytest.mark.parametrize(
    "given",
    [
        {"slices": [("nobody", 1, [0, 1])]},
        {"slices": "twice"},
        {"slices": "frame"},
        {"slices": "long"},
        {"lesion": 7},
    ],
    ids=["unknown picture", "twice", "no such frame", "beyond the picture", "unknown lesion"],
)
def test_what_names_something_else_is_refused(task, given):
    name = stack(task).slices[0].instance_key
    known = {
        "twice": [(name, 1, [0, 1]), (name, 1, [1, 1])],
        "frame": [(name, 2, [0, 1])],
        "long": [(name, 1, [0, 64 * 64 + 1])],
    }
    slices = given.get("slices")
    if isinstance(slices, str):
        given = {"slices": known[slices]}
    with pytest.raises(InvalidRuns):
        put(task, entry(task, 1, **given))


def test_another_readers_keys_open_nothing(world, task, subject):
    other = world.task("BL", 2, subject)
    open_task(task=other, actor=other.reader, at=AT)
    with pytest.raises(blinding.NotShown):
        put(other, entry(task, 5))


def test_what_is_painted_and_linked_is_signed_with_the_read_and_closed_by_it(world, task, subject):
    series = blinding.blinded_task(task).series
    put(task, entry(task, 8))
    pair = {"from": series[0].key, "to": series[1].key}
    put_links(task=task, expected=None, links=[{**pair, "steps": 2}], actor=task.reader, at=AT)
    world.read("BL", 1, baseline(40), subject)
    signed = ReadTask.objects.get(pk=task.pk).assessment.content()
    assert [(one["voxels"], one["volume_ml"], one["slices"][0]["runs"]) for one in signed["segments"]] == [
        (8, "0.096", [100, 8])
    ]
    assert [link["steps"] for link in signed["links"]] == [2]
    closed = ReadTask.objects.get(pk=task.pk)
    with pytest.raises(ReadLocked):
        put(closed, entry(task, 9))
    with pytest.raises(ReadLocked):
        put_links(task=closed, expected=1, links=[], actor=task.reader, at=AT)


# --- links -----------------------------------------------------------------------------------------------------------


def linked(task: ReadTask, expected: int | None, **leads: object) -> object:
    series = blinding.blinded_task(task).series
    link = {"from": series[0].key, "to": series[1].key, **leads}
    return put_links(task=task, expected=expected, links=[link], actor=task.reader, at=AT)


def test_links_are_kept_by_the_archives_names_and_told_by_the_reads_keys(task):
    version = linked(task, None, offset=[0.0, 0.0, -12.34567])
    series = blinding.blinded_task(task).series
    assert version.links[0]["offset"] == [0.0, 0.0, -12.346]
    assert series[0].key not in str(version.links)
    told = blinding.blinded_links(task, version)
    assert told == {
        "version": 1,
        "links": [{"from": series[0].key, "to": series[1].key, "offset": [0.0, 0.0, -12.346]}],
    }
    assert keys_of(task).of(version.links[0]["from"]) == series[0].key


def test_links_made_elsewhere_since_are_not_overwritten(task):
    linked(task, None, steps=1)
    linked(task, 1, steps=2)
    with pytest.raises(StaleLinks) as refused:
        linked(task, 1, steps=3)
    assert refused.value.stored.links[0]["steps"] == 2


@pytest.mark.parametrize(
    "leads",
    [{}, {"steps": 1.5}, {"offset": [1, 2]}, {"offset": [0, 0, float("nan")]}, {"offset": [0, 0, 9e9]},
     {"offset": [0, 0, 1], "steps": 1}, {"steps": True}],
)  # fmt: skip
def test_a_link_says_how_far_it_leads(task, leads):
    with pytest.raises(InvalidLink):
        linked(task, None, **leads)


def test_a_stack_is_not_linked_to_itself_or_twice(task):
    first, second = (one.key for one in blinding.blinded_task(task).series[:2])
    for links in (
        [{"from": first, "to": first, "steps": 1}],
        [{"from": first, "to": second, "steps": 1}, {"from": second, "to": first, "steps": 1}],
    ):
        with pytest.raises(InvalidLink):
            put_links(task=task, expected=None, links=links, actor=task.reader, at=AT)


def test_a_lesion_has_the_volume_of_its_region(by_volume):
    task, key = by_volume, uuid4()
    saved(task, 0, Decimal(2))
    put(task, entry(task, 200, 50), key=key)
    put(task, entry(task, 200, 50, lesion=1), expected=1, key=key)
    assert blinding.blinded_task(task).lesions[0].region_ml == Decimal("3.000")
    with pytest.raises(InvalidEntry, match=r"2 ml is entered, but its region holds 3(\.0*)? ml"):
        saved(task, 1, Decimal(2))
    saved(task, 1, None)
    assert entered(task) == ["3"]

    # Painted on, it is taken anew before the read is signed.
    put(task, entry(task, 200, 100, lesion=1), expected=2, key=key)
    fresh = ReadTask.objects.get(pk=task.pk)
    asked = "Lesion T01: its region was painted after the draft was saved. Save the draft."
    assert blinding.blinded_task(fresh).unanswered == (asked,)
    saved(task, 2, None)
    assert entered(task) == ["3.6"]
    assert blinding.blinded_task(ReadTask.objects.get(pk=task.pk)).unanswered == ()
    actions = AuditEvent.objects.filter(action__startswith="segment.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["segment.begun", "segment.painted", "segment.tied", "segment.changed"]


def test_a_lesion_is_one_region_and_a_region_that_is_known(by_volume):
    task = by_volume
    saved(task, 0, Decimal(2))
    put(task, entry(task, 10, lesion=1))
    with pytest.raises(InvalidRuns, match="another region already"):
        put(task, entry(task, 20, lesion=1))
    with pytest.raises(InvalidRuns, match="does not know"):
        put(task, entry(task, 20, lesion=2))


def test_the_region_of_a_lesion_that_goes_is_no_lesion_and_no_other_one_inherits_it(by_volume):
    task = by_volume
    saved(task, 0, Decimal(1), Decimal(2))
    put(task, entry(task, 10, lesion=2))
    saved(task, 1, Decimal(1))
    (region,) = segments_of(task)
    assert (region.number, region.lesion, region.voxels) == (2, None, 10)
    assert AuditEvent.objects.filter(action="segment.untied").count() == 1
    saved(task, 2, Decimal(1), Decimal(4))
    assert entered(task) == ["1", "4"]
