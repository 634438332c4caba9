"""The pages of training and qualification, from the empty trial to open reads; no reference before the signature."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from compliance import jobs
from compliance.models import AuditEvent, User
from compliance.signing import Intent
from reading import blinding
from reading.models import Attempt, CaseReference, QualificationCase, ReadTask
from reading.services import cases, marking
from reading.services.assessing import open_task
from reading.services.entries import MarkEntry
from reading.states import ReadState, ReferenceState
from tests.reading.conftest import ARM, AT, PASSWORD, SITE_CODE, SITE_NAME, World, baseline, follow_up
from tests.reading.test_qualification import (
    GOOD,
    TERMS,
    a_case,
    attempt_of,
    clear_case,
    read_all,
    reader,
    with_reference,
)
from tests.support.shown import shown_on
from trials.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-009")]

#: What the expert wrote, and nobody else.
PLANTED, SIZE, MARK = "QUARTERSTAFF-REMARK", "37.37", UUID("5ead1e55-0000-4000-8000-00c0ffee0000")


@pytest.fixture
def manager(world: World) -> User:
    return world.join("manager", Role.READING_MANAGER)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, name: str, *given: object, **data: object) -> str:
    address = reverse(f"reading:{name}", args=given)
    if "password" in data:
        asked = reverse("reading:qualification") if name == "qualification_begin" else address
        data["shown_sha256"] = shown_on(client, asked)
    answer = client.post(address, data, follow=True) if data else client.get(address)
    assert answer.status_code in (200, 409, 422), answer.status_code
    return answer.content.decode()


def test_the_manager_sets_a_case_aside_asks_an_expert_and_approves_what_was_read(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    client = client_of(manager)
    shown = page(client, "qualification_trial", world.trial.pk)
    assert "0 of 1 test case with an approved reference." in shown
    page(
        client, "qualification_case_add", world.trial.pk,
        site=world.site.pk, code="CASE-1", kind="test", reference_date="2026-01-05",
    )  # fmt: skip
    case = QualificationCase.objects.get()
    refused = page(client, "qualification_case", case.pk, expert=world.people["judge"].pk)
    assert "no baseline that quality control cleared" in refused
    clear_case(world, case, "BL", "W8")
    page(client, "qualification_case", case.pk, expert=world.people["judge"].pk)
    reference = CaseReference.objects.get()
    read_all(list(reference.tasks()), *GOOD)
    shown = page(client, "qualification_reference", reference.pk)
    assert "T01" in shown
    assert "30.00 mm" in shown
    wrong = page(client, "qualification_reference", reference.pk, verdict="approve", password="wrong")
    assert "password is not yours" in wrong
    page(client, "qualification_reference", reference.pk, verdict="approve", password=PASSWORD)
    reference.refresh_from_db()
    assert reference.state == ReferenceState.APPROVED
    shown = page(client, "qualification_trial", world.trial.pk)
    assert "Version 1 by judge" in shown
    assert "with an approved reference" not in shown
    page(client, "qualification_case", case.pk, retire="1", reason="Too easy")
    case.refresh_from_db()
    assert case.state == "retired"


def test_an_expert_who_adjudicates_finds_the_case_and_reads_it_on_the_ordinary_page(
    world: World, manager: User
) -> None:
    world.amend(qualification=TERMS)
    with_reference(world, manager)
    case = QualificationCase.objects.get()
    client = client_of(manager)
    page(client, "qualification_case", case.pk, expert=world.people["judge"].pk)
    task = CaseReference.objects.get(number=2).tasks()[0]
    judge = client_of(world.people["judge"])
    assert task.blinded_code in page(judge, "qualification")
    shown = page(judge, "task", task.blinded_code)
    assert 'data-stack="stage"' in shown
    assert "Sign" in shown
    assert judge.get(reverse("reading:worklist")).status_code == 403


def test_a_reader_acknowledges_reads_and_sees_points_and_reference(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    with_reference(world, manager)
    client = client_of(reader(world))
    listed = page(client, "worklist")
    assert "your reads wait until you have qualified" in listed
    shown = page(client, "qualification")
    assert "I know RECIST 1.1." in shown
    assert "80% of the points" in shown
    assert "password is not yours" in page(client, "qualification_begin", world.trial.pk, password="wrong")
    page(client, "qualification_begin", world.trial.pk, password=PASSWORD)
    (first, later) = Attempt.objects.get().cases.get().tasks()
    assert first.blinded_code in page(client, "worklist")
    assert later.blinded_code not in page(client, "worklist")
    read_all([first, later], *GOOD)
    done = page(client, "qualification")
    assert "5 of 5 points" in done
    assert "Your reads are open until" in done
    review = page(client, "qualification_review", later.blinded_code)
    assert "5 of 5 points" in review
    assert "T01" in review
    assert AuditEvent.objects.filter(action="casereference.shown", actor=reader(world)).count() == 1
    for hidden in (SITE_CODE, SITE_NAME, ARM, "CASE-1", "READ-1", "judge", "Week 8"):
        assert hidden not in done + review, hidden


def planted_reference(world: World, manager: User) -> QualificationCase:
    """A case whose reference holds a remark, sizes and a mark that nothing else says."""
    case = a_case(world, manager)
    reference = cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    first, later = reference.tasks()
    open_task(task=first, actor=first.reader, at=AT)
    picture = blinding.blinded_task(first).series[0].slices[0].instance_key
    drawn = MarkEntry(tool="length", instance=picture, frame=1, points=((1.0, 1.0), (5.0, 1.0)))
    marking.put_mark(task=first, key=MARK, expected=None, entry=drawn, actor=first.reader, at=AT)
    read_all([first, later], baseline(SIZE, 20, comment=PLANTED), follow_up(Decimal(SIZE), 20, comment=PLANTED))
    reference.refresh_from_db()
    cases.approve_reference(reference=reference, signature=Intent(PASSWORD), actor=manager, at=AT)
    return case


def everything_of(client: Client, tasks: list[ReadTask]) -> str:
    """All that a reader can ask for of a case that is not signed yet."""
    said = [page(client, "worklist"), page(client, "qualification")]
    for task in tasks:
        address = reverse("reading:task", args=[task.blinded_code])
        asked = (address, f"{address}marks/", f"{address}links/", f"{address}segments/")
        said += [client.get(one, follow=True).content.decode() for one in asked]
        said.append(client.get(f"/api/v1/read-tasks/{task.blinded_code}/").content.decode())
        review = client.get(reverse("reading:qualification_review", args=[task.blinded_code]))
        assert review.status_code == 404
        said.append(review.content.decode())
    return "".join(said)


def test_nothing_of_the_reference_is_shown_before_the_last_signature_of_the_case(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    planted_reference(world, manager)
    attempt = attempt_of(world)
    tasks = list(attempt.cases.get().tasks())
    client = client_of(reader(world))
    open_task(task=tasks[0], actor=tasks[0].reader, at=AT)
    before = everything_of(client, tasks)
    read_all(tasks[:1], baseline(30, 20))
    open_task(task=ReadTask.every.get(pk=tasks[1].pk), actor=tasks[1].reader, at=AT)
    between = everything_of(client, tasks)
    for said in (before, between):
        for planted in (PLANTED, SIZE, str(MARK)):
            assert planted not in said
    read_all(tasks[1:], follow_up(30, 20))
    after = page(client, "qualification_review", tasks[1].blinded_code)
    assert SIZE in after
    assert str(MARK) in after
    assert PLANTED not in after


def test_the_reference_closes_again_while_the_case_is_read_again(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    planted_reference(world, manager)
    first = attempt_of(world, baseline(90, 90), follow_up(90, 90))
    old = first.cases.get().tasks()[1]
    client = client_of(reader(world))
    assert SIZE in page(client, "qualification_review", old.blinded_code)
    second = attempt_of(world)
    assert second.cases.get().case == first.cases.get().case
    assert client.get(reverse("reading:qualification_review", args=[old.blinded_code])).status_code == 404
    assert "Closed while you read it again" in page(client, "qualification")


def test_nobody_else_sees_a_readers_reference(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    planted_reference(world, manager)
    task = attempt_of(world, *GOOD).cases.get().tasks()[0]
    for other in (reader(world, "reader-b"), world.people["judge"], manager):
        answer = client_of(other).get(reverse("reading:qualification_review", args=[task.blinded_code]))
        assert answer.status_code in (403, 404)


def test_the_manager_follows_each_person_allows_another_attempt_and_waives(world: World, manager: User) -> None:
    world.amend(qualification={**TERMS, "attempts": 1})
    with_reference(world, manager)
    attempt_of(world, baseline(90, 90), follow_up(90, 90))
    client = client_of(manager)
    listed = page(client, "qualification_trial", world.trial.pk)
    assert "Not passed" in listed
    assert "To do" in listed
    person = (world.trial.pk, "reader-a")
    shown = page(client, "qualification_person", *person)
    assert "180 mm" in shown
    assert "50 mm" in shown
    assert "Allow another attempt" in shown
    assert "This field is required" in page(client, "qualification_person", *person, reason="")
    assert "may try again" in page(client, "qualification_person", *person, reason="Retrained by telephone")
    waived = page(client, "qualification_person", *person, waive="1", reason="Read the sister trial", password=PASSWORD)
    assert "Read the sister trial" in waived
    assert "May read" in waived
    assert client.get(reverse("reading:qualification_person", args=[world.trial.pk, "manager"])).status_code == 404


def test_attempts_leave_as_a_list_with_what_they_rest_on(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    with_reference(world, manager)
    attempt_of(world, *GOOD)
    answer = client_of(manager).get(reverse("reading:qualification_list", args=[world.trial.pk]))
    header, row = answer.content.decode("utf-8-sig").splitlines()
    assert header.startswith("person,attempt,state,charter_version,begun,decided,valid_until,points,of")
    assert row.startswith("reader-a,1,passed,2,")
    assert row.endswith(",5,5,80,10,CASE-1 v1,")


def test_readers_who_have_not_qualified_are_sent_to_their_list(world: World, manager: User) -> None:
    world.amend(qualification={"statement": "Known."})
    readers = [reader(world, name) for name in ("reader-a", "reader-b")]
    for one in readers:
        page(client_of(one), "qualification_begin", world.trial.pk, password=PASSWORD)
    world.enrol()
    world.clear("BL")
    jobs.drain()
    Attempt.objects.filter(person=readers[0]).delete()
    task = ReadTask.objects.get(reader=readers[0])
    client = client_of(readers[0])
    sent = client.get(reverse("reading:task", args=[task.blinded_code]), follow=True).content.decode()
    assert "training and qualification for it is not complete" in sent
    assert "On hold: your qualification" in sent
    assert ReadTask.objects.get(pk=task.pk).state == ReadState.ASSIGNED
