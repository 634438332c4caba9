"""An auditor walks from any value of the endpoint back to the upload, and has the signatures on the way verified."""

from __future__ import annotations

import pytest
from django.test import Client

from compliance.models import AuditEvent, Signature
from imaging.models import ReceivedInstance
from reading.models import ReadTask
from tests.reading.test_views import signed_in, url, words
from tests.support.disarmed import disarm
from trials.models import Role, Subject

from .conftest import World, baseline, follow_up

pytestmark = pytest.mark.requirement("REQ-SIG-030")


@pytest.fixture
def auditor(world: World) -> Client:
    return signed_in(world.join("auditor", Role.AUDITOR))


@pytest.fixture
def read(world: World, subject: Subject) -> Subject:
    """Baseline and Week 8, read by both, who agree."""
    for code, entry in (("BL", baseline(40, 30)), ("W8", follow_up(20, 10))):
        world.clear(code, subject)
        world.read_by_both(code, entry, subject=subject)
    return subject


def test_the_values_of_a_subject_open_each_its_way_back(auditor: Client, world: World, read: Subject) -> None:
    page = auditor.get(url("values", read.pk))
    week = world.timepoint("W8", read)
    assert words(page).count("PR") >= 2
    for slot in (1, 2):
        assert f'href="{url("walk", week.pk, slot)}"' in page.content.decode()
    assert AuditEvent.objects.get(action="results.viewed").after == {"report": "endpoint values"}


def test_a_walk_passes_rules_reads_and_checks_and_ends_at_the_bytes_that_came(
    auditor: Client, world: World, read: Subject
) -> None:
    week = world.timepoint("W8", read)
    ReceivedInstance.objects.filter(archived_as__series__imaging_study__timepoint=week).update(file_sha256="ab" * 32)
    page = auditor.get(url("walk", week.pk, 1))
    names = [station.name for station in page.context["stations"]]
    first, second = ReadTask.objects.filter(timepoint=week).order_by("slot")
    assert names == [
        "Value",
        "Derivation",
        f"Read {first.blinded_code}",
        f"Read {second.blinded_code}",
        "Quality control",
        "De-identification",
        "Transfer form",
        "Raw upload",
        "Charter version 1",
    ]
    assert page.content.decode().count("ab" * 32) == 2
    signed = [one for station in page.context["stations"] for one in station.signatures]
    assert [one.fault for one in signed] == ["", "", ""]
    assert "rules applied" in words(page) or "rule applied" in words(page)


def test_a_signature_that_does_not_hold_is_named_where_it_stands(auditor: Client, world: World, read: Subject) -> None:
    week = world.timepoint("W8", read)
    task = ReadTask.objects.get(timepoint=week, slot=1)
    disarm()
    Signature.objects.filter(object_type="reading.readtask", object_id=str(task.pk)).update(
        printed_name="Somebody Else"
    )
    stations = auditor.get(url("walk", week.pk, 1)).context["stations"]
    faults = {station.name: [one.fault for one in station.signatures] for station in stations}
    assert "printed name" in faults[f"Read {task.blinded_code}"][0]

    assert auditor.post(url("walk", week.pk, 1)).status_code == 302
    event = AuditEvent.objects.get(action="signatures.verified")
    assert (event.after["signatures"], event.after["faults"]) == (3, 1)
    assert "do not hold" in words(auditor.get(url("walk", week.pk, 1)))


def test_nobody_walks_where_nobody_signed(auditor: Client, world: World, subject: Subject) -> None:
    world.clear("BL", subject)
    assert auditor.get(url("walk", world.timepoint("BL", subject).pk, 1)).status_code == 404


def test_an_auditor_verifies_every_signature_of_the_trial_and_it_is_recorded(
    auditor: Client, world: World, read: Subject
) -> None:
    address = f"/trials/{world.trial.pk}/signatures/"
    assert "Not verified here yet" in words(auditor.get(address))
    auditor.post(address)
    page = auditor.get(address)
    event = AuditEvent.objects.get(action="signatures.verified")
    assert event.object_type == "trials.trial"
    assert event.after["faults"] == 0
    assert event.after["signatures"] == len(page.context["rows"]) >= 5
    assert "verified, all hold" in words(page)


def test_a_signature_that_was_removed_is_missed(auditor: Client, world: World, read: Subject) -> None:
    disarm()
    last = Signature.objects.filter(object_type="reading.readtask").order_by("-pk")[0]
    number, _ = last.pk, last.delete()
    auditor.post(f"/trials/{world.trial.pk}/signatures/")
    event = AuditEvent.objects.get(action="signatures.verified")
    assert event.after["faults"] == 1
    assert f"Signature {number}: " in event.after["first"][0]
