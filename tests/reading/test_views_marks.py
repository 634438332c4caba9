"""The addresses of marks, as the viewer meets them."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from reading import blinding
from reading.models import MarkVersion, ReadTask
from reading.services.assessing import open_task

from .conftest import AT, World, baseline

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(world: World, subject: object) -> ReadTask:
    """The first reader's baseline, opened; its pictures have no geometry."""
    world.clear("BL")
    task = world.task("BL", 1)
    return open_task(task=task, actor=task.reader, at=AT)


@pytest.fixture
def client(task: ReadTask) -> Client:
    client = Client(headers={"accept": "application/json"})
    client.force_login(task.reader, backend="django.contrib.auth.backends.ModelBackend")
    return client


def drawn(task: ReadTask, **more: object) -> dict[str, object]:
    picture = blinding.blinded_task(task).series[0].slices[0]
    said = {"tool": "length", "instance": picture.instance_key, "frame": 1, "pixel": [[1, 1], [5, 1]]}
    return {**said, "view": {"zoom": 2}, "software": "viewer 1", **more}


def put(client: Client, task: ReadTask, said: object, key: object = None, **headers: str):
    """PUT a mark; a new one unless headers say otherwise."""
    address = reverse("reading:task_mark", args=(task.blinded_code, key or uuid4()))
    body = said if isinstance(said, str) else json.dumps(said)
    return client.put(address, body, content_type="application/json", headers=headers or {"if-none-match": "*"})


def test_a_mark_is_stored_and_listed_with_its_version(task: ReadTask, client: Client) -> None:
    key = uuid4()
    answer = put(client, task, drawn(task), key)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    told = answer.json()["mark"]
    assert (told["key"], told["version"], told["tool"], told["pixel"]) == (str(key), 1, "length", [[1, 1], [5, 1]])
    assert told["view"] == {"zoom": 2}
    listed = client.get(reverse("reading:task_marks", args=(task.blinded_code,))).json()
    assert listed == {"marks": [told], "earlier": []}


def test_a_stale_write_is_answered_with_what_stands(task: ReadTask, client: Client) -> None:
    key = uuid4()
    put(client, task, drawn(task), key)
    second = put(client, task, drawn(task, pixel=[[1, 1], [6, 1]]), key, **{"if-match": '"1"'})
    assert second.json()["mark"]["version"] == 2

    refused = put(client, task, drawn(task, pixel=[[1, 1], [7, 1]]), key, **{"if-match": '"1"'})

    assert refused.status_code == 409
    assert refused.json()["code"] == "stale_mark"
    assert refused.json()["mark"] == second.json()["mark"]


def test_a_mark_is_removed_by_saying_so(task: ReadTask, client: Client) -> None:
    key = uuid4()
    put(client, task, drawn(task), key)

    answer = put(client, task, {"removed": True}, key, **{"if-match": '"1"'})

    assert (answer.json()["mark"]["version"], answer.json()["mark"]["removed"]) == (2, True)
    assert client.get(reverse("reading:task_marks", args=(task.blinded_code,))).json()["marks"] == []


def test_after_the_signature_nothing_is_taken(world: World, task: ReadTask, client: Client) -> None:
    said = drawn(task)
    world.read("BL", 1, baseline(30))

    answer = put(client, task, said)

    assert (answer.status_code, answer.json()["code"]) == (409, "read_locked")
    assert not MarkVersion.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("no JSON", id="no JSON"),
        pytest.param([], id="no object"),
        pytest.param({"tool": "length"}, id="no points"),
        pytest.param({"pixel": [["1", 1], [5, 1]]}, id="a word for a number"),
        pytest.param({"pixel": [[True, 1], [5, 1]]}, id="a truth for a number"),
        pytest.param({"view": {"said": "x" * 5000}}, id="a view that is too long"),
        pytest.param({"frame": "1"}, id="a word for a frame"),
        pytest.param({"tool": "lasso"}, id="an unknown tool"),
    ],
)
def test_what_is_no_mark_is_refused_with_a_sentence(task: ReadTask, client: Client, said: object) -> None:
    whole = {**drawn(task), **said} if isinstance(said, dict) and "tool" not in said else said
    whole = {**drawn(task), "tool": "lasso"} if said == {"tool": "lasso"} else whole

    answer = put(client, task, whole)

    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")


def test_a_mark_is_never_stored_without_the_version_it_started_from(task: ReadTask, client: Client) -> None:
    answer = put(client, task, drawn(task), **{"if-match": "2"})

    assert answer.status_code == 422
    assert not MarkVersion.objects.exists()


def test_the_own_earlier_reads_are_listed_apart(world: World, task: ReadTask, client: Client) -> None:
    put(client, task, drawn(task))
    world.read("BL", 1, baseline(30))
    world.read("BL", 2, baseline(30))
    world.clear("W8")
    later = world.task("W8", 1)
    open_task(task=later, actor=later.reader, at=AT)

    told = client.get(reverse("reading:task_marks", args=(later.blinded_code,))).json()

    assert (told["marks"], [one["tool"] for one in told["earlier"]]) == ([], ["length"])
    # Under the keys of the later read.
    shown = blinding.blinded_task(later).earlier[0].series[0]
    assert (told["earlier"][0]["series"], told["earlier"][0]["instance"]) == (shown.key, shown.slices[0].instance_key)


def test_another_readers_marks_do_not_exist(world: World, task: ReadTask) -> None:
    other = Client(headers={"accept": "application/json"})
    other.force_login(world.task("BL", 2).reader, backend="django.contrib.auth.backends.ModelBackend")

    assert other.get(reverse("reading:task_marks", args=(task.blinded_code,))).status_code == 404
    assert put(other, task, drawn(task)).status_code == 404
