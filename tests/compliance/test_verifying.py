"""Damage done to the trail by whoever has the database alone: all of it is found, and the first bad record named."""

# ruff: noqa: S608 - the names of tables in these statements are constants below

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from compliance import audit, chain, checkpoints, keys, sealing, verifying
from compliance.models import AuditEvent, AuditHead, AuditLink, User
from compliance.verifying import Damage, Kind
from tests.support.disarmed import disarm
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-AUD-006")]

EVENT, LINK, HEAD = "compliance_auditevent", "compliance_auditlink", "compliance_audithead"
FORGED = "f" * 64
LENGTH, CHECKPOINT = 60, 40


@dataclass(frozen=True)
class Trail:
    """A trial's chain, as it was written: the number of the event at each place, and the codes."""

    chain: int
    events: tuple[int, ...]
    macs: tuple[str, ...]

    def event(self, place: int) -> int:
        return self.events[place - 1]

    def damage(self, kind: Kind, place: int | None, event: int | None = None) -> Damage:
        return Damage(self.chain, kind, place, event)


@pytest.fixture
def trail(db: None, own_disk: Any) -> Trail:
    """A trial's chain between those of others, open to whoever has the database: without triggers."""
    actor = User.objects.create(username="admin", full_name="Ada Admin")
    at = timezone.now()
    trials = [Trial.objects.create(code=f"AT-{n}", title="T", sponsor_name="S", created_at=at) for n in (1, 2)]
    for number in range(LENGTH):
        for about in (*trials, actor):
            audit.record(
                "thing.noted", about, actor=actor, at=at, after={"number": number}, before={"was": 1}, reason="because"
            )
    connection.seal()
    disarm()
    links = AuditLink.objects.filter(trial_id=trials[0].pk).order_by("sequence")
    return Trail(
        trials[0].pk,
        tuple(links.values_list("event_id", flat=True)),
        tuple(links.values_list("mac", flat=True)),
    )


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def link_at(trail: Trail, place: int, what: str, *values: Any) -> None:
    sql(f"UPDATE {LINK} SET {what} WHERE trial_id = %s AND sequence = %s", *values, trail.chain, place)


def remove_link(trail: Trail, place: int) -> None:
    sql(f"DELETE FROM {LINK} WHERE trial_id = %s AND sequence = %s", trail.chain, place)


def remove_event(trail: Trail, place: int) -> None:
    sql(f"DELETE FROM {EVENT} WHERE id = %s", trail.event(place))


def shift(trail: Trail, after: int, by: int) -> None:
    """Renumber the links after a place, by way of numbers that none has."""
    sql(f"UPDATE {LINK} SET sequence = -sequence WHERE trial_id = %s AND sequence > %s", trail.chain, after)
    sql(f"UPDATE {LINK} SET sequence = %s - sequence WHERE trial_id = %s AND sequence < 0", by, trail.chain)


def put_in(trail: Trail, place: int | None, draw: random.Random) -> int:
    """A copy of another event, under a link of its own if a place is given."""
    number = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() + 1
    names = [field.column for field in AuditEvent._meta.concrete_fields if field.column != "id"]
    listed = ", ".join(f'"{name}"' for name in names)
    copied = draw.choice(trail.events)
    sql(f"INSERT INTO {EVENT} (id, {listed}) SELECT %s, {listed} FROM {EVENT} WHERE id = %s", number, copied)
    if place is not None:
        key = AuditHead.objects.get(trial_id=trail.chain).key
        values = (number, trail.chain, place, draw.choice([FORGED, *trail.macs]), key)
        columns = "event_id, trial_id, sequence, mac, key"
        sql(f"INSERT INTO {LINK} ({columns}) VALUES (%s, %s, %s, %s, %s)", *values)
    return number


def set_end(trail: Trail, place: int) -> None:
    mac = trail.macs[place - 1] if place else chain.GENESIS
    sql(f"UPDATE {HEAD} SET sequence = %s, mac = %s WHERE trial_id = %s", place, mac, trail.chain)


# Each edit takes a chance and says which damage is to be found.
Edit = Callable[[Trail, random.Random], Damage]


