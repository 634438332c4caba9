"""What the page of a read tells its viewer of layouts, and where links and painted regions are kept."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from reading.models import ReadTask
from reading.services.assessing import open_task
from tests.reading.conftest import AT, World, baseline
from trials.charter import RECIST_TEMPLATE
from trials.models import Role, Subject

pytestmark = pytest.mark.django_db

CT = RECIST_TEMPLATE["series"][0]["label"]


@pytest.fixture
def subject(world: World) -> Subject:
    world.amend(hanging=RECIST_TEMPLATE["hanging"])
    return world.enrol()


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    return open_task(task=task, actor=task.reader, at=AT)


@pytest.fixture
def reader(task: ReadTask) -> Client:
    client = Client()
    client.force_login(task.reader)
    return client


def told(client: Client, task: ReadTask) -> dict:
    page = client.get(reverse("reading:task", args=(task.blinded_code,))).content.decode()
    return json.loads(re.search(r'<script id="stage" type="application/json">(.*?)</script>', page)[1])


def put(client: Client, address: str, body: object, **headers: str):
    return client.put(address, json.dumps(body), content_type="application/json", headers=headers)


def test_a_baseline_opens_as_the_charter_says_and_a_follow_up_beside_the_previous(world, subject, task, reader):
    stage = told(reader, task)
    assert (stage["windows_locked"], stage["tools"]) == (True, ["length", "bidirectional", "ellipse", "angle", "point"])
    assert [one["name"] for one in stage["hangings"]] == ["One picture", "Three planes"]
    assert stage["hanging"] == stage["hangings"][0]
    assert [cell["series"] for cell in stage["hanging"]["cells"]] == [CT]

    world.read("BL", 1, baseline(40), subject)
    world.clear("W8", subject)
    later = told(reader, world.task("W8", 1, subject))
    cells = [(c["series"], c["timepoint"], c["plane"], c["preset"]) for c in later["hanging"]["cells"]]
    assert cells == [(CT, "previous", "stack", "Soft tissue"), (CT, "present", "stack", "Soft tissue")]
    assert later["hanging"]["layout"] == "1x2"


def test_a_place_that_a_hanging_leaves_out_is_empty(world, subject):
    cells = [{"place": 2, "series": CT}]
    world.amend(hanging=[{"name": "Right", "layout": "1x2", "cells": cells}], tools=["brush"], windows_locked=False)
    other = world.enrol("SUBJ-5353")
    world.clear("BL", other)
    task = world.task("BL", 1, other)
    open_task(task=task, actor=task.reader, at=AT)
    client = Client()
    client.force_login(task.reader)
    stage = told(client, task)
    assert [cell and cell["series"] for cell in stage["hanging"]["cells"]] == [None, CT]
    assert (stage["tools"], stage["windows_locked"]) == (["brush"], False)


def test_links_are_stored_with_the_version_they_start_from(task, reader):
    address = reverse("reading:task_links", args=(task.blinded_code,))
    assert reader.get(address).json() == {"version": 0, "links": []}
    assert put(reader, address, {"links": []}).status_code == 428
    assert put(reader, address, {"links": "all"}, If_None_Match="*").status_code == 422
    stored = put(reader, address, {"links": []}, If_None_Match="*")
    assert (stored.status_code, stored["ETag"], stored.json()) == (200, '"1"', {"version": 1, "links": []})
    stage = told(reader, task)
    assert (stage["links_url"], stage["segments_url"]) == (
        address,
        reverse("reading:task_segments", args=(task.blinded_code,)),
    )


def test_a_region_is_stored_and_listed_and_a_stale_one_is_answered_with_what_stands(task, reader):
    series = told(reader, task)["timepoints"][0]["series"][0]
    address = reverse("reading:task_segments", args=(task.blinded_code,))
    key = str(uuid4())
    body = {"series": series["key"], "lesion": None, "slices": [[series["slices"][0][0], 1, [3, 5]]], "software": "v"}
    first = put(reader, f"{address}{key}/", body, If_None_Match="*")
    assert (first.status_code, first["ETag"], first.json()["segment"]["voxels"]) == (200, '"1"', 5)
    second = put(reader, f"{address}{key}/", {**body, "slices": []}, If_Match='"1"')
    stale = put(reader, f"{address}{key}/", body, If_Match='"1"')
    assert (second.json()["segment"]["version"], stale.status_code) == (2, 409)
    assert stale.json()["code"] == "stale_segment"
    assert stale.json()["segment"] == second.json()["segment"] == reader.get(address).json()["segments"][0]


def test_a_signed_read_takes_no_region_and_no_link(world, subject, task, reader):
    world.read("BL", 1, baseline(40), subject)
    base = reverse("reading:task_segments", args=(task.blinded_code,))
    refused = put(reader, f"{base}{uuid4()}/", {"series": "x", "slices": []}, If_None_Match="*")
    links = put(reader, reverse("reading:task_links", args=(task.blinded_code,)), {"links": []}, If_None_Match="*")
    for answer in (refused, links):
        assert answer.status_code == 409


def test_a_replay_shows_what_was_painted_and_linked_when_the_read_was_signed(world, subject, task, reader):
    series = told(reader, task)["timepoints"][0]["series"][0]
    key, address = str(uuid4()), reverse("reading:task_segments", args=(task.blinded_code,))
    slices = [[series["slices"][0][0], 1, [3, 5]]]
    put(reader, f"{address}{key}/", {"series": series["key"], "slices": slices, "software": "v"}, If_None_Match="*")
    world.read("BL", 1, baseline(40), subject)
    auditor = Client()
    auditor.force_login(world.join("auditor", Role.AUDITOR))
    page = auditor.get(reverse("reading:replay", args=(task.blinded_code,))).content.decode()
    stage = json.loads(re.search(r'<script id="stage" type="application/json">(.*?)</script>', page)[1])
    assert stage["links"] == []
    assert stage["segments"] == [
        {
            "key": key,
            "version": 1,
            "series": series["key"],
            "lesion": None,
            "slices": slices,
            "voxels": 5,
            "volume_ml": None,
            "software": "v",
            "removed": False,
        }
    ]
