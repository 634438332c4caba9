"""Copies for viewers: the same values, made in the background, gone with the images, and never relied on."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

import numpy as np
import openjpeg
import pydicom.data
import pytest
from django.db import transaction
from pydicom import dcmread

from compliance import jobs, storage
from compliance.models import Job
from imaging.display import htj2k
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, SeriesDisplay, Transfer
from imaging.services import copying, displaying
from tests.factories.world import AT, World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-REA-015")]
GENUINE = Path(pydicom.data.__file__).parent / "test_files"


@pytest.fixture
def world() -> World:
    return make_world()


def archive(world: World, *names: str) -> Series:
    """A series of genuine files at the first subject's baseline."""
    timepoint = world.timepoint("N-001", "BL")
    study = ImagingStudy.objects.create(trial=world.trial, timepoint=timepoint, study_instance_uid="2.25.1")
    series = Series.objects.create(imaging_study=study, series_instance_uid="2.25.2", modality="CT", for_reading=True)
    for number, name in enumerate(names, 1):
        add(world, series, name, number)
    return series


def add(world: World, series: Series, name: str, number: int, *, at: dt.datetime = AT) -> None:
    """Archive a genuine file as one more of a series."""
    content, header = (GENUINE / name).read_bytes(), dcmread(GENUINE / name, stop_before_pixels=True)
    transfer = Transfer.objects.create(site=world.north, door="web", sender="someone", opened_at=at)
    received = ReceivedInstance.objects.create(
        spool_id=uuid.uuid4(), transfer=transfer, received_at=at, size=1, file_sha256="", state="archived"
    )
    key = f"test/{uuid.uuid4()}.dcm"
    Instance.objects.create(
        series=series,
        received=received,
        trial=world.trial,
        sop_instance_uid=f"2.25.3{number}",
        sop_class_uid=header.SOPClassUID,
        number=number,
        position_mm=float(number),
        rows=header.Rows,
        columns=header.Columns,
        frames=int(header.get("NumberOfFrames") or 1),
        archive_key=key,
        sha256=storage.put(storage.ARCHIVE, key, content),
        size=len(content),
        recipe_sha256="",
    )


def prepared(series: Series) -> displaying.Plan:
    copying.prepare(series_id=series.pk, at=AT)
    return displaying.plan_of(series)


@pytest.mark.requires_tool("ojph_compress")
def test_copies_hold_the_values_of_the_archive(world: World) -> None:
    series = archive(world, "CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_rle_2frame.dcm")
    plan = prepared(series)

    assert [place.kind for place in plan.places] == [htj2k.MEDIA_TYPE] * 4
    for place in plan.places:
        frame = displaying.frame_of(place)
        values = openjpeg.decode(frame.content)
        assert frame.content_type == "image/jphc"
        assert values.tobytes() == displaying.original_frame_of(place).content


def test_without_an_encoder_what_was_compressed_is_copied_as_it_decodes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(htj2k, "_PROGRAM", "no-such-program")
    plan = prepared(archive(world, "CT_small.dcm", "MR_small_RLE.dcm"))

    plain, compressed = plan.places
    assert plain.copy is None
    assert compressed.copy is not None
    expected = dcmread(GENUINE / "MR_small_RLE.dcm").pixel_array.astype("<i2").tobytes()
    assert displaying.frame_of(compressed) == (expected, "application/octet-stream")


def test_values_that_are_not_encoded_are_taken_from_the_archive(world: World) -> None:
    plan = prepared(archive(world, "rtdose.dcm"))
    assert {place.kind for place in plan.places} == {"application/octet-stream"}
    values = np.frombuffer(displaying.frame_of(plan.places[3]).content, "<u4")
    assert np.array_equal(values.reshape(10, 10), dcmread(GENUINE / "rtdose.dcm").pixel_array[3])


@pytest.mark.requires_tool("ojph_compress")
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_copy_that_is_not_what_was_written_is_not_shown(world: World, damage: str) -> None:
    series = archive(world, "CT_small.dcm")
    (place,) = prepared(series).places
    content = storage.get(storage.DISPLAY, place.copy.key)
    storage.remove(storage.DISPLAY, [place.copy.key])
    if damage == "changed":
        storage.put(storage.DISPLAY, place.copy.key, content[:-1] + bytes([content[-1] ^ 1]))

    assert displaying.frame_of(place) == displaying.original_frame_of(place)


@pytest.mark.requires_tool("ojph_compress")
def test_a_long_series_is_copied_step_by_step_and_a_second_run_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_FRAMES", 1)
    series = archive(world, "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm")
    copying.prepare(series_id=series.pk, at=AT)
    assert len(SeriesDisplay.objects.get().copies) == 1
    while jobs.drain():
        pass
    display = SeriesDisplay.objects.get()

    copying.prepare(series_id=series.pk, at=AT)

    assert len(display.copies) == 3
    assert SeriesDisplay.objects.get().version == display.version
    assert display.thumbnail[:4] == b"\x89PNG"


def asked_for(at: dt.datetime) -> list[int]:
    Job.objects.all().delete()
    copying.sweep(at=at)
    return [job.args["series_id"] for job in Job.objects.filter(kind=copying.PREPARE)]


def test_a_series_is_prepared_when_nothing_more_of_it_comes_and_once(world: World) -> None:
    series = archive(world, "CT_small.dcm")
    assert asked_for(AT + dt.timedelta(seconds=19)) == []
    assert asked_for(AT + dt.timedelta(seconds=21)) == [series.pk]
    prepared(series)
    assert asked_for(AT + dt.timedelta(minutes=5)) == []

    add(world, series, "MR_small.dcm", 2, at=AT + dt.timedelta(hours=1))

    assert asked_for(AT + dt.timedelta(hours=2)) == [series.pk]
    prepared(series)
    assert len(SeriesDisplay.objects.get().copies) == 2


@pytest.mark.requires_tool("ojph_compress")
def test_copies_go_with_the_images(world: World) -> None:
    series = archive(world, "CT_small.dcm")
    (place,) = prepared(series).places
    assert storage.of(storage.DISPLAY).exists(place.copy.key)

    copying.remove(list(series.instances.all()))

    assert not storage.of(storage.DISPLAY).exists(place.copy.key)
    assert not SeriesDisplay.objects.exists()


def test_a_picture_that_cannot_be_read_has_no_copy_and_holds_up_no_other(world: World) -> None:
    series = archive(world, "CT_small.dcm", "MR_small.dcm")
    broken = series.instances.get(number=1)
    storage.remove(storage.ARCHIVE, [broken.archive_key])
    storage.put(storage.ARCHIVE, broken.archive_key, b"no picture")
    prepared(series)

    display = SeriesDisplay.objects.get()
    assert display.pictures[str(broken.pk)] is None
    assert display.copies[str(broken.pk)] is None
    assert len(display.copies) == 2


def test_a_series_that_takes_the_number_of_one_that_was_undone_has_a_plan_of_its_own(world: World) -> None:
    shown = []
    for name in ("CT_small.dcm", "MR_small.dcm"):
        with transaction.atomic():
            series = archive(world, name)
            displaying.facts_of(series, list(series.instances.all()))
            (place,) = displaying.plan_of(series).places
            shown.append((place.archive_key, series.instances.get().archive_key))
            transaction.set_rollback(True)

    assert [seen for seen, _ in shown] == [held for _, held in shown]
