"""The REST doors of the reading room: own records, made of blinded values alone."""

from __future__ import annotations

import dataclasses

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from compliance.models import AuditEvent, Export, User
from reading import api, api_reviews, blinded
from reading.models import ReadTask
from reading.services.packaging import ENDPOINT_PACKAGE
from reading.states import ReadState
from trials.models import Role

from .conftest import ARM, AT, SERIES_DESCRIPTION, SITE_CODE, SITE_NAME, SUBJECT_CODE, baseline, follow_up

pytestmark = pytest.mark.requirement("REQ-BLI-006")

HIDDEN = (SITE_CODE, SITE_NAME, SUBJECT_CODE, ARM, SERIES_DESCRIPTION, "READ-1", "Week 8", "2.25.", "reader-")


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def task(world, subject) -> ReadTask:
    world.clear("BL", subject)
    return world.task("BL", 1, subject)


@pytest.mark.parametrize(
    ("serializer", "value"),
    [
        (api.SliceSerializer, blinded.BlindedSlice),
        (api.BlindedSeriesSerializer, blinded.BlindedSeries),
        (api.StepSerializer, blinded.BlindedStep),
        (api.DerivedSerializer, blinded.BlindedResponse),
        (api.BlindedTimepointSerializer, blinded.BlindedTimepoint),
        (api.PresetSerializer, blinded.BlindedPreset),
        (api.LesionSerializer, blinded.BlindedLesion),
        (api.BlindedTaskSerializer, blinded.BlindedTask),
        (api.BlindedReadSerializer, blinded.BlindedRead),
        (api.MarkSerializer, blinded.BlindedMark),
        (api.SideSerializer, blinded.BlindedSide),
        (api_reviews.BlindedGlobalReviewSerializer, blinded.BlindedGlobalReview),
        (api.TriggerSerializer, blinded.BlindedTrigger),
        (api.BlindedAdjudicationSerializer, blinded.BlindedAdjudication),
    ],
)
def test_what_leaves_is_what_blinding_lets_out(serializer, value):
    assert list(serializer().fields) == [field.name for field in dataclasses.fields(value)]


def test_a_reader_lists_own_reads_only(world, task):
    other = world.task("BL", 2)
    client = signed_in(task.reader)
    listed = client.get("/api/v1/read-tasks/").json()["results"]
    assert listed == [
        {
            "code": task.blinded_code,
            "case": task.case_code,
            "title": "Timepoint 1",
            "state": "assigned",
            "is_open": True,
            "submitted_at": None,
            "due": None,
        }
    ]
    assert client.get(f"/api/v1/read-tasks/{other.blinded_code}/").status_code == 404


def test_a_read_comes_blinded_and_opening_it_is_recorded(world, subject):
    world.clear("BL", subject)
    world.read("BL", 1, baseline(40, 30), subject)
    world.clear("W8", subject)
    task = world.task("W8", 1, subject)
    answer = signed_in(task.reader).get(f"/api/v1/read-tasks/{task.blinded_code}/")
    sent = answer.content.decode()
    assert [hidden for hidden in HIDDEN if hidden in sent] == []
    told = answer.json()
    assert [lesion["label"] for lesion in told["lesions"]] == ["T01", "T02", "NT03"]
    assert told["lesions"][0]["prior"][0]["diameter_mm"] == "40.00"
    assert ReadTask.objects.get(pk=task.pk).state == ReadState.READING
    assert AuditEvent.objects.filter(action="readtask.open", object_id=str(task.pk)).count() == 1


@pytest.mark.parametrize("address", ["read-tasks", "adjudications", "packages"])
def test_without_the_role_the_door_is_shut(world, address):
    assert signed_in(world.coordinator).get(f"/api/v1/{address}/").status_code == 403


def test_an_adjudicator_gets_two_unnamed_sides(world, subject):
    for code, first, second in (
        ("BL", baseline(40), baseline(40)),
        ("W8", follow_up(40), follow_up(60)),
        ("W16", follow_up(40), follow_up(60)),
    ):
        world.clear(code, subject)
        world.read_by_both(code, first, second)
    client = signed_in(world.people["judge"])
    (row,) = client.get("/api/v1/adjudications/").json()["results"]
    assert row["triggers"][0] == "overall_response"
    answer = client.get(f"/api/v1/adjudications/{row['code']}/")
    sent = answer.content.decode()
    assert [hidden for hidden in HIDDEN if hidden in sent] == []
    told = answer.json()
    assert {told["left"]["best_overall_response"], told["right"]["best_overall_response"]} == {"SD", "PD"}
    assert signed_in(world.people["reader-a"]).get(f"/api/v1/adjudications/{row['code']}/").status_code == 403


def test_agreement_goes_to_those_who_manage_reading(world, task):
    address = f"/api/v1/trials-variability/{world.trial.pk}/"
    manager = world.join("manager", Role.READING_MANAGER)
    told = signed_in(manager).get(address).json()
    assert told["sums"]["pairs"] == []
    assert told["timepoint_responses"]["kappa"]["undefined"] is True
    assert signed_in(task.reader).get(address).status_code == 403


def test_packages_go_to_the_sponsor_of_their_trial(world):
    export = Export.objects.create(
        kind=ENDPOINT_PACKAGE,
        trial_id=world.trial.pk,
        storage_key="none.zip",
        file_name="READ-1.zip",
        sha256="0" * 64,
        size=1,
        manifest={"files": []},
        created_at=AT,
        created_by=world.admin,
    )
    sponsor = signed_in(world.join("sponsor", Role.SPONSOR))
    listed = sponsor.get("/api/v1/packages/").json()["results"]
    assert [(row["id"], row["sha256"]) for row in listed] == [(export.pk, "0" * 64)]
    assert sponsor.get(f"/api/v1/packages/{export.pk}/").status_code == 200
    Export.objects.filter(pk=export.pk).update(trial_id=world.trial.pk + 1)
    assert sponsor.get(f"/api/v1/packages/{export.pk}/download/").status_code == 404


def test_the_schema_describes_every_door(tmp_path):
    call_command("spectacular", file=str(tmp_path / "schema.yml"), validate=True, fail_on_warn=True)
