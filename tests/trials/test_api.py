"""A trial is set up, and its queries answered, by a program as by a person."""

from __future__ import annotations

import base64
import copy

import pytest
from rest_framework.test import APIClient

from compliance.models import AuditEvent, User
from tests.factories import AT, PASSWORD, make_user, make_world
from tests.factories.world import qualify_as_shipped
from tests.trials.services.test_screening import CHARTER as SCREENING
from trials.charter import RECIST_TEMPLATE
from trials.models import ImagingCharter, Membership, Query, Role, Site, Subject, Trial
from trials.services import querying, setting_up

pytestmark = pytest.mark.django_db

API = "/api/v1/"


def program(user: User) -> APIClient:
    """A client that signs in with each request, as programs do."""
    client = APIClient()
    client.force_authenticate(user)
    return client


def send(user: User, path: str, status: int, method: str = "post", /, **data: object):
    response = getattr(program(user), method)(f"{API}{path}", data, format="json")
    assert response.status_code == status, response.content
    return response.json()


def rows(user: User, path: str) -> list[dict]:
    return send(user, path, 200, "get")["results"]


def test_a_trial_is_set_up_through_rest_from_nothing_to_its_first_subject(own_disk):
    founder = make_user("founder", is_staff=True)
    make_user("carla")
    trial = send(founder, "trials/", 201, code="NEW-1", title="New", sponsor_name="Sponsor")
    assert trial["state"] == "setup"

    (charter,) = rows(founder, "charters/")
    assert charter["content"] == RECIST_TEMPLATE
    content = {**copy.deepcopy(dict(RECIST_TEMPLATE)), "query_due_days": 3}
    path = f"charters/{charter['id']}/"
    assert send(founder, path, 200, "put", content=content)["content"]["query_due_days"] == 3
    seen = send(founder, path, 200, "get")["shown_sha256"]
    signed = send(founder, f"{path}sign/", 200, password=PASSWORD, shown_sha256=seen)
    assert signed["state"] == "in_force"
    assert send(founder, f"trials/{trial['id']}/", 200, "get")["state"] == "running"

    site = send(founder, "sites/", 201, trial=trial["id"], code="WEST", name="West", country="Chile")
    send(founder, "application-entities/", 201, site=site["id"], title="WEST_CT", description="CT 1")
    send(founder, "memberships/", 201, trial=trial["id"], user="carla", role=Role.SITE_COORDINATOR, site=site["id"])
    carla = User.objects.get(username="carla")
    new = {"site": site["id"], "code": "W-001", "reference_date": "2026-01-05"}
    assert send(carla, "subjects/", 409, **new)["code"] == "site_not_qualified"
    (standing,) = rows(carla, "qualifications/")
    assert (standing["is_open"], standing["qualified_at"], len(standing["missing"])) == (False, None, 3)
    qualify_as_shipped(Site.objects.get(), coordinator=carla, password=PASSWORD, by=founder)
    assert rows(carla, "qualifications/")[0]["is_open"]
    assert [one["manufacturer"] for one in rows(carla, "scanners/")] == ["Acme"]
    subject = send(carla, "subjects/", 201, **new)
    assert subject["state"] == "enrolled"
    assert [(t["code"], t["window"], t["image_state"]) for t in rows(carla, "timepoints/")] == [
        ("BL", [-28, 1], "expected"),
        ("W8", [50, 64], "expected"),
        ("W16", [106, 120], "expected"),
    ]


def test_a_program_signs_in_by_password(world):
    client = APIClient()
    assert client.get(f"{API}trials/").status_code == 403
    token = f"{world.administrator.username}:{PASSWORD}".encode()
    client.credentials(HTTP_AUTHORIZATION="Basic " + base64.b64encode(token).decode())
    assert [trial["code"] for trial in client.get(f"{API}trials/").json()["results"]] == ["PLX-1"]


def test_the_arm_is_not_among_the_fields_of_a_subject(world):
    subject = rows(world.coordinator, "subjects/")[0]
    assert sorted(subject) == [
        "code",
        "consent_withdrawn_on",
        "id",
        "reference_date",
        "screening_code",
        "shown_sha256",
        "site",
        "state",
    ]


