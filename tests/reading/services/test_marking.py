"""What a reader draws is measured on the server, kept version by version, and signed with the read."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pydicom
import pytest

from compliance import access, audit, signing, storage
from compliance.models import AuditEvent, Signature
from compliance.signing import Intent
from imaging.models import Instance
from reading import blinding
from reading.measuring import NotMeasured
from reading.models import Mark, MarkVersion, Measurement, ReadTask
from reading.services.assessing import IncompleteRead, InvalidEntry, open_task, save_draft, submit_read
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.services.marking import InvalidMark, StaleMark, put_mark, remove_mark
from reading.services.working import ReadLocked
from tests.reading.conftest import AT, PASSWORD, World, a_picture, baseline
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-006")]

VIEW = {"preset": "Lung", "zoom": 2.5, "pan": [3, -4], "slice": 1}
#: 30 mm along a row, 12 mm down a column, of a picture of 40 mm by 16 mm.
CROSS = ((0.0, 8.0, -100.0), (30.0, 8.0, -100.0), (14.0, 2.0, -100.0), (14.0, 14.0, -100.0))


def place(world: World, code: str) -> None:
    """Let the pictures of a timepoint lie in the patient: rows 2 mm apart, columns 5 mm."""
    for instance in Instance.objects.filter(series__imaging_study__timepoint=world.timepoint(code)):
        dataset = pydicom.dcmread(io.BytesIO(a_picture()))
        dataset.Modality = "CT"
        dataset.ImagePositionPatient = [0, 0, instance.position_mm]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [2, 5]
        file, key = io.BytesIO(), f"{instance.archive_key}.placed"
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
        sha256 = storage.put(storage.ARCHIVE, key, file.getvalue())
        Instance.objects.filter(pk=instance.pk).update(archive_key=key, sha256=sha256)


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    """The first reader's baseline, opened."""
    world.clear("BL")
    place(world, "BL")
    task = world.task("BL", 1)
    return open_task(task=task, actor=task.reader, at=AT)


def drawn(task: ReadTask, points: object = CROSS, tool: str = "bidirectional", slice_number: int = 1) -> MarkEntry:
    picture = blinding.blinded_task(task).series[0].slices[slice_number - 1]
    return MarkEntry(tool, picture.instance_key, picture.frame, points, VIEW, "viewer 1.0")  # type: ignore[arg-type]


def put(task: ReadTask, entry: MarkEntry, key: UUID | None = None, expected: int | None = None) -> MarkVersion:
    return put_mark(task=task, key=key or uuid4(), expected=expected, entry=entry, actor=task.reader, at=AT)


def liver(mark: UUID | None, **more: object) -> AssessmentEntry:
    target = LesionEntry(None, "target", "LIVER", state="MEASURED", mark=mark)
    return AssessmentEntry(version=0, lesions=(replace(target, **more),))  # type: ignore[arg-type]


def save(task: ReadTask, entry: AssessmentEntry) -> Measurement:
    return save_draft(task=task, entry=entry, actor=task.reader, at=AT).measurements.get()


# --- drawing -------------------------------------------------------------------------------------------------


def test_a_mark_is_measured_from_its_points_and_keeps_what_the_reader_saw(task: ReadTask) -> None:
    version = put(task, drawn(task))

    stored = MarkVersion.objects.get()
    assert (stored.measured, stored.number) == ({"long_mm": 30.0, "short_mm": 12.0, "angle_deg": 90.0}, 1)
    assert (stored.view, stored.software, stored.points) == (VIEW, "viewer 1.0", [list(p) for p in CROSS])
    assert [e.action for e in AuditEvent.objects.filter(object_type__startswith="reading.mark")] == [
        "mark.drawn",
        "mark.measured",
    ]
    assert version.made_at == AT


def test_a_change_is_a_new_version_and_the_old_one_stays(task: ReadTask) -> None:
    key = uuid4()
    put(task, drawn(task), key)

    put(task, drawn(task, [[0, 8, -100], [20, 8, -100]], "length"), key, expected=1)

    assert list(MarkVersion.objects.values_list("number", "tool", "measured")) == [
        (1, "bidirectional", {"long_mm": 30.0, "short_mm": 12.0, "angle_deg": 90.0}),
        (2, "length", {"length_mm": 20.0}),
    ]
    with pytest.raises(audit.RecordFrozen):
        audit.save(MarkVersion.objects.get(number=1), action="mark.changed", actor=task.reader, at=AT)


