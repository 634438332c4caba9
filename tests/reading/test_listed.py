"""The small pictures in a reader's list of reads: whose they are, what they tell, what they cost."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from compliance import standing
from compliance.models import AuditEvent
from imaging.models import ImagingStudy, Instance, Series
from imaging.states import OriginalState
from reading.models import ReadTask
from reading.services.assessing import open_task
from reading.states import ReadState
from tests.reading.conftest import AT, World, a_picture, baseline
from trials.models import Role, Subject, Timepoint
from trials.services import setting_up
from trials.states import QcState

pytestmark = pytest.mark.django_db


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    world.clear("BL", subject)
    return world.task("BL", 1, subject)


def pictures_of(client: Client) -> list[str]:
    page = client.get(reverse("reading:worklist")).content.decode()
    return [src.replace("&amp;", "&") for src in re.findall(r'<img class="px-thumb" src="([^"]+)"', page)]


def test_each_read_that_may_be_opened_has_a_picture_beside_it(world: World, task: ReadTask) -> None:
    other = world.enrol("SUBJ-0001")
    world.clear("BL", other)
    mine = next(t for t in ReadTask.objects.filter(timepoint__subject=other) if t.reader == task.reader)

    client = signed_in(task.reader)

    addresses = pictures_of(client)
    assert {a.split("/")[3] for a in addresses} == {task.blinded_code, mine.blinded_code}
    for address in addresses:
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
        assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
        assert Image.open(io.BytesIO(answer.content)).size == (8, 8)


def test_a_picture_takes_its_place_before_it_is_there_and_tells_the_code_alone(task: ReadTask) -> None:
    page = signed_in(task.reader).get(reverse("reading:worklist")).content.decode()
    (image,) = re.findall(r'<img class="px-thumb"[^>]*>', page)
    assert 'loading="lazy" decoding="async" width="48" height="48"' in image
    assert f'alt="Picture of read {task.blinded_code}"' in image


def test_looking_at_the_list_opens_no_read_and_the_look_is_on_record(task: ReadTask) -> None:
    client = signed_in(task.reader)
    for address in pictures_of(client) * 2:
        client.get(address)

    assert ReadTask.objects.get(pk=task.pk).state == ReadState.ASSIGNED
    (viewed,) = AuditEvent.objects.filter(action="series.viewed")
    assert (viewed.actor, viewed.after["read"]) == (task.reader, task.blinded_code)


def test_another_reader_gets_other_addresses_and_none_of_these(world: World, task: ReadTask) -> None:
    other = world.task("BL", 2)
    mine, theirs = pictures_of(signed_in(task.reader)), pictures_of(signed_in(other.reader))

    assert len(mine) == len(theirs) == 1
    assert mine[0].rpartition("=")[2] != theirs[0].rpartition("=")[2]
    assert signed_in(other.reader).get(mine[0]).status_code == 404
    key = mine[0].split("/")[5]
    wrong = reverse("reading:task_thumbnail", args=(other.blinded_code, key))
    assert signed_in(other.reader).get(wrong).status_code == 404


def test_before_a_read_is_opened_nothing_but_small_pictures_of_it_is_shown(task: ReadTask) -> None:
    client = signed_in(task.reader)
    (address,) = pictures_of(client)
    whole = address.partition("thumbnail")[0] + "frames/1/"
    assert client.get(f"{whole}pixels").status_code == 409
    assert client.get(f"{whole}rendered").status_code == 409


def test_reads_on_hold_and_signed_ones_have_no_picture(world: World, task: ReadTask, subject: Subject) -> None:
    client = signed_in(task.reader)
    (address,) = pictures_of(client)
    Timepoint.objects.filter(pk=task.timepoint_id).update(qc_state=QcState.AWAITING)
    assert pictures_of(client) == []
    assert client.get(address).status_code == 409
    Timepoint.objects.filter(pk=task.timepoint_id).update(qc_state=QcState.CLEARED)
    world.read("BL", 1, baseline(40), subject)
    assert pictures_of(client) == []


def test_the_picture_is_of_the_first_series_of_the_charter_that_is_shown(world: World, task: ReadTask) -> None:
    (first,) = (series["label"] for series in task.charter.content["series"])
    Series.objects.update(label="")
    (before,) = pictures_of(signed_in(task.reader))
    later = world.receive(task.timepoint, files=[a_picture(90)])
    Series.objects.filter(pk=later.pk).update(label=first)
    Timepoint.objects.filter(pk=task.timepoint_id).update(qc_state=QcState.CLEARED)
    (after,) = pictures_of(signed_in(task.reader))
    assert before.split("/")[5] != after.split("/")[5]
    Series.objects.filter(pk=later.pk).update(for_reading=False)
    (again,) = pictures_of(signed_in(task.reader))
    assert again.split("/")[5] == before.split("/")[5]


def test_the_address_changes_with_the_images_of_the_series(task: ReadTask) -> None:
    client = signed_in(task.reader)
    (before,) = pictures_of(client)
    client.get(before)
    assert pictures_of(client) == [before]
    Instance.objects.filter(pk=Instance.objects.latest("pk").pk).update(stored_state=OriginalState.GONE)
    (after,) = pictures_of(client)
    assert before.partition("?")[0] == after.partition("?")[0]
    assert before != after


def test_a_picture_of_the_list_costs_two_questions(task: ReadTask, django_assert_num_queries: Any) -> None:
    client = signed_in(task.reader)
    for _ in range(2):  # the session was renewed, the picture made and the look recorded
        (address,) = pictures_of(client)
        client.get(address)
    pictures_of(client)
    with django_assert_num_queries(2):
        assert client.get(address).status_code == 200


def reader_leaves(world: World, task: ReadTask) -> None:
    membership = world.trial.memberships.get(user=task.reader, role=Role.READER)
    setting_up.end_membership(membership=membership, actor=world.admin, at=AT, reason="Left")


def read_is_withdrawn(world: World, task: ReadTask) -> None:
    ReadTask.every.filter(pk=task.pk).update(state=ReadState.WITHDRAWN)


def read_is_given_to_another(world: World, task: ReadTask) -> None:
    other = next(world.people[name] for name in ("reader-a", "reader-b") if world.people[name] != task.reader)
    ReadTask.every.filter(pk=task.pk).update(reader=other)


def images_are_with_quality_control(world: World, task: ReadTask) -> None:
    Timepoint.objects.filter(pk=task.timepoint_id).update(qc_state=QcState.AWAITING)


def series_is_not_read(world: World, task: ReadTask) -> None:
    Series.objects.update(for_reading=False)


def series_is_placed_elsewhere(world: World, task: ReadTask) -> None:
    ImagingStudy.objects.update(timepoint=world.timepoint("W8"))


def images_are_erased(world: World, task: ReadTask) -> None:
    Instance.objects.update(stored_state=OriginalState.GONE)


@pytest.mark.parametrize(
    "change",
    [
        reader_leaves,
        read_is_withdrawn,
        read_is_given_to_another,
        images_are_with_quality_control,
        series_is_not_read,
        series_is_placed_elsewhere,
        images_are_erased,
    ],
)
def test_from_the_next_request_on_no_picture_comes_of_what_may_not_be_seen_any_more(
    world: World, task: ReadTask, change: Any
) -> None:
    client = signed_in(task.reader)
    for _ in range(2):
        (address,) = pictures_of(client)
        assert client.get(address).status_code == 200

    change(world, task)

    assert client.get(address).status_code in (404, 409)


def test_a_long_list_asks_no_more_questions_than_a_short_one(world: World, task: ReadTask) -> None:
    def asked() -> int:
        client.get(reverse("reading:worklist"))
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("reading:worklist"))
        return len(seen)

    client = signed_in(task.reader)

    short = asked()
    for n in range(3):
        world.clear("BL", world.enrol(f"SUBJ-000{n}"))
    assert asked() == short


def test_a_reader_who_has_not_qualified_for_a_read_is_shown_nothing_of_it(
    task: ReadTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(task.reader)
    (address,) = pictures_of(client)
    standing.forget()
    assert client.get(address).status_code == 200
    monkeypatch.setattr("reading.blinding.listed.is_open_to", lambda task, at: False)
    assert client.get(address).status_code == 409
    monkeypatch.setattr("reading.views.trials_closed_to", lambda reader, at: {task.timepoint.subject.trial_id})
    assert pictures_of(client) == []


def test_a_read_that_was_opened_keeps_its_picture(task: ReadTask) -> None:
    open_task(task=task, actor=task.reader, at=AT)
    client = signed_in(task.reader)
    (address,) = pictures_of(client)
    assert client.get(address).status_code == 200
