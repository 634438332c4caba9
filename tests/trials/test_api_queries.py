"""Queries are raised, discussed and closed, and charters reviewed, by a program as by a person."""

from __future__ import annotations

import pytest

from compliance import signing
from compliance.models import Signature
from tests.factories import AT, PASSWORD
from tests.trials.test_api import rows, send
from trials.models import Query, Role
from trials.services import setting_up

pytestmark = pytest.mark.django_db


def ask(world, status=201, user=None, **changes):
    timepoint = f"trials.timepoint:{world.timepoint('N-001', 'BL').pk}"
    asked = {"about": [timepoint], "title": "Slices missing", "text": "Please send them.", **changes}
    return send(user or world.analyst, "queries/", status, **asked)


def test_a_query_goes_its_whole_way(world):
    (query,) = ask(world)
    path = f"queries/{query['id']}/"
    assert (query["about_label"], query["state"], query["site"]) == ("N-001 BL", "open", world.north.pk)
    send(world.coordinator, f"{path}comment/", 200, text="We look for them.")
    assert send(world.coordinator, f"{path}answer/", 200, text="Sent.")["state"] == "answered"
    assert send(world.analyst, f"{path}close/", 200, text="")["state"] == "closed"
    again = send(world.analyst, f"{path}reopen/", 200, text="Slice 7 is still missing.")
    assert (again["state"], again["closed_at"]) == ("open", None)
    assert [(one["author"], one["text"]) for one in again["messages"]] == [
        ("qc-analyst", "Please send them."),
        ("site-coordinator", "We look for them."),
        ("site-coordinator", "Sent."),
        ("qc-analyst", "Slice 7 is still missing."),
    ]


def test_the_same_is_asked_about_several_records_in_one_act(world):
    subjects = [f"trials.subject:{world.subjects[code].pk}" for code in ("N-001", "S-001")]
    assert [one["about_label"] for one in ask(world, about=subjects)] == ["N-001", "S-001"]


def test_with_one_record_unknown_nothing_is_asked(world):
    known = f"trials.subject:{world.subjects['N-001'].pk}"
    for unknown in ("trials.subject:0", "trials.subject", "compliance.user:1", ""):
        told = ask(world, 400 if not unknown else 403, about=[known, unknown])
        assert "N-001" not in str(told)
    assert Query.objects.count() == 0


@pytest.mark.parametrize("fault", [{"about": []}, {"title": ""}, {"text": " "}, {"about": "trials.trial:1"}])
def test_what_lacks_something_is_refused(world, fault):
    ask(world, 400, **fault)
    assert Query.objects.count() == 0


@pytest.mark.parametrize("role", [Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR, Role.AUDITOR, Role.READER])
def test_only_analysts_ask(world, role):
    ask(world, 403, user=world.people[role])


def test_steps_that_do_not_follow_are_refused_with_a_sentence(world):
    (query,) = ask(world)
    path = f"queries/{query['id']}/"
    send(world.analyst, f"{path}reopen/", 409, text="Again")
    send(world.analyst, f"{path}close/", 200, text="")
    for who, step in ((world.coordinator, "answer"), (world.coordinator, "comment")):
        refused = send(who, f"{path}{step}/", 409, text="Too late")
        assert refused["detail"].endswith(".")


def test_a_charter_is_reviewed_opened_again_and_signed(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    path = f"charters/{draft.pk}/"
    seen = {"shown_sha256": send(world.analyst, path, 200, "get")["shown_sha256"]}
    send(world.administrator, f"{path}review/", 403, password=PASSWORD, **seen)
    send(world.analyst, f"{path}review/", 400, password=PASSWORD)
    send(world.analyst, f"{path}review/", 422, password="not it", **seen)
    assert send(world.analyst, f"{path}review/", 200, password=PASSWORD, **seen)["state"] == "reviewed"
    assert signing.signatures_on(draft).get().meaning == Signature.Meaning.REVIEW
    send(world.administrator, f"{path}reopen/", 400)
    assert send(world.administrator, f"{path}reopen/", 200, reason="A slip")["state"] == "draft"
    seen = {"shown_sha256": send(world.administrator, path, 200, "get")["shown_sha256"]}
    assert send(world.administrator, f"{path}sign/", 200, password=PASSWORD, **seen)["state"] == "in_force"
    assert [one["state"] for one in rows(world.people[Role.AUDITOR], "charters/")] == ["superseded", "in_force"]
