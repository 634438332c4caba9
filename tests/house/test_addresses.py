"""Every address states its permission, and every person gets what the table gives them, and nothing of what is planted.

The crawl asks for each address of `address_matrix` as each person of `crowd`, for each record it can name: own,
another site's, another trial's, another reader's. What an answer changed is rolled back before the next.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern
from rest_framework.views import APIView

from compliance import access
from compliance.api import Verb
from compliance.models import AuditEvent, User
from tests.factories import PLANTED
from tests.factories.scans import ROOT
from tests.factories.world import REFERENCE
from tests.house.address_matrix import MATRIX, Row
from tests.house.crawling import routes
from tests.house.crowd import ARM, DAYS, DECLARED, PEOPLE, Crowd, Person, Thing
from tests.support.canaries import written
from trials.schedule import date_of

pytestmark = pytest.mark.django_db

#: What is tried at an address; a page knows no more than the first two.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Where a site is told who its own subjects are, and what it is told there.
OF_PATIENTS = {"imaging/sites/<pk>/patients/", "imaging/sites/<pk>/patients/list/"}
IDENTITIES = {PLANTED["PatientName"], ROOT, "MRN55667788"}


def stated(pattern: URLPattern) -> set[str]:
    """The permissions that an address states: on the function, or on the class behind it, by method."""
    view: Any = pattern.callback
    if hasattr(view, "permission"):
        return {view.permission}
    door: type[APIView] | None = getattr(view, "cls", None)
    if door is None or door.permission_classes != [Verb]:
        return set()
    said = {**vars(door), **view.initkwargs}
    by_method = said.get("permissions_by_method", getattr(door, "permissions_by_method", {}))
    return {said.get("permission", getattr(door, "permission", "")), *by_method.values()}


# --- what each address says of itself ----------------------------------------------------------------------------


@pytest.mark.requirement("REQ-ACS-001")
@pytest.mark.parametrize(
    ("route", "pattern"), list(routes()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_address_states_its_permission(route: str, pattern: URLPattern) -> None:
    said = stated(pattern)
    assert said
    assert said <= access.verbs() | {access.PUBLIC, access.SIGNED_IN, access.BEARER}


@pytest.mark.requirement("REQ-ACS-001")
def test_the_table_lists_every_address_and_no_other() -> None:
    assert {row.address for row in MATRIX} == {route for route, _ in routes()}


@pytest.mark.requirement("REQ-ACS-001")
def test_no_address_has_two_rows_for_one_method() -> None:
    asked = Counter((row.address, method) for row in MATRIX for method in row.methods.split())
    assert [key for key, count in asked.items() if count > 1] == []


@pytest.mark.requirement("REQ-ACS-001")
def test_the_table_and_the_addresses_agree_on_what_is_open_to_all() -> None:
    said = {route: stated(pattern) for route, pattern in routes()}
    assert {row.address for row in MATRIX if "+" in row.who} == {r for r, p in said.items() if access.PUBLIC in p}
    assert {row.address for row in MATRIX if "=" in row.who} == {r for r, p in said.items() if access.BEARER in p}
    assert {row.address for row in MATRIX if "*" in row.who} == {
        r for r, p in said.items() if access.SIGNED_IN in p
    } - {
        # Its view asks each record's own verb.
        "history/<object_type>/<object_id>/"
    }


# --- the crawl ---------------------------------------------------------------------------------------------------


def planted_for(person: Person, crowd: Crowd) -> set[str]:
    """What must not reach a person in any answer, lower case."""
    never = {*PLANTED.values(), ROOT, "MRN55667788", "STRAY-0"}
    if "A" not in person.letters:
        # An auditor finds the pseudonyms of UIDs where the trail says that they were stored.
        never |= crowd.uids
    for (trial, place), codes in crowd.subjects.items():
        if trial != person.trial or (person.site and place != person.site):
            never |= set(codes)
    if person.letters in ("R", "J"):
        never |= {ARM, "North Hospital", "South Hospital", "NORTH", "SOUTH"}
        never |= {code for codes in crowd.subjects.values() for code in codes} | {"N-001", "N-002", "S-001"}
        never |= {said for day in (1, *DAYS.values()) for said in written(date_of(day, REFERENCE))}
    if person.letters == "S":
        never |= {code for codes in crowd.subjects.values() for code in codes} | {ARM}
    for trial, words in DECLARED.items():
        if trial != person.trial or not set(person.letters) & set("CQAT"):
            never.add(words)
    for (trial, reader), results in crowd.results.items():
        sees_results = trial == person.trial and set(person.letters) & set("MAJ")
        if reader != person.username and not sees_results:
            never |= set(results)
    return {word.lower() for word in never}


def url_of(row: Row, thing: Thing | None) -> str:
    named = thing.named if thing else {}
    query = "?preset=Lung" if row.address.endswith("/rendered") else ""
    return "/" + re.sub(r"<(\w+)>", lambda found: str(named[found[1]]), row.address) + query


def outcome(response: HttpResponse) -> str:
    """The class of an answer."""
    if response.status_code == 302 and response.headers["Location"].startswith("/sign-in/?next="):
        return "sign in"
    if response.status_code in (401, 403, 404):
        return "refused"
    if response.status_code == 405:
        return "no such method"
    return "allowed" if response.status_code in (200, 201, 302, 400, 409, 412, 422, 428) else f"{response.status_code}"


class Crawler:
    """One person at every address."""

    def __init__(self, person: Person, crowd: Crowd) -> None:
        self.person, self.crowd = person, crowd
        self.client = Client()
        self.user: User | None = None
        if person.username:
            self.user = User.objects.get(username=person.username)
            self.client.force_login(self.user)
        self.cookies = copy.deepcopy(self.client.cookies)
        self.never = planted_for(person, crowd)
        self.wrong: list[str] = []
        self.asked = 0

    def crawl(self) -> None:
        taken = {(row.address, method) for row in MATRIX for method in row.methods.split()}
        for row in MATRIX:
            things = self.crowd.things[row.record] if row.record else [None]
            for method in row.methods.split():
                # Who lacks the role is refused their own trial's record; whose it is matters to the others alone.
                for thing in things if self.person.may(row.who, None) else things[:1]:
                    self.ask(row, thing, method)
            for method in self.others(row):
                if (row.address, method) not in taken:
                    self.ask(row, things[0], method, taken=False)

    def others(self, row: Row) -> tuple[str, ...]:
        """Methods to try where they are not taken; no role plays a part in that, so few people try."""
        if self.person.username not in ("", "founder", "reader"):
            return ()
        return METHODS if row.address.startswith("api/") else METHODS[:2]

    def ask(self, row: Row, thing: Thing | None, method: str, *, taken: bool = True) -> None:
        url = url_of(row, thing)
        expected = self.expected(row, thing) if taken else self.expected_of_unknown(row)
        # A resource has a page of its own too, with forms for the other methods.
        with_page = row.address.startswith("api/v1") and method == "GET" and expected == {"allowed"}
        for accept in ("*/*", "text/html") if with_page else ("*/*",):
            with transaction.atomic():
                last = AuditEvent.objects.order_by("-id").values_list("id", flat=True)[0]
                self.client.cookies = copy.deepcopy(self.cookies)
                response = self.client.generic(method, url, headers={"accept": accept})
                denials = AuditEvent.objects.filter(id__gt=last, action="access.denied", actor=self.user).count()
                transaction.set_rollback(True)
            self.asked += 1
            found = outcome(response)
            if found not in expected:
                self.wrong.append(f"{method} {url} ({accept}): {response.status_code} {found}, not {sorted(expected)}")
            # Who shows no token is nobody to an address for programs.
            if found == "refused" and self.user and "=" not in row.who and denials != 1:
                self.wrong.append(f"{method} {url} ({accept}): {response.status_code} left {denials} rows in the trail")
            told = IDENTITIES | self.crowd.uids if row.address in OF_PATIENTS and found == "allowed" else set()
            if "consensus" in row.address and found == "allowed":
                # Two readers who settle a case together see both reads of it.
                own = self.crowd.results.items()
                told = {word for (trial, _), said in own if trial == self.person.trial for word in said}
            self.search(response, f"{method} {url} ({accept})", self.never - {word.lower() for word in told})

    def expected(self, row: Row, thing: Thing | None) -> set[str]:
        if "=" in row.who:
            return {"refused"}
        if self.person.may(row.who, thing):
            return {"allowed"}
        if self.person.username or row.address.startswith(("api/v1", "api/schema", "api/")):
            return {"refused"}
        return {"sign in"}

    def expected_of_unknown(self, row: Row) -> set[str]:
        """A method that an address does not take: no answer but that, or the refusal that comes before it."""
        return {"no such method", "refused"} if self.person.username else {"no such method", "refused", "sign in"}

    def search(self, response: HttpResponse, where: str, never: set[str]) -> None:
        body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        answer = (headers + "\n" + body.decode("latin-1")).lower()
        # The fraction of a second of a moment may look like any measurement.
        answer = re.sub(r"(\d\d:\d\d:\d\d)\.\d+", r"\1", answer)
        self.wrong += [
            f"{where}: holds {word!r} in {answer[max(answer.index(word) - 60, 0) :][:140]!r}"
            for word in sorted(never)
            if word in answer
        ]


@pytest.mark.requirement("REQ-ACS-002")
@pytest.mark.parametrize(
    "person",
    # Who may what is not the database's to say: there, one who has every role asks every question once more.
    [
        pytest.param(
            person,
            id=person.username or "nobody",
            marks=() if person.username == "polymath" else pytest.mark.one_database,
        )
        for person in PEOPLE
    ],
)
def test_each_person_reaches_what_the_table_gives_them_and_nothing_planted(person: Person, crowd: Crowd) -> None:
    crawler = Crawler(person, crowd)
    crawler.crawl()
    assert not crawler.wrong, "\n".join(crawler.wrong)
    assert crawler.asked > len(MATRIX)
