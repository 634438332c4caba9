"""The values of a read's pictures leave under keys of the read, to its reader, and are kept by that browser alone."""

from __future__ import annotations

import io
import uuid
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from compliance import storage
from compliance.models import AuditEvent
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, SeriesDisplay
from imaging.states import OriginalState
from reading import blinding
from reading.models import ReadTask
from reading.services.assessing import open_task
from reading.states import ReadState
from tests.factories.volumes import SUV_FACTOR, archived, pet_slices
from tests.reading.conftest import AT, World
from trials.models import Role, Subject
from trials.services import setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-015")]


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    world.clear("BL")
    task = world.task("BL", 1)
    return open_task(task=task, actor=task.reader, at=AT)


@pytest.fixture
def reader(task: ReadTask) -> Client:
    return signed_in(task.reader)


def key_of(task: ReadTask) -> str:
    return blinding.blinded_task(task).series[0].key


def pixels(task: ReadTask, key: str, n: int) -> str:
    return reverse("reading:task_pixels", args=(task.blinded_code, key, n))


def test_the_values_of_a_picture_leave_as_they_are_stored(task: ReadTask, reader: Client) -> None:
    answer = reader.get(pixels(task, key_of(task), 1))

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/octet-stream")
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["Vary"] == "Cookie"
    assert np.frombuffer(answer.content, "<i2").tolist() == [40] * 64


def test_a_part_is_sent_and_what_the_browser_has_is_not(task: ReadTask, reader: Client) -> None:
    address = pixels(task, key_of(task), 1)
    part = reader.get(address, headers={"Range": "bytes=2-5"})
    again = reader.get(address, headers={"If-None-Match": part["ETag"]})

    assert (part.status_code, part.content, part["Content-Range"]) == (206, b"\x28\x00\x28\x00", "bytes 2-5/128")
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("n", [0, 3])
def test_there_are_no_other_pictures(task: ReadTask, reader: Client, n: int) -> None:
    assert reader.get(pixels(task, key_of(task), n)).status_code == 404


@pytest.mark.requirement("REQ-BLI-004")
def test_a_key_of_another_task_opens_nothing_and_shares_no_tag(world: World, task: ReadTask, reader: Client) -> None:
    other = world.task("BL", 2)
    open_task(task=other, actor=other.reader, at=AT)
    theirs = signed_in(other.reader).get(pixels(other, key_of(other), 1))
    mine = reader.get(pixels(task, key_of(task), 1))

    assert reader.get(pixels(task, key_of(other), 1)).status_code == 404
    assert reader.get(pixels(other, key_of(other), 1)).status_code == 404
    assert theirs.content == mine.content
    assert theirs["ETag"] != mine["ETag"]


def test_a_frame_costs_one_question_however_many_there_are(
    task: ReadTask, reader: Client, django_assert_num_queries: Any
) -> None:
    key = key_of(task)
    for n in (1, 2):  # decided in full, once before and once after the session was renewed
        reader.get(pixels(task, key, n))
    for n in (1, 2):
        with django_assert_num_queries(1):
            assert reader.get(pixels(task, key, n)).status_code == 200


def reader_leaves(world: World, task: ReadTask) -> None:
    membership = world.trial.memberships.get(user=task.reader, role=Role.READER)
    setting_up.end_membership(membership=membership, actor=world.admin, at=AT, reason="Left")


def read_is_withdrawn(world: World, task: ReadTask) -> None:
    ReadTask.every.filter(pk=task.pk).update(state=ReadState.WITHDRAWN)


def read_is_given_to_another(world: World, task: ReadTask) -> None:
    other = next(world.people[name] for name in ("reader-a", "reader-b") if world.people[name] != task.reader)
    ReadTask.every.filter(pk=task.pk).update(reader=other)


def series_is_not_read(world: World, task: ReadTask) -> None:
    Series.objects.update(for_reading=False)


def series_is_placed_elsewhere(world: World, task: ReadTask) -> None:
    ImagingStudy.objects.update(timepoint=world.timepoint("W8"))


