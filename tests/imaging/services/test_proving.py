"""Proof of de-identification: every action by its attribute, never a value, and files by their digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compliance import storage
from compliance.models import User
from imaging.models import ActionList, Instance, ReceivedInstance, Transfer
from imaging.services import originals
from imaging.services.proving import Held, proof_of_transfer, proof_of_trial, report_of_transfer, report_of_trial
from tests.factories import PLANTED, World, make_world, scan
from tests.imaging.captures import CONSOLE, NAME, RECIPE, capture, picture
from tests.imaging.services.delivery import by_scanner
from trials.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-DEI-007")]


def lines(report: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report]


@pytest.fixture
def transfer(world: World) -> Transfer:
    return by_scanner(world, scan("N-001", slices=3))


def test_slices_that_were_treated_alike_share_a_list(transfer: Transfer) -> None:
    assert len({instance.deid_actions_id for instance in Instance.objects.all()}) == 1
    assert ActionList.objects.get().is_intact


def test_each_attribute_is_told_with_its_action(transfer: Transfer) -> None:
    proof = proof_of_transfer(transfer)

    told = {(one.path, one.name, one.word): one.instances for one in proof.treated}
    assert told["(0008,0018)", "SOP Instance UID", "pseudonymous UID"] == 3
    assert told["(0010,0030)", "Patient's Birth Date", "emptied"] == 3
    assert told["(0008,0080)", "Institution Name", "dummy value"] == 3
    assert told["(0008,0020)", "Study Date", "shifted"] == 3
    assert (proof.instances, proof.unproven, proof.damaged, proof.held) == (3, 0, 0, [])
    assert sum(proof.counters.values()) == sum(count * 3 for _, _, count in ActionList.objects.get().actions)


def test_the_recipe_is_named_by_the_charter_that_has_it(transfer: Transfer, world: World) -> None:
    recipe = world.trial.charter_in_force.terms.deidentification  # type: ignore[union-attr]

    (used,) = proof_of_transfer(transfer).recipes
    assert (used.name, list(used.charters), used.instances) == (f"{recipe['identifier']} {recipe['version']}", [1], 3)


def test_a_template_of_a_device_is_told_with_the_images_that_it_was_used_on(own_disk: Path) -> None:
    console, unused = CONSOLE, CONSOLE | {"name": "other", "modality": "US"}
    world = make_world(charter={"deidentification": RECIPE | {"pixels": "blank", "pixel_regions": [console, unused]}})
    transfer = by_scanner(world, [capture(picture((NAME, 25)), number=number) for number in (1, 2)])

    (recipe,) = proof_of_transfer(transfer).recipes
    assert [(used.template.name, used.instances) for used in recipe.devices] == [("console", 2), ("other", 0)]
    head, _, *files = lines(report_of_transfer(transfer))
    assert head["recipes"][0]["pixel_regions"] == [console, unused]
    assert [file["counters"]["template_console"] for file in files] == [1, 1]


def test_what_stayed_in_quarantine_is_counted_by_its_reason(world: World) -> None:
    transfer = by_scanner(
        world, [*scan("N-001", slices=1), *scan("N-001", slices=2, scan_number=2, BurnedInAnnotation="YES")]
    )

    assert proof_of_transfer(transfer).held == [Held("Waits for a look at its pixels", 2)]
    assert proof_of_trial(world.trial).held == [Held("Waits for a look at its pixels", 2)]


def test_the_report_ties_what_came_to_what_is_kept(transfer: Transfer, world: World) -> None:
    head, actions, *files = lines(report_of_transfer(transfer))

    assert (head["format"]["version"], head["files"], head["held"]) == (1, 3, {})
    assert actions == {"actions": ActionList.objects.get().sha256, "did": ActionList.objects.get().actions}
    assert [file["output_sha256"] for file in files] == sorted(file["output_sha256"] for file in files)
    for file in files:
        instance = Instance.objects.get(sha256=file["output_sha256"])
        came = originals.read(instance.received, trial_code=world.trial.code)
        kept = storage.get(storage.ARCHIVE, instance.archive_key)
        assert file["input_sha256"] == hashlib.sha256(came).hexdigest()
        assert instance.sha256 == hashlib.sha256(kept).hexdigest()
        assert (file["actions"], file["recipe_sha256"]) == (actions["actions"], head["recipes"][0]["sha256"])


def test_no_value_of_a_header_is_in_the_report(transfer: Transfer, world: World) -> None:
    text = "".join([*report_of_transfer(transfer), *report_of_trial(world.trial)])

    assert "(0010,0010)" in text
    assert [value for value in PLANTED.values() if value in text] == []


def test_a_delivery_is_proven_apart_from_the_trials_others(transfer: Transfer, world: World) -> None:
    other = by_scanner(world, scan("N-001", slices=2, scan_number=2, day=57))

    assert [proof_of_transfer(one).instances for one in (transfer, other)] == [3, 2]
    assert proof_of_trial(world.trial).instances == 5
    assert len(lines(report_of_trial(world.trial))) == 1 + ActionList.objects.count() + 5


def test_a_changed_list_shows(transfer: Transfer) -> None:
    changed = ActionList.objects.get()
    ActionList.objects.filter(pk=changed.pk).update(actions=changed.actions[1:])

    assert proof_of_transfer(transfer).damaged == 1


def test_images_from_before_the_record_are_said_to_be_unproven(transfer: Transfer) -> None:
    Instance.objects.filter(pk=Instance.objects.earliest("pk").pk).update(deid_actions=None)

    proof = proof_of_transfer(transfer)
    assert (proof.instances, proof.unproven) == (3, 1)


def test_nothing_archived_is_nothing_proven(world: World) -> None:
    proof = proof_of_trial(world.trial)

    assert (proof.instances, list(proof.treated), list(proof.recipes)) == (0, [], [])
    assert not ReceivedInstance.objects.exists()


@pytest.mark.parametrize("who", ["coordinator", "auditor"])
def test_the_pages_show_it(who: str, transfer: Transfer, world: World, client: Client) -> None:
    person: User = world.coordinator if who == "coordinator" else world.people[Role.AUDITOR]
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")

    page = client.get(f"/imaging/transfers/{transfer.public_id}/deidentification/")
    report = client.get(f"/imaging/transfers/{transfer.public_id}/deidentification/report/")
    of_trial = client.get(f"/imaging/trials/{world.trial.pk}/deidentification/")

    assert (page.status_code, of_trial.status_code) == (200, 200 if who == "auditor" else 403)
    assert "Institution Name" in page.content.decode()
    assert report["Content-Disposition"].endswith('-deidentification.jsonl"')
    assert len(b"".join(report.streaming_content).splitlines()) == 5  # type: ignore[attr-defined]
