"""An auditor follows a subject from upload to endpoint, and sees each signed read on the images that its reader had."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from django.test import Client

from compliance.models import AuditEvent, Signature
from compliance.signing import Intent
from reading import blinding
from reading.models import Assessment, ReadTask
from reading.selectors_signed import signed_reads
from reading.services import reopening, replaying
from tests.reading.test_views import signed_in, url, words
from trials.models import Role

from .conftest import AT, PASSWORD, baseline, follow_up

pytestmark = pytest.mark.requirement("REQ-REA-012")


@pytest.fixture
def auditor(world) -> Client:
    return signed_in(world.join("auditor", Role.AUDITOR))


@pytest.fixture
def signed(world, subject) -> ReadTask:
    """The first reader's signed read of Week 8, its target measured on the first slice."""
    for code, entry in (("BL", baseline(40, 30, comment="First look")), ("W8", follow_up(52, 30))):
        world.clear(code, subject)
        world.read(code, 1, entry, subject)
    return world.task("W8", 1, subject)


def told(page) -> dict:
    return json.loads(re.search(r'<script id="stage" type="application/json">(.*?)</script>', page.content.decode())[1])


def test_the_timeline_leads_from_the_charter_to_the_signed_reads(auditor, signed, subject):
    page = auditor.get(url("timeline", subject.pk))
    text = words(page)
    titles = [step.title for leg in page.context["road"] for step in leg.steps]
    assert titles[0] == "Charter version 1 signed"
    assert [t for t in titles if "signed" in t and "Read" in t] == [
        f"Read {task.blinded_code} signed" for task in ReadTask.objects.filter(slot=1, state="submitted")
    ]
    assert text.count("As signed") == 2
    assert f'href="{url("replay", signed.blinded_code)}?version=1"' in page.content.decode()


def test_a_replay_shows_what_was_signed_with_the_digest_that_the_signature_names(auditor, signed):
    page = auditor.get(url("replay", signed.blinded_code))
    signature = Signature.objects.get(object_type="reading.readtask", object_id=str(signed.pk))
    assert f"<code data-digest>{signature.content_sha256}</code>" in page.content.decode()
    assert "As signed" in words(page)
    assert [(m.label, m.said) for m in page.context["task"].measurements] == [
        ("T01", "52.0 mm"),
        ("T02", "30.0 mm"),
        ("NT03", "present"),
    ]
    assert f"read by {signed.reader.full_name}, signed" in words(page)


def test_the_images_are_those_of_the_read_and_of_the_readers_own_earlier_ones(auditor, signed):
    stage = told(auditor.get(url("replay", signed.blinded_code)))
    assert [t["title"] for t in stage["timepoints"]] == ["Timepoint 1", "Timepoint 2"]
    key = stage["timepoints"][0]["series"][0]["key"]
    picture = auditor.get(url("replay_frame", signed.blinded_code, key, 1), {"preset": "Lung"})
    assert picture.headers["Content-Type"] == "image/png"
    assert (
        picture.content
        == signed_in(signed.reader).get(url("task_frame", signed.blinded_code, key, 1), {"preset": "Lung"}).content
    )


def test_each_opening_and_each_series_looked_at_is_recorded(auditor, signed):
    stage = told(auditor.get(url("replay", signed.blinded_code)))
    key = stage["timepoints"][1]["series"][0]["key"]
    auditor.get(url("replay_frame", signed.blinded_code, key, 1), {"preset": "Lung"})
    opened = AuditEvent.objects.get(action="readtask.replayed")
    assert (opened.actor_name, opened.object_id) == ("Auditor", str(signed.pk))
    assert opened.after == {"version": 1, "sha256": signed_reads(signed)[0].sha256}
    assert AuditEvent.objects.get(action="series.viewed", actor_name="Auditor").after["read"] == signed.blinded_code


def test_content_that_changed_behind_the_signature_shows(auditor, signed):
    Assessment.objects.filter(task=signed).update(comment="Changed by hand in the database")
    assert "Not what was signed" in words(auditor.get(url("replay", signed.blinded_code)))


def test_a_read_that_was_opened_again_is_replayed_as_it_was_first_signed(world, auditor, signed, subject):
    manager = world.join("manager", Role.READING_MANAGER)
    asked = reopening.ask_reopening(task=signed, reason="A typing error", actor=manager, at=AT)
    reopening.approve_reopening(reopening=asked, signature=Intent(PASSWORD), actor=world.admin, at=AT)
    again = follow_up(25, 30, version=1)
    world.read("W8", 1, again, subject)
    first = auditor.get(url("replay", signed.blinded_code), {"version": "1"})
    assert "52.0 mm" in words(first)
    assert "Set aside" in words(first)
    latest = auditor.get(url("replay", signed.blinded_code))
    assert "25.0 mm" in words(latest)
    assert "52.0 mm" not in words(latest)
    assert words(auditor.get(url("timeline", subject.pk))).count("As signed") == 3


def test_what_is_not_signed_is_replayed_by_nobody(world, auditor, subject):
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    signed_in(task.reader).get(url("task", task.blinded_code))
    assert auditor.get(url("replay", task.blinded_code)).status_code == 404


@pytest.mark.parametrize("version", ["9", "0"])
def test_a_version_that_was_never_signed_does_not_exist(auditor, signed, version):
    assert auditor.get(url("replay", signed.blinded_code), {"version": version}).status_code == 404


def test_readers_managers_and_administrators_have_no_replay(world, signed, subject):
    world.join("manager", Role.READING_MANAGER)
    for name in ("reader-a", "reader-b", "manager"):
        client = signed_in(world.people[name])
        assert client.get(url("replay", signed.blinded_code)).status_code == 404
        assert client.get(url("timeline", subject.pk)).status_code == 404


def test_the_service_asks_for_the_verb_itself(world, signed):
    with pytest.raises(replaying.access.AccessDenied):
        replaying.replay_read(task=signed, number=None, actor=world.people["reader-a"], at=AT)


def test_painted_regions_are_listed_with_their_volume(signed):
    read = signed_reads(signed)[-1]
    painted = [{"lesion": 1, "volume_ml": "12.5", "voxels": 900}, {"lesion": None, "volume_ml": None, "voxels": 40}]
    content = {**read.content, "assessment": {**read.content["assessment"], "segments": painted}}
    shown = blinding.replayed_read(replace(read, content=content))
    assert shown.painted == (("Lesion 1", "12.5 ml"), ("No lesion", "40 voxels"))
