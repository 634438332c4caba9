"""`If-Match` holds until the step is done: what another does meanwhile comes after it, or the step is refused."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from compliance import api_conditions, audit
from compliance.models import AuditEvent
from tests.factories import AT, World
from trials.models import Query
from trials.services import querying


def asked(world: World) -> Query:
    return querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )


def close(world: World, query: Query, tag: str = "") -> Any:
    """Close a query that nobody said more about; without a tag, as it is now."""
    client = APIClient()
    client.force_authenticate(world.analyst)
    tag = tag or client.get(f"/api/v1/queries/{query.pk}/").headers["ETag"]
    return client.post(f"/api/v1/queries/{query.pk}/close/", {"text": "Done."}, headers={"If-Match": tag})


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one write at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("own_disk")
def test_what_another_says_between_the_comparison_and_the_step_waits_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, told, compare = asked(world), [], api_conditions.require

    def say() -> None:
        try:
            querying.comment_on_query(query=query, text="Not yet!", actor=world.coordinator, at=AT)
            told.append("said")
        except querying.QueryClosed:
            told.append("too late")
        finally:
            connections.close_all()

    another = threading.Thread(target=say)

    def slowly(expected: str, tag: str) -> None:
        compare(expected, tag)
        another.start()
        another.join(1)

    monkeypatch.setattr(api_conditions, "require", slowly)
    answer = close(world, query)
    another.join()
    assert (answer.status_code, told) == (200, ["too late"])
    connection.close()


@pytest.mark.django_db
def test_a_record_that_changed_is_left_as_it_is(world: World) -> None:
    query = asked(world)
    answer = close(world, query, '"what it was"')
    assert (answer.status_code, answer.json()["code"]) == (412, "changed_meanwhile")
    assert close(world, query).status_code == 200


@pytest.mark.django_db
def test_what_a_refused_step_leaves_on_record_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*, query: Query, **_: Any) -> None:
        audit.record("query.tried", query, actor=world.analyst, at=timezone.now())
        raise querying.QueryClosed("No.")

    monkeypatch.setattr(querying, "close_query", refuse)
    query = asked(world)
    assert close(world, query).status_code == querying.QueryClosed.status
    assert AuditEvent.objects.filter(action="query.tried").count() == 1
