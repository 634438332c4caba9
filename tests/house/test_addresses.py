"""Every address states its permission, and every person gets what the table gives them, and nothing of what is planted.

The crawl asks for each address of `address_matrix` as each person of `crowd`, for each record it can name: own,
another site's, another trial's, another reader's. What an answer changed is rolled back before the next.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern
from rest_framework.views import APIView

from compliance import access
from compliance.api import Verb
from tests.house.address_matrix import MATRIX
from tests.house.crawling import routes
from tests.house.crowd import PEOPLE, Crowd, Person
from tests.house.probing import Crawler, Probe, probes_of
from tests.house.state_matrix import LIVES, State, closes, rows_of, states
from tests.support.disarmed import disarm

pytestmark = pytest.mark.django_db


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


# --- the same, in every state ------------------------------------------------------------------------------------


def probes_in(state: State, crowd: Crowd) -> list[tuple[Person, Probe]]:
    """Who asks for a record in a state: for a step everybody whose role opens it, for a page one of them by turns.

    One of those without the role asks as well. The record is of the trial that most are of, and foreign to the others.
    """
    asked = []
    thing = crowd.things[state.record][0]
    for number, row in enumerate(rows_of(state.record), start=sum(map(ord, state.state))):
        within = [person for person in PEOPLE if person.may(row.who, None)]
        without = [person for person in PEOPLE if not person.may(row.who, None)]
        outside = [without[number % len(without)]] if without else []
        for method in row.methods.split():
            inside = [within[number % len(within)]] if method == "GET" else within
            asked += [(person, Probe(row, thing, method)) for person in (*inside, *outside)]
    return asked


@pytest.mark.requirement("REQ-ACS-030")
@pytest.mark.one_database
@pytest.mark.parametrize("record", sorted(LIVES))
def test_in_every_state_a_record_answers_those_whom_the_table_lets_in_and_nobody_else(
    record: str, crowd: Crowd
) -> None:
    people = {person.username: Crawler(person, crowd) for person in PEOPLE}
    for state in (one for one in states() if one.record == record):
        with transaction.atomic():
            disarm()
            stored = LIVES[record]._base_manager.filter(**crowd.things[record][0].named)
            assert stored.update(**{state.field: state.state}) == 1
            for person, probe in probes_in(state, crowd):
                people[person.username].ask(probe, closes(state), f"{state.field} {state.state}: ")
            transaction.set_rollback(True)
    wrong = [line for crawler in people.values() for line in crawler.wrong]
    assert not wrong, "\n".join(wrong)


@pytest.mark.requirement("REQ-ACS-002", "REQ-ACS-030")
@pytest.mark.one_database
def test_the_table_is_held_against_five_thousand_answers_and_more(crowd: Crowd) -> None:
    by_address = sum(1 for person in PEOPLE for _ in probes_of(person, crowd))
    by_state = sum(len(probes_in(state, crowd)) for state in states())
    assert by_address >= 5_000
    assert by_state >= 1_000
