"""The page “Readers and assignment”: what it shows to whom, and what a reading manager does there."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from compliance.models import User
from reading.models import Adjudication, Draw, Handover, PoolMember, ReaderExclusion, ReaderPair, ReadTask
from tests.reading.conftest import AT, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import setting_up

pytestmark = pytest.mark.django_db

POOLS = [{"name": "radiologists", "reads_as": "first"}, {"name": "oncologists", "reads_as": "second"}]


@pytest.fixture
def managed(world: World) -> World:
    world.join("manager", Role.READING_MANAGER)
    world.join("auditor", Role.AUDITOR)
    world.join("reader-c", Role.READER)
    return world


def page_of(world: World, who: str = "manager") -> tuple[Client, str]:
    client = Client()
    client.force_login(world.people[who])
    return client, f"/reading/trials/{world.trial.pk}/readers/"


def free_reader() -> User:
    """The one of three readers who was not drawn."""
    return User.objects.exclude(read_tasks__isnull=False).get(username__startswith="reader-")


def test_the_page_tells_who_reads_what_from_where_and_that_it_replays(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    client, address = page_of(managed)
    page = client.get(address)
    said = page.content.decode()
    assert page.status_code == 200
    assert "Drawn again: the same" in said
    assert managed.trial.seed in said
    assert f"/reading/subjects/{subject.pk}/hand-on/1/" in said
    assert [row.person.username for row in page.context["rows"]] == ["judge", "reader-a", "reader-b", "reader-c"]
    first, second = sorted(ReadTask.objects.values_list("reader__username", flat=True))
    assert page.context["matrix"] == [(first, [None, 1]), (second, [1, None])]
    assert address in client.get(f"/reading/trials/{managed.trial.pk}/progress/").content.decode()


def test_an_auditor_sees_it_and_is_offered_nothing(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    client, address = page_of(managed, "auditor")
    said = client.get(address).content.decode()
    assert "Drawn again: the same" in said
    for offered in ("hand-on", "Record an exclusion", '<form method="post" action="/reading'):
        assert offered not in said


def test_an_exclusion_is_recorded_shown_where_it_hurts_and_ended(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    reader = managed.task("BL", 1).reader
    client, address = page_of(managed)
    given = {"person": reader.pk, "of": f"site {managed.site.pk}", "kind": "institution", "reason": "Works there"}
    assert client.post(f"{address}exclude/", {**given, "reason": ""}).status_code == 422
    answer = client.post(f"{address}exclude/", given)
    assert (answer.status_code, answer["Location"]) == (302, address)

    page = client.get(address)
    assert "with somebody who is excluded" in page.content.decode().lower()
    assert [cell.reader for _, cell in page.context["against"]] == [reader.username]
    home = client.get("/").content.decode()
    assert "Subjects with an excluded reader" in home
    refused = client.post(f"{address}exclude/", given)
    assert (refused.status_code, "excluded from SITE-77 already" in refused.content.decode()) == (422, True)

    made = ReaderExclusion.objects.get()
    assert client.post(f"/reading/exclusions/{made.pk}/end/", {"reason": ""}).status_code == 422
    client.post(f"/reading/exclusions/{made.pk}/end/", {"reason": "Moved to another hospital"})
    page = client.get(address)
    assert (page.context["against"], "Moved to another hospital" in page.content.decode()) == ([], True)


def test_reads_are_handed_on_from_the_page(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    client, address = page_of(managed)
    where = f"/reading/subjects/{subject.pk}/hand-on/1/"
    taker = free_reader()
    shown = client.get(where)
    assert "Cannot take over" in shown.content.decode()
    assert list(shown.context["form"].fields["taker"].choices) == [(taker.pk, str(taker))]
    assert client.post(where, {"taker": taker.pk, "reason": ""}).status_code == 422
    other = managed.task("BL", 2).reader
    assert client.post(where, {"taker": other.pk, "reason": "Because"}).status_code == 422
    answer = client.post(where, {"taker": taker.pk, "reason": "On leave"})
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert Handover.objects.get().taker == taker
    assert "On leave" in client.get(address).content.decode()


def test_a_place_with_a_signed_read_offers_no_hand_over(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    managed.read("BL", 1, baseline(30))
    client, address = page_of(managed)
    assert f"/reading/subjects/{subject.pk}/hand-on/1/" not in client.get(address).content.decode()
    page = client.get(f"/reading/subjects/{subject.pk}/hand-on/1/").content.decode()
    assert "A read is signed" in page
    answer = client.post(
        f"/reading/subjects/{subject.pk}/hand-on/1/",
        {"taker": free_reader().pk, "reason": "Because"},
    )
    assert answer.status_code == 409
    assert Handover.objects.count() == 0


def test_an_adjudication_is_handed_on_from_the_page(managed: World, subject: Subject) -> None:
    for code in ("BL", "W8", "W16"):
        managed.clear(code)
    managed.read_by_both("BL", baseline(30))
    managed.read_by_both("W8", follow_up(20), follow_up(28))
    managed.read_by_both("W16", follow_up(20), follow_up(28))
    umpire, case = managed.join("umpire", Role.ADJUDICATOR), Adjudication.objects.get()
    client, address = page_of(managed)
    where = f"/reading/cases/{case.blinded_code}/hand-on/"
    assert where in client.get(address).content.decode()
    assert client.get(where).status_code == 200
    assert client.post(where, {"taker": umpire.pk, "reason": "Conflict found"}).status_code == 302
    assert Adjudication.objects.get().adjudicator == umpire
    assert client.get(where).status_code == 404


def test_pools_and_pairs_are_filled_on_the_page(managed: World) -> None:
    managed.amend(readers={"pools": POOLS, "pairing": "fixed"})
    client, address = page_of(managed)
    said = client.get(address).content.decode()
    assert "No pair has been made" in said
    assert "radiologists" in said
    a, b = managed.people["reader-a"], managed.people["reader-b"]
    assert client.post(f"{address}pool/", {"person": a.pk, "pool": "surgeons"}).status_code == 422
    assert client.post(f"{address}pool/", {"person": a.pk, "pool": "radiologists"}).status_code == 302
    assert client.post(f"{address}pool/", {"person": a.pk, "pool": "radiologists"}).status_code == 422
    assert client.post(f"{address}pair/", {"first": a.pk, "second": a.pk}).status_code == 422
    assert client.post(f"{address}pair/", {"first": a.pk}).status_code == 422
    assert client.post(f"{address}pair/", {"first": b.pk, "second": a.pk}).status_code == 302
    said = client.get(address).content.decode()
    assert "reader-a and reader-b" in said
    assert "No pair has been made" not in said
    member, pair = PoolMember.objects.get(), ReaderPair.objects.get()
    assert client.post(f"/reading/pool-members/{member.pk}/end/").status_code == 302
    assert client.post(f"/reading/pairs/{pair.pk}/end/").status_code == 302
    member.refresh_from_db()
    pair.refresh_from_db()
    assert member.ended_at
    assert pair.ended_at


def test_a_draw_that_does_not_replay_stands_out(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    Draw.objects.update(readers=["judge", "nobody"])
    client, address = page_of(managed, "auditor")
    said = client.get(address).content.decode()
    assert "A draw does not replay" in said


def test_a_reader_whose_role_ended_is_still_listed_with_what_they_have(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    reader = managed.task("BL", 1).reader
    role = managed.trial.memberships.get(user=reader, role=Role.READER)
    setting_up.end_membership(membership=role, reason="Left", actor=managed.admin, at=AT)
    client, address = page_of(managed)
    row = next(row for row in client.get(address).context["rows"] if row.person == reader)
    assert (row.roles, row.subjects) == ((), 1)


def test_programs_read_exclusions_and_draws(managed: World, subject: Subject) -> None:
    managed.clear("BL")
    client, address = page_of(managed)
    reader = managed.task("BL", 1).reader
    client.post(
        f"{address}exclude/",
        {"person": reader.pk, "of": f"subject {subject.pk}", "kind": "conflict", "reason": "Holds shares"},
    )
    program = APIClient()
    program.force_authenticate(managed.people["auditor"])
    (exclusion,) = program.get("/api/v1/reader-exclusions/").json()["results"]
    assert {name: exclusion[name] for name in ("person", "site", "subject", "kind", "reason", "ended_at")} == {
        "person": reader.username,
        "site": None,
        "subject": subject.code,
        "kind": "conflict",
        "reason": "Holds shares",
        "ended_at": None,
    }
    (draw,) = program.get("/api/v1/draws/").json()["results"]
    assert (draw["subject"], draw["readers"]) == (subject.code, Draw.objects.get().readers)
    assert draw["chance"]["places"] == [["reader-a", "reader-b", "reader-c"]] * 2
    program.force_authenticate(reader)
    assert program.get("/api/v1/draws/").status_code == 403