def test_a_stale_change_is_refused_with_what_stands(task: ReadTask) -> None:
    key = uuid4()
    put(task, drawn(task), key)
    put(task, drawn(task, [[0, 8, -100], [20, 8, -100]], "length"), key, expected=1)

    for expected in (1, None, 3):
        with pytest.raises(StaleMark) as refused:
            put(task, drawn(task, [[0, 8, -100], [10, 8, -100]], "length"), key, expected)
        assert refused.value.stored == MarkVersion.objects.get(number=2)
    assert MarkVersion.objects.count() == 2


def test_a_request_that_comes_twice_is_one_version(task: ReadTask) -> None:
    key = uuid4()
    first = put(task, drawn(task), key)

    assert put(task, drawn(task), key) == first
    assert MarkVersion.objects.count() == 1


def test_a_removed_mark_stays_in_its_versions_and_may_come_back(task: ReadTask) -> None:
    key = uuid4()
    put(task, drawn(task), key)

    removed = remove_mark(task=task, key=key, expected=1, actor=task.reader, at=AT)
    again = remove_mark(task=task, key=key, expected=1, actor=task.reader, at=AT)

    assert (removed.number, removed.removed, again) == (2, True, removed)
    assert blinding.marks_of_reads([task], task.blinded_code) == ()
    put(task, drawn(task), key, expected=2)
    assert [m.version for m in blinding.marks_of_reads([task], task.blinded_code)] == [3]


def test_what_was_never_drawn_cannot_be_removed(task: ReadTask) -> None:
    with pytest.raises(StaleMark):
        remove_mark(task=task, key=uuid4(), expected=1, actor=task.reader, at=AT)

    assert not Mark.objects.exists()


@pytest.mark.parametrize(
    ("tool", "points", "problem"),
    [
        pytest.param("length", ((0, 8, -95), (20, 8, -95)), InvalidMark, id="on another slice than it names"),
        pytest.param("length", ((0, 8, -100), (80, 8, -100)), InvalidMark, id="beyond the edge"),
        pytest.param("length", ((0, 8), (3, 8)), InvalidMark, id="in pixels of a picture with geometry"),
        pytest.param("length", ((0, 8, -100), (float("inf"), 8, -100)), InvalidMark, id="no number"),
        pytest.param("lasso", ((0, 8, -100), (20, 8, -100)), InvalidMark, id="an unknown tool"),
        pytest.param("length", (), InvalidMark, id="no points"),
        pytest.param("length", ((1, 8, -100), (1, 8, -100)), NotMeasured, id="no length"),
    ],
)
def test_what_cannot_be_a_mark_is_refused(task: ReadTask, tool: str, points: object, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        put(task, drawn(task, points, tool))

    assert not Mark.objects.exists()


def test_only_pictures_of_this_timepoint_are_drawn_on(world: World, task: ReadTask) -> None:
    other = blinding.blinded_task(world.task("BL", 2)).series[0].slices[0]

    with pytest.raises(blinding.NotShown):
        put(task, replace(drawn(task), instance=other.instance_key))
    with pytest.raises(access.AccessDenied):
        put_mark(task=task, key=uuid4(), expected=None, entry=drawn(task), actor=world.task("BL", 2).reader, at=AT)


def test_a_region_tells_the_values_of_its_pixels(task: ReadTask) -> None:
    # The pictures of these tests hold 40 everywhere.
    version = put(task, drawn(task, ((0, 2, -100), (30, 2, -100), (30, 14, -100)), "freehand"))

    assert version.measured == {
        "area_mm2": 180.0,
        "mean": 40.0,
        "sd": 0.0,
        "min": 40.0,
        "max": 40.0,
        "unit": "HU",
    }


def test_on_a_picture_without_geometry_marks_lie_in_pixels_and_measure_no_millimetres(world: World) -> None:
    world.enrol()
    world.clear("BL")
    task = world.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)

    version = put(task, drawn(task, ((1.5, 2), (6, 2)), "length"))

    assert (version.measured, version.points) == ({}, [[1.5, 2.0], [6.0, 2.0]])
    # So the diameter is typed, and the picture is the mark's.
    measurement = save(task, liver(version.mark.key, diameter_mm=Decimal(22)))
    assert (measurement.diameter_mm, measurement.instance, measurement.mark) == (22, version.instance, version)


# --- a lesion's measurement, taken from its mark -------------------------------------------------------------------


def test_a_target_takes_its_longest_diameter_and_its_picture_from_the_mark(task: ReadTask) -> None:
    mark = put(task, drawn(task))

    measurement = save(task, liver(mark.mark.key))

    assert (measurement.diameter_mm, measurement.instance, measurement.mark) == (30, mark.instance, mark)