def images_are_erased(world: World, task: ReadTask) -> None:
    storage.remove(storage.ARCHIVE, Instance.objects.values_list("archive_key", flat=True))
    Instance.objects.update(stored_state=OriginalState.GONE)


@pytest.mark.parametrize(
    "change",
    [
        reader_leaves,
        read_is_withdrawn,
        read_is_given_to_another,
        series_is_not_read,
        series_is_placed_elsewhere,
        images_are_erased,
    ],
)
def test_from_the_next_request_on_nothing_comes_of_what_may_not_be_seen_any_more(
    world: World, task: ReadTask, reader: Client, change: Any
) -> None:
    address = pixels(task, key_of(task), 1)
    tag = [reader.get(address) for _ in range(3)][-1]["ETag"]

    change(world, task)

    for headers in ({}, {"If-None-Match": tag}):
        assert reader.get(address, headers=headers).status_code == 404


def test_a_picture_that_came_later_takes_its_place_in_the_stack(world: World, task: ReadTask, reader: Client) -> None:
    key = key_of(task)
    before = [reader.get(pixels(task, key, n))["ETag"] for n in (1, 2, 1, 2)][2:]
    first = Instance.objects.order_by("position_mm").first()
    assert first is not None
    received = ReceivedInstance.objects.create(
        spool_id=uuid.uuid4(),
        transfer=first.received.transfer,
        received_at=AT,
        size=1,
        file_sha256="",
        state="archived",
    )
    first.pk, first.received, first.sop_instance_uid, first.position_mm = None, received, "2.25.999", -500
    first.save()

    after = [reader.get(pixels(task, key, n))["ETag"] for n in (1, 2, 3)]

    assert after[0] not in before
    assert after[1:] == before


@pytest.mark.requirement("REQ-BLI-007")
def test_the_viewing_is_recorded_once_a_day(task: ReadTask, reader: Client) -> None:
    for n in (1, 2, 1):
        reader.get(pixels(task, key_of(task), n))

    (viewed,) = AuditEvent.objects.filter(action="series.viewed")
    assert (viewed.actor, viewed.after["read"]) == (task.reader, task.blinded_code)


def test_a_thumbnail_is_a_small_picture_without_metadata(task: ReadTask, reader: Client) -> None:
    answer = reader.get(reverse("reading:task_thumbnail", args=(task.blinded_code, key_of(task))))

    picture = Image.open(io.BytesIO(answer.content))
    assert (answer["Content-Type"], picture.format, picture.size, picture.info) == ("image/png", "PNG", (8, 8), {})


def test_headers_are_read_once(task: ReadTask, reader: Client) -> None:
    page = reverse("reading:task", args=(task.blinded_code,))
    reader.get(page)
    display = SeriesDisplay.objects.get()
    reader.get(page)

    assert sorted(display.pictures) == sorted(str(pk) for pk in Instance.objects.values_list("pk", flat=True))
    assert SeriesDisplay.objects.get().version == display.version == 1


def test_a_window_in_uptake_shows_the_same_greys_as_one_in_activity(world: World) -> None:
    windows = [
        {"name": "SUV", "centre": 5 * SUV_FACTOR * 1000, "width": 10 * SUV_FACTOR * 1000, "unit": "SUV"},
        {"name": "Activity", "centre": 5000, "width": 10000},
    ]
    world.amend(window_presets=windows)
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, "PET", pet_slices("2.25.5"))
    world.clear("BL")
    task = world.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)
    pet = next(series for series in blinding.blinded_task(task).series if series.modality == "PT")
    address = reverse("reading:task_frame", args=(task.blinded_code, pet.key, 12))
    shown = [signed_in(task.reader).get(f"{address}?preset={one['name']}").content for one in windows]
    greys = [np.asarray(Image.open(io.BytesIO(png))) for png in shown]
    assert sorted(np.unique(greys[1])) == [0, 51, 255]  # 0, 2 and 20 kBq/ml
    assert np.array_equal(*greys)