def change_an_event(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    # A moment differs by a microsecond, a document by one value, a text by one letter, a number by one.
    column = draw.choice([name for name in chain.COLUMNS if name not in ("id", "trial_id")])
    moment = "2020-01-01 00:00:00.000001" if connection.vendor == "sqlite" else "2020-01-01 00:00:00.000001+00"
    value: Any = {"at": moment, "recorded_at": moment, "before": '{"was": 2}', "after": None}.get(column, "because.")
    if column in ("actor_id", "site_id"):
        value = 999_999
    sql(f"UPDATE {EVENT} SET {column} = %s WHERE id = %s", value, trail.event(place))
    return trail.damage(Kind.CHANGED, place, trail.event(place))


def change_an_event_into_what_looks_like_it(trail: Trail, draw: random.Random) -> Damage:
    """Another type, or another age, under the same characters."""
    place = draw.randint(1, LENGTH)
    if connection.vendor == "sqlite":
        column = draw.choice(["actor_name", "action", "object_id", "reason", "via", "after"])
        what = draw.choice(["CAST({0} AS BLOB)", "{0} || char(0)"]).format(column)
    else:
        column = draw.choice(["at", "recorded_at"])
        what = f"({column}::text || ' BC')::timestamptz"
    sql(f"UPDATE {EVENT} SET {column} = {what} WHERE id = %s", trail.event(place))
    return trail.damage(Kind.CHANGED, place, trail.event(place))


def change_a_code(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    link_at(trail, place, "mac = %s", FORGED)
    return trail.damage(Kind.CHANGED, place, trail.event(place))


def change_a_key(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    link_at(trail, place, "key = %s", draw.choice(["", "0123456789abcdef"]))
    return trail.damage(Kind.KEY, place, trail.event(place))


def make_a_link_without_a_key(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    row = AuditEvent.objects.filter(pk=trail.event(place)).values_list(*sealing.columns())[0]
    previous = trail.macs[place - 2] if place > 1 else chain.GENESIS
    mac = chain.link(b"", previous, trail.chain, place, chain.content(row))
    link_at(trail, place, "key = '', mac = %s", mac)
    return trail.damage(Kind.KEY, place, trail.event(place))


def take_out_an_event(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    remove_event(trail, place)
    return trail.damage(Kind.DELETED, place, trail.event(place))


def take_out_an_event_and_its_link(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, CHECKPOINT)
    remove_link(trail, place)
    if draw.random() < 0.5:
        remove_event(trail, place)
    return trail.damage(Kind.DELETED, place)


def take_out_events_and_renumber(trail: Trail, draw: random.Random) -> Damage:
    some = draw.randint(1, 5)
    place = draw.randint(1, CHECKPOINT)
    for gone in range(place, place + some):
        remove_link(trail, gone)
        remove_event(trail, gone)
    shift(trail, place, -some)
    if draw.random() < 0.5:
        sql(f"UPDATE {HEAD} SET sequence = sequence - %s WHERE trial_id = %s", some, trail.chain)
    return trail.damage(Kind.DELETED, place, trail.event(place + some))


def put_in_an_event_without_a_link(trail: Trail, draw: random.Random) -> Damage:
    return trail.damage(Kind.INSERTED, None, put_in(trail, None, draw))


def put_in_an_event_and_renumber(trail: Trail, draw: random.Random) -> Damage:
    place = draw.randint(1, LENGTH)
    shift(trail, place - 1, 1)
    number = put_in(trail, place, draw)
    if draw.random() < 0.5:
        sql(f"UPDATE {HEAD} SET sequence = sequence + 1 WHERE trial_id = %s", trail.chain)
    return trail.damage(Kind.INSERTED, place, number)


def put_an_event_at_the_end(trail: Trail, draw: random.Random) -> Damage:
    number = put_in(trail, LENGTH + 1, draw)
    if draw.random() < 0.5:
        mac = AuditLink.objects.get(event_id=number).mac
        sql(f"UPDATE {HEAD} SET sequence = %s, mac = %s WHERE trial_id = %s", LENGTH + 1, mac, trail.chain)
    return trail.damage(Kind.INSERTED, LENGTH + 1, number)


def two_places(draw: random.Random) -> tuple[int, int]:
    one, other = sorted(draw.sample(range(1, LENGTH + 1), 2))
    return one, other


def exchange_two_links(trail: Trail, draw: random.Random) -> Damage:
    one, other = two_places(draw)
    link_at(trail, one, "sequence = -1")
    link_at(trail, other, "sequence = %s", one)
    link_at(trail, -1, "sequence = %s", other)
    return trail.damage(Kind.REORDERED, one, trail.event(other))


def exchange_the_events_of_two_links(trail: Trail, draw: random.Random) -> Damage:
    one, other = two_places(draw)
    link_at(trail, one, "event_id = -1")
    link_at(trail, other, "event_id = %s", trail.event(one))
    link_at(trail, one, "event_id = %s", trail.event(other))
    return trail.damage(Kind.REORDERED, one, trail.event(other))


def exchange_what_two_events_say(trail: Trail, draw: random.Random) -> Damage:
    one, other = two_places(draw)
    said = dict(AuditEvent.objects.values_list("pk", "after"))
    for place, taken in ((one, other), (other, one)):
        sql(f"UPDATE {EVENT} SET after = %s WHERE id = %s", json.dumps(said[trail.event(taken)]), trail.event(place))
    return trail.damage(Kind.CHANGED, one, trail.event(one))


def cut_off_behind_a_checkpoint(trail: Trail, draw: random.Random) -> Damage:
    """With an end that was right once, of a copy that somebody kept: its seal holds."""
    last = draw.randint(0, CHECKPOINT - 1)
    for place in range(last + 1, LENGTH + 1):
        remove_link(trail, place)
        remove_event(trail, place)
    set_end(trail, last)
    if draw.random() < 0.7:
        sealed_as_it_was(trail, last)
    elif draw.random() < 0.5:
        sql(f"DELETE FROM {HEAD} WHERE trial_id = %s", trail.chain)
    return trail.damage(Kind.TRUNCATED, last + 1)


def sealed_as_it_was(trail: Trail, last: int) -> None:
    mac = trail.macs[last - 1] if last else chain.GENESIS
    seal = chain.head(keys.of_audit()[0].chaining, trail.chain, last, mac, 0)
    sql(f"UPDATE {HEAD} SET seal = %s WHERE trial_id = %s", seal, trail.chain)


def cut_off_after_the_checkpoint_without_a_seal(trail: Trail, draw: random.Random) -> Damage:
    last = draw.randint(CHECKPOINT, LENGTH - 1)
    for place in range(last + 1, LENGTH + 1):
        remove_link(trail, place)
        remove_event(trail, place)
    set_end(trail, last)
    return trail.damage(Kind.HEAD, last)


def set_the_end_back(trail: Trail, draw: random.Random) -> Damage:
    last = draw.randint(0, LENGTH - 1)
    set_end(trail, last)
    if draw.random() < 0.5:
        sealed_as_it_was(trail, last)
    return trail.damage(Kind.HEAD, last)


def change_the_end(trail: Trail, draw: random.Random) -> Damage:
    what = draw.choice(["mac = 'x'", "seal = 'x'", "seal = ''", "key = 'x'", "sequence = sequence + 3"])
    sql(f"UPDATE {HEAD} SET {what} WHERE trial_id = %s", trail.chain)
    return trail.damage(Kind.HEAD, LENGTH)


def take_the_end_away(trail: Trail, draw: random.Random) -> Damage:
    sql(f"DELETE FROM {HEAD} WHERE trial_id = %s", trail.chain)
    return trail.damage(Kind.HEAD, LENGTH)


def write_it_all_anew_with_the_key(trail: Trail, draw: random.Random) -> Damage:
    """Whoever has the key as well is found by the checkpoint alone."""
    secret, mac = keys.of_audit()[0].chaining, chain.GENESIS
    changed = draw.randint(1, CHECKPOINT)
    sql(f"UPDATE {EVENT} SET reason = 'another' WHERE id = %s", trail.event(changed))
    rows = dict(
        enumerate(AuditEvent.objects.filter(pk__in=trail.events).order_by("pk").values_list(*sealing.columns()))
    )
    for place in range(1, LENGTH + 1):
        mac = chain.link(secret, mac, trail.chain, place, chain.content(rows[place - 1]))
        link_at(trail, place, "mac = %s", mac)
    seal = chain.head(secret, trail.chain, LENGTH, mac, 0)
    sql(f"UPDATE {HEAD} SET mac = %s, seal = %s WHERE trial_id = %s", mac, seal, trail.chain)
    return trail.damage(Kind.REWRITTEN, CHECKPOINT, trail.event(CHECKPOINT))


EDITS: tuple[Edit, ...] = (
    change_an_event,
    change_an_event_into_what_looks_like_it,
    change_a_code,
    change_a_key,
    make_a_link_without_a_key,
    take_out_an_event,
    take_out_an_event_and_its_link,
    take_out_events_and_renumber,
    put_in_an_event_without_a_link,
    put_in_an_event_and_renumber,
    put_an_event_at_the_end,
    exchange_two_links,
    exchange_the_events_of_two_links,
    exchange_what_two_events_say,
    cut_off_behind_a_checkpoint,
    cut_off_after_the_checkpoint_without_a_seal,
    set_the_end_back,
    change_the_end,
    take_the_end_away,
    write_it_all_anew_with_the_key,
)
#: With the slowest done less often, a thousand and more in all.
TIMES = {write_it_all_anew_with_the_key: 10}


def found(trail: Trail) -> tuple[Damage, ...]:
    marks = {trail.chain: {CHECKPOINT: trail.macs[CHECKPOINT - 1]}}
    return verifying.verify(chains=[trail.chain], marks=marks).damages


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_damage_is_found_and_the_first_bad_record_named(trail, edit):
    draw = random.Random(edit.__name__)
    assert found(trail) == ()
    for _ in range(TIMES.get(edit, 56)):
        with undone():
            expected = edit(trail, draw)
            assert found(trail) == (expected,)
    assert found(trail) == ()


class undone:
    """What is done inside is taken back."""

    def __enter__(self) -> None:
        self.savepoint = transaction.savepoint()

    def __exit__(self, *problem: Any) -> None:
        transaction.savepoint_rollback(self.savepoint)


def test_a_thousand_edits_are_tried():
    assert sum(TIMES.get(edit, 56) for edit in EDITS) >= 1000


def test_damage_in_one_chain_leaves_the_others_proven(trail):
    sql(f"UPDATE {EVENT} SET reason = 'x' WHERE id = %s", trail.event(9))
    report = verifying.verify()
    assert report.damages == (trail.damage(Kind.CHANGED, 9, trail.event(9)),)
    assert report.links == 2 * LENGTH + 8


def test_a_chain_is_followed_from_a_checkpoint_on(trail):
    since = {trail.chain: {CHECKPOINT: trail.macs[CHECKPOINT - 1]}}
    assert verifying.verify(chains=[trail.chain], since=since) == verifying.Report(links=LENGTH - CHECKPOINT)
    sql(f"UPDATE {EVENT} SET reason = 'x' WHERE id = %s", trail.event(9))
    assert verifying.verify(chains=[trail.chain], since=since).damages == ()
    sql(f"UPDATE {EVENT} SET reason = 'x' WHERE id = %s", trail.event(CHECKPOINT + 1))
    assert [damage.sequence for damage in verifying.verify(since=since).damages] == [CHECKPOINT + 1]


def test_links_of_a_chain_that_nobody_began_are_found(trail):
    sql(f"UPDATE {LINK} SET trial_id = 4711 WHERE trial_id = %s AND sequence = 1", trail.chain)
    assert [(damage.chain, damage.kind) for damage in verifying.verify().damages] == [
        (trail.chain, Kind.DELETED),
        (4711, Kind.CHANGED),
    ]


@pytest.fixture
def older(own_disk: Any) -> Trail:
    """Events that were there before the chain was, chained as an upgrade does it, and one that came afterwards."""
    actor = User.objects.create(username="admin", full_name="Ada Admin")
    trial = Trial.objects.create(code="AT-1", title="T", sponsor_name="S", created_at=timezone.now())
    for number in range(5):
        for about in (trial, actor):
            audit.record("thing.noted", about, actor=actor, at=timezone.now(), after={"number": number})
    connection.unsealed.clear()
    upgrade = importlib.import_module("compliance.migrations.0007_chain_events_there_are")
    upgrade.chain_events(apps, None)
    audit.record("thing.noted", trial, actor=actor, at=timezone.now())
    connection.seal()
    disarm()
    links = AuditLink.objects.filter(trial_id=trial.pk).order_by("sequence")
    return Trail(trial.pk, tuple(links.values_list("event_id", flat=True)), tuple(links.values_list("mac", flat=True)))


def test_events_that_were_there_before_are_the_first_links_and_said_to_have_no_key(older):
    assert verifying.verify() == verifying.Report(11, (), {chain.NO_TRIAL: 5, older.chain: 5})
    keyed = AuditLink.objects.exclude(key="").values_list("trial_id", "sequence")
    assert list(keyed) == [(older.chain, 6)]


def test_an_event_that_was_there_before_is_bound_as_it_was(older):
    sql(f"UPDATE {EVENT} SET reason = 'x' WHERE id = %s", older.event(3))
    assert verifying.verify().damages == (older.damage(Kind.CHANGED, 3, older.event(3)),)
    # With its link made anew, and all that have no key: the first that has one does not follow any more.
    mac = chain.GENESIS
    rows = AuditEvent.objects.filter(pk__in=older.events[:5]).order_by("pk").values_list(*sealing.columns())
    for place, row in enumerate(rows, start=1):
        mac = chain.link(b"", mac, older.chain, place, chain.content(row))
        link_at(older, place, "mac = %s", mac)
    assert verifying.verify().damages == (older.damage(Kind.CHANGED, 6, older.event(6)),)


def test_a_chain_that_was_there_before_is_sealed_with_the_first_checkpoint(older):
    checkpoint = checkpoints.make(at=timezone.now())
    assert checkpoint is not None
    kept, forged = checkpoints.kept()
    assert forged == []
    assert verifying.verify(marks=checkpoints.marks(kept)).damages == ()
    assert not AuditHead.objects.filter(key="").exists()


def test_a_chain_that_was_written_anew_without_a_key_is_found_once_there_is_a_checkpoint_of_any(trail):
    mac = chain.GENESIS
    rows = AuditEvent.objects.filter(pk__in=trail.events).order_by("pk").values_list(*sealing.columns())
    for place, row in enumerate(rows, start=1):
        mac = chain.link(b"", mac, trail.chain, place, chain.content(row))
        link_at(trail, place, "key = '', mac = %s", mac)
    end = "key = '', seal = '', mac = %s, unkeyed = sequence"
    sql(f"UPDATE {HEAD} SET {end} WHERE trial_id = %s", mac, trail.chain)
    others = {chain.NO_TRIAL: {1: AuditLink.objects.get(trial_id=chain.NO_TRIAL, sequence=1).mac}}
    assert verifying.verify(marks=others).damages == (trail.damage(Kind.HEAD, LENGTH),)


def test_the_command_says_that_all_is_as_it_was(trail, capsys):
    call_command("verify_audit")
    assert f"{3 * LENGTH} events and 0 checkpoints verified" in capsys.readouterr().out


def test_the_command_names_the_first_bad_record_and_fails(trail, capsys):
    sql(f"UPDATE {EVENT} SET reason = 'x' WHERE id = %s", trail.event(9))
    with pytest.raises(CommandError, match="The audit trail is damaged"):
        call_command("verify_audit", trial="AT-1")
    assert capsys.readouterr().out == (
        f"Trial AT-1: record 9 (event {trail.event(9)}) is bad, because it is not what was recorded.\n"
    )
    call_command("verify_audit", trial="AT-2")
    with pytest.raises(CommandError, match="No trial has the code"):
        call_command("verify_audit", trial="AT-3")