def test_a_node_takes_its_short_axis(task: ReadTask) -> None:
    mark = put(task, drawn(task))

    measurement = save(task, liver(mark.mark.key, organ="LYMPH NODE", nodal=True))

    assert measurement.diameter_mm == 12
    # RECIST 1.1 §3.1.1: a node is a target from 15 mm on.
    (shown,) = blinding.blinded_task(task).lesions
    assert shown.hints == ("short axis is below 15 mm.",)
    assert blinding.marks_of_reads([task], task.blinded_code)[0].hints == shown.hints


def test_a_diameter_typed_beside_a_mark_must_be_the_marks(task: ReadTask) -> None:
    mark = put(task, drawn(task))

    with pytest.raises(InvalidEntry, match=r"31 mm is entered, but its mark measures 30\.?0? mm"):
        save(task, liver(mark.mark.key, diameter_mm=Decimal(31)))

    assert save(task, liver(mark.mark.key, diameter_mm=Decimal("30.00"))).diameter_mm == 30


def test_a_mark_that_does_not_stand_measures_nothing(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    remove_mark(task=task, key=mark.mark.key, expected=1, actor=task.reader, at=AT)

    for key in (mark.mark.key, uuid4()):
        with pytest.raises(InvalidEntry, match="Measure again"):
            save(task, liver(key))


def test_a_mark_says_which_lesion_it_measures(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    save(task, liver(mark.mark.key))

    (shown,) = blinding.marks_of_reads([task], task.blinded_code)

    assert (shown.lesion, shown.label, shown.to_json()["lesion"]) == (
        1,
        "T01",
        {"number": 1, "part": 0, "label": "T01"},
    )


# --- signing -----------------------------------------------------------------------------------------------------


def sign(task: ReadTask, entry: AssessmentEntry | None = None) -> ReadTask:
    return submit_read(task=task, signature=Intent(PASSWORD), actor=task.reader, at=AT, entry=entry)


def test_marks_are_signed_in_patient_space_under_the_names_of_the_archive(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    loose = put(task, drawn(task, ((1, 8, -95),), "point", slice_number=2))
    sign(task, liver(mark.mark.key))

    content = ReadTask.objects.get(pk=task.pk).signed_content()
    assert content["assessment"]["measurements"][0]["mark"] == str(mark.mark.key)  # type: ignore[index]
    assert content["assessment"]["marks"] == [  # type: ignore[index]
        {
            "mark": str(one.mark.key),
            "version": 1,
            "tool": tool,
            "sop_instance_uid": one.instance.sop_instance_uid,
            "frame": 1,
            "points": points,
            "view": VIEW,
            "software": "viewer 1.0",
            "measured": one.measured,
        }
        for one, tool, points in (
            (mark, "bidirectional", [list(p) for p in CROSS]),
            (loose, "point", [[1.0, 8.0, -95.0]]),
        )
    ]
    assert signing.digest(content) == Signature.objects.get(object_type="reading.readtask").content_sha256


def test_a_read_without_marks_is_signed_as_before(task: ReadTask) -> None:
    sign(task, baseline(30))

    assert set(ReadTask.objects.get(pk=task.pk).signed_content()["assessment"]) == {  # type: ignore[arg-type]
        "image_quality",
        "comment",
        "measurements",
        "derivation",
    }


def test_nothing_is_drawn_in_a_signed_read(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    entry = drawn(task)
    sign(task, liver(mark.mark.key))

    with pytest.raises(ReadLocked):
        put(task, entry, mark.mark.key, expected=1)
    with pytest.raises(ReadLocked):
        remove_mark(task=task, key=mark.mark.key, expected=1, actor=task.reader, at=AT)
    assert MarkVersion.objects.count() == 1


def test_a_mark_moved_after_the_draft_was_saved_must_be_saved_before_signing(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    save(task, liver(mark.mark.key))
    put(task, drawn(task, ((0, 8, -100), (25, 8, -100)), "length"), mark.mark.key, expected=1)

    with pytest.raises(IncompleteRead, match="Lesion T01 was measured anew"):
        sign(task)

    entry = liver(mark.mark.key, number=1)
    sign(task, replace(entry, version=1))
    assert Measurement.objects.get().diameter_mm == 25


def test_the_marks_of_a_signed_read_have_other_keys_for_whoever_replays_it(task: ReadTask) -> None:
    mark = put(task, drawn(task))
    sign(task, liver(mark.mark.key))

    own, other = (blinding.marks_of_reads([task], code)[0] for code in (task.blinded_code, "ANOTHER"))

    assert own.points == other.points == CROSS
    assert own.view == other.view == VIEW
    assert own.instance_key == drawn(task).instance
    assert {own.instance_key, own.series_key} & {other.instance_key, other.series_key} == set()
