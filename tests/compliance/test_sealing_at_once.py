"""What PostgreSQL does at a commit: the end of a chain is free before the disk has it, and nobody hears before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance import audit, sealing, verifying
from compliance.models import AuditEvent, AuditHead, User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_disk"),
    pytest.mark.requirement("REQ-AUD-035"),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one write at a time"),
]


@pytest.fixture
def actor(own_disk) -> User:
    return User.objects.create(username="admin", full_name="Ada Admin")


def note(actor: User) -> None:
    audit.record("thing.noted", actor, actor=actor, at=timezone.now())


def asked(question: str, *values: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        (answer,) = cursor.fetchone()
    return answer


def test_whoever_committed_hears_it_when_the_disk_has_it(actor):
    note(actor)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")  # as on a server that is not for tests
    for _ in range(20):
        with transaction.atomic():
            note(actor)
            written = asked("SELECT pg_current_wal_insert_lsn()::text")
        assert asked("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", written) is True
        # The next transaction, which may have no event, is as durable as the installation has it.
        assert asked("SHOW synchronous_commit") == "on"
    connection.close()


def test_the_head_is_locked_for_two_statements(actor):
    note(actor)
    with CaptureQueriesContext(connection) as said:
        note(actor)
    begin, event, lock, store = [one["sql"] for one in said.captured_queries if one["sql"] != "COMMIT"]
    assert (begin, event.partition(" (")[0]) == ("BEGIN", 'INSERT INTO "compliance_auditevent"')
    assert lock.endswith("FOR UPDATE")
    assert store.startswith("WITH ended AS (UPDATE compliance_audithead")


def test_what_cannot_be_stored_with_the_commit_is_not_committed(actor, monkeypatch):
    note(actor)
    monkeypatch.setattr(sealing, "_LINKS", sealing._LINKS.replace("mac", "no_such_column"))
    with pytest.raises(DatabaseError, match="no_such_column"):
        note(actor)
    monkeypatch.undo()
    note(actor)
    assert AuditEvent.objects.count() == 2
    assert verifying.verify() == verifying.Report(links=2)


def test_events_of_several_chains_are_committed_with_the_last(actor):
    from trials.models import Trial

    trials = [
        Trial.objects.create(code=f"AT-{number}", title="T", sponsor_name="S", created_at=timezone.now())
        for number in (1, 2)
    ]
    with transaction.atomic():
        for about in (*trials, actor):
            audit.record("thing.noted", about, actor=actor, at=timezone.now())
    assert AuditHead.objects.count() == 3
    assert verifying.verify() == verifying.Report(links=3)


def test_who_waits_for_the_head_goes_on_while_another_waits_for_the_disk(actor):
    """Many at once: each is chained, and each heard it."""
    note(actor)
    start = threading.Barrier(8)

    def write(_: int) -> None:
        start.wait()
        try:
            for _ in range(10):
                note(actor)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert verifying.verify() == verifying.Report(links=81)
