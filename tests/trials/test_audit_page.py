"""The page of the audit trail: narrowed to a person, and to a record with all that belongs to it; taken along."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance import audit
from compliance.extracts import EXPORTED
from compliance.models import AuditEvent
from tests.factories import AT, World
from tests.support.extracts import events_of, said_by
from trials.models import Query, QueryMessage, Role, Subject, Timepoint, Trial
from trials.selectors_trail import SUBJECT, SYSTEM, Selection, key_of_subject, selected, way_to
from trials.services import querying

pytestmark = pytest.mark.django_db


def whole(world: World, code: str) -> Selection:
    return Selection(kind=SUBJECT, key=str(world.subjects[code].pk), whole=True)


def about(events: Iterable[AuditEvent]) -> set[tuple[str, str]]:
    return {(event.object_type, event.object_id) for event in events}


def auditor(world: World) -> Client:
    client = Client()
    client.force_login(world.people[Role.AUDITOR])
    return client


def shown(world: World, **asked: str) -> str:
    answer = auditor(world).get(reverse("trials:audit", args=[world.trial.pk]), asked)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.requirement("REQ-AUD-053")
def test_a_subject_comes_with_its_visits_and_the_queries_about_any_of_them(world: World) -> None:
    subject = world.subjects["N-001"]
    for record in (subject, world.timepoint("N-001", "BL"), world.timepoint("N-002", "BL")):
        querying.raise_query(about=record, title="Which?", text="Please say.", actor=world.analyst, at=AT)
    mine, other = Query.objects.filter(about_label__contains="N-001"), Query.objects.get(about_label__contains="N-002")

    found = about(selected(world.trial, whole(world, "N-001")))

    kept = [(SUBJECT, str(subject.pk))]
    kept += [("trials.timepoint", str(pk)) for pk in subject.timepoints.values_list("pk", flat=True)]
    kept += [("trials.query", str(one.pk)) for one in mine]
    kept += [("trials.querymessage", str(one.pk)) for one in QueryMessage.objects.filter(query__in=mine)]
    # The upper rooms may have opened something by themselves.
    assert {one for one in found if one[0].startswith("trials.")} == set(kept)
    assert ("trials.query", str(other.pk)) not in found
    # Alone, it is the subject's own events.
    assert about(selected(world.trial, Selection(kind=SUBJECT, key=str(subject.pk)))) == set(kept[:1])


@pytest.mark.requirement("REQ-AUD-053")
def test_what_was_removed_belongs_to_it_still(world: World) -> None:
    visit = world.subjects["N-001"].timepoints.order_by("order").last()
    removed = ("trials.timepoint", str(visit.pk))
    audit.delete(visit, action="timepoint.unplanned", actor=world.administrator, at=AT)

    found = selected(world.trial, whole(world, "N-001"))

    assert {event.action for event in found if (event.object_type, event.object_id) == removed} == {
        "timepoint.planned",
        "timepoint.unplanned",
    }
    assert removed not in about(selected(world.trial, whole(world, "N-002")))


@pytest.mark.requirement("REQ-AUD-053")
def test_a_person_and_the_system_are_told_apart(world: World) -> None:
    audit.record("trial.looked", world.trial, actor=None, at=AT)
    of_person = selected(world.trial, Selection(person=str(world.administrator.pk)))
    assert {event.actor for event in of_person} == {world.administrator}
    of_nobody = list(selected(world.trial, Selection(person=SYSTEM)))
    assert of_nobody[0].action == "trial.looked"
    assert {event.actor for event in of_nobody} == {None}


@pytest.mark.requirement("REQ-AUD-053")
def test_the_shortest_way_is_over_what_each_record_has() -> None:
    assert [key.name for key in way_to(Timepoint, Subject)] == ["subject"]
    # A query may be about no visit: there is no other way.
    assert [key.name for key in way_to(QueryMessage, Subject)] == ["query", "timepoint", "subject"]
    assert way_to(Trial, Subject) == ()


@pytest.mark.requirement("REQ-AUD-053")
def test_a_record_that_is_none_shows_nothing(world: World) -> None:
    assert key_of_subject(world.trial, "X-999") == "“X-999”"
    for kind, key in ((SUBJECT, "“X-999”"), ("no.such", "1"), (SUBJECT, "9" * 18)):
        assert not selected(world.trial, Selection(kind=kind, key=key, whole=True)).exists()


@pytest.mark.one_database
@pytest.mark.requirement("REQ-AUD-053")
def test_the_page_takes_a_subjects_code_and_leads_to_the_record_alone(world: World) -> None:
    page = shown(world, subject="N-001")
    assert "Only what happened to <strong>N-001</strong> and all that belongs to it." in page
    assert "timepoint.planned" in page
    alone = shown(world, record=f"{SUBJECT}:{world.subjects['N-001'].pk}")
    assert "timepoint.planned" not in alone
    assert "With all that belongs to it" in alone
    assert "subject.enrolled" not in shown(world, subject="X-999")


@pytest.mark.one_database
@pytest.mark.requirement("REQ-AUD-053")
def test_the_page_names_everybody_who_can_be_asked_for(world: World) -> None:
    page = shown(world, person=str(world.administrator.pk))
    assert f'<option value="{world.administrator.pk}" selected>{world.administrator.full_name}</option>' in page
    assert '<option value="system">the system</option>' in page
    assert f'href="?person={world.administrator.pk}"' in page
    # What is no person asks for nobody.
    assert "subject.enrolled" in shown(world, q="enrolled", person="¹²", first_on="no day", record="nothing")


@pytest.mark.one_database
@pytest.mark.requirement("REQ-AUD-050")
def test_an_auditor_downloads_what_the_page_shows(world: World) -> None:
    connection.seal()
    asked = {"q": "enrolled", "record": f"{SUBJECT}:{world.subjects['N-001'].pk}", "whole": "1", "form": "json"}

    answer = auditor(world).post(reverse("trials:audit_export", args=[world.trial.pk]), asked)

    assert answer.headers["Content-Type"] == "application/zip"
    assert f'filename="{world.trial.code}-audit-extract-' in answer.headers["Content-Disposition"]
    data = b"".join(answer.streaming_content)
    assert {event["action"] for event in events_of(data)} == {"subject.enrolled"}
    assert said_by(data)["selection"]["record"] == {
        "kind": SUBJECT,
        "id": str(world.subjects["N-001"].pk),
        "label": "N-001",
        "with_all_that_belongs_to_it": True,
    }
    told = AuditEvent.objects.get(action=EXPORTED)
    assert told.after["selection"] == said_by(data)["selection"]


@pytest.mark.one_database
@pytest.mark.requirement("REQ-AUD-050")
@pytest.mark.parametrize(
    ("asked", "why"),
    [({}, "choose CSV, JSON or PDF"), ({"form": "csv", "q": "never-said"}, "no event is what you asked for")],
    ids=["no form", "no event"],
)
def test_what_cannot_be_exported_is_said_on_the_page(world: World, asked: dict[str, str], why: str) -> None:
    connection.seal()
    answer = auditor(world).post(reverse("trials:audit_export", args=[world.trial.pk]), asked)

    assert answer.headers["Location"].startswith(reverse("trials:audit", args=[world.trial.pk]))
    assert why in " ".join(str(message) for message in get_messages(answer.wsgi_request))
    assert not AuditEvent.objects.filter(action=EXPORTED).exists()
