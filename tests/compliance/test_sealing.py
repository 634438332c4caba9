"""How events enter the chain: with the commit of what they tell of, without a gap, or not at all."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from compliance import audit, keys, verifying
from compliance.chain import NO_TRIAL
from compliance.models import AuditEvent, AuditHead, AuditLink, User
from trials.models import Trial

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_disk"),
    pytest.mark.requirement("REQ-AUD-005"),
]


@pytest.fixture
def actor(own_disk) -> User:
    return User.objects.create(username="admin", full_name="Ada Admin", is_staff=True)


def a_trial(code: str) -> Trial:
    return Trial.objects.create(code=code, title="A trial", sponsor_name="S", created_at=timezone.now())


def note(about, actor: User, **after: object) -> AuditEvent:
    return audit.record("thing.noted", about, actor=actor, at=timezone.now(), after=after or None)


def numbers(chain: int) -> list[int]:
    return list(AuditLink.objects.filter(trial_id=chain).order_by("sequence").values_list("sequence", flat=True))


def test_each_event_is_chained_with_the_commit_in_its_trials_own_chain(actor):
    one, other = a_trial("ONE-1"), a_trial("TWO-2")
    for about in (one, other, one, actor):
        note(about, actor)
    assert (numbers(one.pk), numbers(other.pk), numbers(NO_TRIAL)) == ([1, 2], [1], [1])
    assert verifying.verify() == verifying.Report(links=4)


@pytest.mark.requirement("REQ-AUD-005", "REQ-AUD-013")
def test_what_is_taken_back_leaves_no_gap(actor):
    trial = a_trial("ONE-1")
    note(trial, actor)
    with pytest.raises(RuntimeError), transaction.atomic():
        note(trial, actor)
        raise RuntimeError
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            note(trial, actor)
            raise RuntimeError
        note(trial, actor)
    assert numbers(trial.pk) == [1, 2]
    assert verifying.verify() == verifying.Report(links=2)


@pytest.mark.requirement("REQ-AUD-005", "REQ-AUD-013")
def test_thousands_of_events_of_one_commit_are_chained_in_their_order(actor):
    trial = a_trial("ONE-1")
    with transaction.atomic():
        events = [note(trial, actor, number=number).pk for number in range(1100)]
    links = AuditLink.objects.order_by("sequence").values_list("event_id", "sequence")
    assert list(links) == [(event, place) for place, event in enumerate(events, start=1)]
    assert verifying.verify() == verifying.Report(links=1100)


def test_what_is_taken_back_in_part_is_not_chained_and_what_came_before_it_is(actor):
    """A part that was kept within one that was taken back went with it."""
    with transaction.atomic():
        kept = [note(actor, actor).pk]
        outer = transaction.savepoint()
        note(actor, actor)
        with transaction.atomic():
            note(actor, actor)
        transaction.savepoint_rollback(outer)
        kept.append(note(actor, actor).pk)
    assert list(AuditLink.objects.order_by("sequence").values_list("event_id", flat=True)) == kept
    assert verifying.verify() == verifying.Report(links=2)


@pytest.mark.parametrize(
    "after",
    [
        {"b": 1, "a": 2},
        {"n": 1e16, "m": 1e-7, "z": -0.0, "d": 12.50},
        {"é": '\u2028 \\ " \x1f'},
        {"deep": [[{"x": None}]]},
        {"large": 2**80, "long": 0.1 + 0.2, "tiny": 5e-324, "whole": 1e22, "yes": True, "no": []},
        {"named": {1: "by a number", "": "by nothing"}},
    ],
    ids=["order", "numbers", "text", "nested", "more numbers", "names"],
)
def test_what_is_stored_is_what_is_bound(actor, after):
    note(actor, actor, **after)
    assert verifying.verify() == verifying.Report(links=1)


@pytest.mark.requirement("REQ-AUD-005", "REQ-AUD-008")
def test_without_its_key_nothing_is_committed_that_the_trail_must_know_of(actor, own_disk):
    note(actor, actor)
    (own_disk / "keys" / "audit" / "1.key").rename(own_disk / "away.key")
    with pytest.raises(keys.KeyMissing, match="Restore the key file"), transaction.atomic():
        trial = a_trial("ONE-1")
        note(trial, actor)
    assert not Trial.objects.exists()
    (own_disk / "away.key").rename(own_disk / "keys" / "audit" / "1.key")
    note(actor, actor)
    assert numbers(NO_TRIAL) == [1, 2]


@pytest.mark.requirement("REQ-AUD-005", "REQ-AUD-008")
def test_another_key_in_the_place_of_the_trails_key_is_no_key(actor, own_disk):
    note(actor, actor)
    (own_disk / "keys" / "audit" / "1.key").write_text("ab" * 32)
    with pytest.raises(keys.KeyMissing):
        note(actor, actor)
    assert [damage.kind for damage in verifying.verify().damages] == [verifying.Kind.KEY]


def test_the_chain_goes_on_with_the_newest_key_and_is_verified_with_each(actor):
    note(actor, actor)
    newest = keys.create_for_audit(2)
    note(actor, actor)
    used = list(AuditLink.objects.order_by("sequence").values_list("key", flat=True))
    assert used == [key.fingerprint for key in keys.of_audit()]
    assert used[1] == newest.fingerprint
    assert verifying.verify() == verifying.Report(links=2)


@pytest.mark.requirement("REQ-AUD-004", "REQ-AUD-005")
@pytest.mark.parametrize("sql", ["UPDATE compliance_auditlink SET sequence = 9", "DELETE FROM compliance_auditlink"])
def test_the_database_refuses_to_change_or_remove_a_link(actor, sql):
    note(actor, actor)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.requirement("REQ-AUD-005", "REQ-AUD-013")
def test_twenty_who_write_at_once_leave_chains_without_a_gap_and_none_waits_for_ever(actor):
    """Each transaction locks records in an order of its own, with events between, as nobody can forbid."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time")
    trials = [a_trial(f"AT-{number}") for number in range(3)]
    start = threading.Barrier(20)

    def write(writer: int) -> None:
        start.wait()
        try:
            for turn in range(10):
                first, second = trials[(writer + turn) % 3], trials[(writer * turn) % 3]
                with transaction.atomic():
                    note(first, actor, writer=writer, turn=turn)
                    note(second, actor, writer=writer, turn=turn)
                    time.sleep(0.001)
                    note(actor, actor, writer=writer)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))
    assert AuditLink.objects.count() == 600
    for head in AuditHead.objects.all():
        assert numbers(head.trial_id) == list(range(1, head.sequence + 1))
    assert verifying.verify() == verifying.Report(links=600)


def test_whoever_holds_what_an_event_names_does_not_wait_for_a_chain_that_waits_for_them(actor):
    """PostgreSQL looks at foreign keys at the commit: not with the chain's end in its hands."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time")
    trial = a_trial("ONE-1")
    note(trial, actor)

    def write() -> None:
        try:
            note(trial, actor)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=actor.pk)
            other = pool.submit(write)
            while not _somebody_waits():
                assert not other.done()
                time.sleep(0.01)
            note(trial, actor)
        other.result(timeout=30)

    assert verifying.verify() == verifying.Report(links=3)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # A transaction sees one picture of what others do until it asks for another.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])
