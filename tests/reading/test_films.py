"""Films of a read leave in parts, under keys of the read, to its reader, who is told nothing else of them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from reading import blinding
from reading.models import ReadTask
from reading.services.assessing import open_task
from reading.services.assigning import open_reads
from tests.factories.films import FRAMES, filmed
from tests.reading.conftest import AT, SERIES_DESCRIPTION, SITE_CODE, SUBJECT_CODE, World
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
    """A read of slices of CT and of a film."""
    filmed(world.timepoint("BL"), world.site, "Endoscopy")
    world.clear("BL")
    task = world.task("BL", 1)
    return open_task(task=task, actor=task.reader, at=AT)


def film_of(task: ReadTask) -> str:
    page = signed_in(task.reader).get(reverse("reading:task", args=(task.blinded_code,)))
    (told,) = page.context["stage"]["films"]
    return str(told["url"])


def test_a_film_stands_beside_the_stacks_of_its_read(task: ReadTask) -> None:
    page = signed_in(task.reader).get(reverse("reading:task", args=(task.blinded_code,)))
    stage, text = page.context["stage"], page.content.decode()

    (told,) = stage["films"]
    assert (told["title"], told["label"], told["frames"]) == ("Timepoint 1", "ES series", FRAMES)
    assert [len(one["series"]) for one in stage["timepoints"]] == [1]
    assert f'<video src="{told["url"]}"' in text
    assert "Nothing can be drawn or measured on a film" in text
    assert "media-src 'self'" in page["Content-Security-Policy"]
    assert [word for word in (SITE_CODE, SUBJECT_CODE, SERIES_DESCRIPTION, "Quillbrook") if word in text] == []


def test_its_parts_leave_and_are_kept_by_this_browser_alone(task: ReadTask) -> None:
    client, address = signed_in(task.reader), film_of(task)

    part = client.get(address, headers={"Range": "bytes=4-11"})

    assert (part.status_code, part.content) == (206, b"ftypisom")
    assert part["Content-Type"] == 'video/mp4; codecs="avc1.64000a"'
    assert (part["Cache-Control"], part["Vary"]) == ("private, max-age=31536000, immutable", "Cookie")
    assert client.get(address, headers={"If-None-Match": part["ETag"]}).status_code == 304
    viewed = AuditEvent.objects.filter(action="series.viewed", after__read=task.blinded_code)
    assert viewed.count() == 1


def test_each_part_is_asked_anew_whether_its_reader_may_see_it(world: World, task: ReadTask) -> None:
    client, address = signed_in(task.reader), film_of(task)
    part = client.get(address, headers={"Range": "bytes=0-7"})
    assert part.status_code == 206

    membership = world.trial.memberships.get(user=task.reader, role=Role.READER)
    setting_up.end_membership(membership=membership, actor=world.admin, at=AT, reason="Left")
    for headers in ({"Range": "bytes=8-15"}, {"If-None-Match": part["ETag"]}, {"Range": "bytes=9999999-"}):
        refused = client.get(address, headers=headers)
        assert refused.status_code in (403, 404)
        assert "Content-Range" not in refused
    assert Client().get(address, headers={"Range": "bytes=8-15"}).status_code == 302


def test_another_reader_has_another_address_and_another_tag(world: World, task: ReadTask) -> None:
    other = world.task("BL", 2)
    open_task(task=other, actor=other.reader, at=AT)
    mine, theirs = film_of(task), film_of(other)

    tags = [signed_in(one.reader).get(film_of(one))["ETag"] for one in (task, other)]
    assert mine != theirs
    assert tags[0] != tags[1]
    assert signed_in(other.reader).get(mine).status_code == 404
    key = mine.split("/")[5]
    assert signed_in(other.reader).get(theirs.replace(theirs.split("/")[5], key)).status_code == 404


def test_slices_are_no_film_and_there_is_no_second_one(task: ReadTask) -> None:
    client = signed_in(task.reader)
    ct = next(one for one in blinding.blinded_task(task).series if one.modality == "CT")
    assert client.get(reverse("reading:task_film", args=(task.blinded_code, ct.key, 1))).status_code == 422
    assert client.get(film_of(task).replace("/1/video", "/2/video")).status_code == 404


def test_a_film_counts_as_one_picture_of_its_read(task: ReadTask) -> None:
    film = next(one for one in blinding.blinded_task(task).series if one.modality == "ES")
    assert [(one.n, one.frame) for one in film.slices] == [(1, 1)]


def test_a_film_is_closed_beside_pictures_and_open_alone(world: World, subject: Subject) -> None:
    filmed(world.timepoint("BL"), world.site, "Endoscopy")
    Timepoint.objects.filter(pk=world.timepoint("BL").pk).update(qc_state=QcState.CLEARED)
    open_reads(timepoint=world.timepoint("BL"), at=AT)
    task = open_task(task=world.task("BL", 1), actor=world.task("BL", 1).reader, at=AT)
    address, said = reverse("reading:task", args=(task.blinded_code,)), "<summary>Timepoint 1: ES series, 24 frames"
    alone = signed_in(task.reader).get(address).content.decode()
    assert f'<details class="px-more" open>{said}' in alone

    world.receive(world.timepoint("BL"))
    beside = signed_in(task.reader).get(address).content.decode()
    assert f'<details class="px-more">{said}' in beside