def test_a_house_error_comes_as_a_code_and_a_sentence(world):
    charter = world.trial.charter_in_force
    problem = send(
        world.administrator, f"charters/{charter.pk}/", 409, "put", content=dict(RECIST_TEMPLATE), change_summary="x"
    )
    assert problem["code"] == "record_frozen"
    assert problem["detail"].startswith("The imaging charter was not changed, because a signed charter version")
    assert send(
        world.coordinator, "subjects/", 409, site=world.north.pk, code="N-001", reference_date="2026-01-05"
    ) == {"code": "subject_exists", "detail": "Trial PLX-1 has a subject N-001 already. Check the code."}


def test_a_code_that_the_charter_does_not_give_is_refused_with_a_right_one(world):
    world.amend(subjects={"code_format": "{site}-{number:3}"})
    said = "It is not made as the charter says. A right one is NORTH-001."
    assert send(
        world.coordinator, "subjects/", 422, site=world.north.pk, code="N-003", reference_date="2026-01-05"
    ) == {"code": "subject_code_refused", "detail": f"The subject code cannot be used at site NORTH. {said}"}


def test_a_charter_that_contradicts_itself_is_refused_with_each_problem(world):
    draft = send(world.administrator, f"trials/{world.trial.pk}/amend/", 201)
    for content in ({}, [], "x", None, {**RECIST_TEMPLATE, "adjudication": {"triggers": 5}}):
        response = program(world.administrator).put(
            f"{API}charters/{draft['id']}/", {"content": content}, format="json"
        )
        assert response.status_code in (400, 422)


def test_who_changes_a_draft_that_somebody_else_saved_meanwhile_is_told(world):
    administrator = world.administrator
    draft = setting_up.amend_charter(trial=world.trial, change_summary="", actor=administrator, at=AT)
    client = APIClient()
    client.force_authenticate(administrator)
    path = f"/api/v1/charters/{draft.pk}/"
    begun_with = client.get(path).headers["ETag"]
    assert begun_with == f'"{draft.sha256}"'

    def put(days: int, **headers: str):
        return client.put(path, {"content": {**draft.content, "query_due_days": days}}, format="json", headers=headers)

    saved = put(3, **{"If-Match": begun_with})
    assert (saved.status_code, saved.headers["ETag"] == begun_with) == (200, False)
    refused = put(4, **{"If-Match": begun_with})
    assert (refused.status_code, refused.json()["code"]) == (412, "draft_changed")
    assert refused.json()["detail"].startswith("Somebody else saved this draft meanwhile")
    assert ImagingCharter.objects.get(pk=draft.pk).content["query_due_days"] == 3
    assert put(5, **{"If-Match": saved.headers["ETag"]}).status_code == 200
    assert (put(6, **{"If-Match": "*"}).status_code, put(7).status_code) == (200, 200)


def test_a_wrong_password_signs_nothing(world):
    draft = send(world.administrator, f"trials/{world.trial.pk}/amend/", 201)
    given = {"password": "not mine", "shown_sha256": draft["shown_sha256"]}
    assert send(world.administrator, f"charters/{draft['id']}/sign/", 422, **given)["code"] == "wrong_password"
    assert send(world.administrator, f"charters/{draft['id']}/", 200, "get")["state"] == "draft"


def test_a_query_is_answered_by_the_site_and_closed_by_qc(world):
    query = querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )
    path = f"queries/{query.pk}/"
    send(world.other_coordinator, f"{path}answer/", 404, text="Mine")
    send(world.analyst, f"{path}answer/", 403, text="Mine")
    assert send(world.coordinator, f"{path}answer/", 200, text="Sent.")["state"] == "answered"
    send(world.coordinator, f"{path}close/", 403, text="")
    assert send(world.analyst, f"{path}close/", 200, text="")["state"] == "closed"
    assert Query.objects.get().messages.count() == 2


# --- refusals


@pytest.mark.parametrize("role", list(Role))
def test_each_role_creates_what_it_may_and_nothing_else(world, role):
    person, administers = world.people[role], role is Role.TRIAL_ADMINISTRATOR
    enrols = administers or role is Role.SITE_COORDINATOR
    new, trial = 201, world.trial.pk
    send(person, "trials/", 403, code="MINE-1", title="Mine", sponsor_name="Me")
    send(person, "sites/", new if administers else 403, trial=trial, code="WEST", name="West")
    send(person, "application-entities/", new if administers else 403, site=world.north.pk, title="MINE")
    send(
        person, "memberships/", new if administers else 403, trial=trial, user="outsider", role=Role.AUDITOR, site=None
    )
    send(person, "subjects/", new if enrols else 403, site=world.north.pk, code="N-777", reference_date="2026-01-05")
    send(person, f"trials/{trial}/amend/", new if administers else 403)
    denied = AuditEvent.objects.filter(action="access.denied", actor=person).count()
    assert denied == 1 + (0 if administers else 4) + (0 if enrols else 1)


def test_a_record_named_in_a_body_must_be_one_that_the_person_sees(world):
    """Neither whether it exists nor whether a code is taken there can be found out."""
    other = make_world("ELSE-2", prefix="else-")
    for site in (world.south.pk, other.north.pk, 999_999):
        for code in ("S-001", "N-001", "NEW-1"):
            assert send(world.coordinator, "subjects/", 403, site=site, code=code, reference_date="2026-01-05") == {
                "code": "access_denied",
                "detail": "There is no such site, or it is not yours.",
            }
    for code in ("NORTH", "WEST"):
        send(world.administrator, "sites/", 403, trial=other.trial.pk, code=code, name="Mine")
    send(world.administrator, "memberships/", 403, trial=other.trial.pk, user="outsider", role=Role.AUDITOR, site=None)
    assert AuditEvent.objects.filter(action="access.denied", actor=world.coordinator).count() == 9
    assert Subject.objects.count() == 6
    assert Site.objects.count() == 4
    assert not Membership.objects.filter(user=world.outsider).exists()


def test_a_record_of_another_site_or_trial_is_not_found_and_recorded(world):
    other = make_world("ELSE-2", prefix="else-")
    for path in (
        f"subjects/{world.subjects['S-001'].pk}/",
        f"sites/{world.south.pk}/",
        f"trials/{other.trial.pk}/",
        f"charters/{other.trial.charter_in_force.pk}/",
    ):
        last = AuditEvent.objects.latest("id").pk
        send(world.coordinator, path, 404, "get")
        event = AuditEvent.objects.filter(pk__gt=last).get()
        assert (event.action, event.after["path"]) == ("access.denied", f"{API}{path}")


def test_the_page_of_a_resource_offers_no_record_of_others_and_leaves_no_refusal(world):
    other = make_world("ELSE-2", prefix="else-")
    client = program(world.coordinator)
    for path in ("subjects/", "sites/", "queries/", "timepoints/", "transfers/", "held-groups/", "qc-reviews/"):
        page = client.get(f"{API}{path}", headers={"accept": "text/html"}).content.decode()
        assert "SOUTH" not in page
        assert other.trial.code not in page
    page = program(world.administrator).get(f"{API}memberships/", headers={"accept": "text/html"}).content.decode()
    assert "else-founder" not in page
    assert not AuditEvent.objects.filter(action="access.denied").exists()


def test_after_the_lock_nothing_is_added(locked):
    assert (
        send(locked.coordinator, "subjects/", 409, site=locked.north.pk, code="N-777", reference_date="2026-01-05")[
            "code"
        ]
        == "record_frozen"
    )
    send(locked.administrator, "sites/", 409, trial=locked.trial.pk, code="WEST", name="West")
    assert Trial.objects.get().sites.count() == 2


def test_a_program_screens_enrols_and_records_a_failure(world):
    world.amend(**SCREENING)
    new = {"site": world.north.pk, "reference_date": "2026-03-09"}
    one, other = (send(world.coordinator, "subjects/", 201, code=f"SNORTH-0{n}", **new) for n in (1, 2))
    assert one["state"] == "screened"
    enrol = {"code": "NORTH-001", "reference_date": "2026-03-16"}
    done = send(world.coordinator, f"subjects/{one['id']}/enrol/", 200, **enrol)
    assert (done["state"], done["code"], done["screening_code"]) == ("enrolled", "NORTH-001", "SNORTH-01")
    assert (
        send(world.coordinator, f"subjects/{other['id']}/fail_screening/", 422, reason="")["code"] == "reason_required"
    )
    failed = send(world.coordinator, f"subjects/{other['id']}/fail_screening/", 200, reason="Criterion 4")
    assert failed["state"] == "screen_failed"
