"""Whether the audit trail is what was written: each chain is followed link by link, up to its first bad record.

Records are read in portions, raw, so that memory does not grow with the trail. What is written meanwhile does not
disturb: a chain is followed up to where it ended when its turn came.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from django.db import DatabaseError, connection
from django.db.models import Exists, Max, OuterRef, QuerySet, Subquery

from compliance import chain, keys, redaction
from compliance.engines.committing import SealsTheTrail
from compliance.models import AuditEvent, AuditHead, AuditLink
from compliance.sealing import AT_ONCE, columns, parts

#: Chain, link's number and code, as a signed checkpoint has them.
Marks = Mapping[int, Mapping[int, str]]


class Kind(enum.StrEnum):
    """What was done to a trail."""

    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    HEAD = "head"
    KEY = "wrong key"


_SAID = {
    Kind.CHANGED: "it is not what was recorded",
    Kind.DELETED: "it was removed",
    Kind.INSERTED: "it was put in past the record",
    Kind.REORDERED: "it stands in another's place",
    Kind.TRUNCATED: "it and all that followed are gone, though a checkpoint has them",
    Kind.REWRITTEN: "it is not what a checkpoint has, though its own code is right",
    Kind.HEAD: "the chain's end, which is kept with it, was changed",
    Kind.KEY: "its code is of a key that it cannot be of, or that is not there",
}


@dataclass(frozen=True, slots=True)
class Damage:
    """The first bad record of a chain. `sequence` is None for an event that is in no chain."""

    chain: int
    kind: Kind
    sequence: int | None = None
    event: int | None = None

    def said(self, name: str) -> str:
        """Return the finding as a sentence; `name` is that of the chain's trial."""
        record = "a record" if self.sequence is None else f"record {self.sequence}"
        event = "" if self.event is None else f" (event {self.event})"
        return f"{name}: {record}{event} is bad, because {_SAID[self.kind]}."


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: links that were followed, and the first bad record of each chain that has one."""

    links: int
    damages: tuple[Damage, ...] = ()
    #: Links at the beginning that stand without a key, by chain.
    unkeyed: Mapping[int, int] = field(default_factory=dict)


class _Link(NamedTuple):
    sequence: int
    mac: str
    key: str
    event: int
    content: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> _Link:
        """Return a link as it is read by `_Walk._rows`."""
        sequence, mac, key, event, *parted = row
        return cls(sequence, mac, key, event, chain.joined(*parted))


#: Links that are read by one question: to word it takes as long as a thousand codes.
PORTION = 10_000
_LINK = ("sequence", "mac", "key", "event__id")


def verify(*, chains: Iterable[int] | None = None, marks: Marks | None = None, since: Marks | None = None) -> Report:
    """Follow the chains and tell the first bad record of each.

    Parameters
    ----------
    chains
        Which ones; all if not given.
    marks
        What checkpoints say of links.
    since
        The one link of a chain, by a checkpoint, after which it is followed; from its beginning if not given.

    Raises
    ------
    KeyMissing
        A key of the trail lies there and cannot be read.
    """
    marks = marks or {}
    wanted = sorted(_chains(marks) if chains is None else chains)
    links, damages = 0, []
    for number in wanted:
        walk = _Walk(number, marks, (since or {}).get(number, {}))
        if damage := walk.damage() or _outside(number):
            damages.append(damage)
        links += walk.followed
    heads = AuditHead.objects.filter(trial_id__in=wanted, unkeyed__gt=0)
    return Report(links, tuple(damages), dict(heads.values_list("trial_id", "unkeyed")))


def _chains(marks: Marks) -> set[int]:
    stored = AuditEvent.objects.order_by().values_list("trial_id", flat=True).distinct()
    linked = AuditLink.objects.order_by().values_list("trial_id", flat=True).distinct()
    heads = AuditHead.objects.values_list("trial_id", flat=True)
    return {number or chain.NO_TRIAL for number in stored} | set(linked) | set(heads) | set(marks)


def _outside(number: int) -> Damage | None:
    """The first event of a chain's trial that no link knows; those of an own transaction wait for its end."""
    own = [event for event, *_ in cast(SealsTheTrail, connection).unsealed]
    events = AuditEvent.objects.filter(trial_id=None if number == chain.NO_TRIAL else number).exclude(pk__in=own)
    unknown = events.exclude(Exists(AuditLink.objects.filter(event_id=OuterRef("pk")))).order_by("pk")
    event = unknown.values_list("pk", flat=True).first()
    return None if event is None else Damage(number, Kind.INSERTED, event=event)


class _Walk:
    """One chain, followed once."""

    def __init__(self, number: int, marks: Marks, since: Mapping[int, str]):
        self.chain, self.marks = number, marks.get(number, {})
        # Whoever makes a checkpoint seals every end first: from then on none is without a key.
        self.may_be_unsealed = not marks
        self.head = AuditHead.objects.filter(trial_id=number).first()
        self.end = self.head.sequence if self.head else self._last()
        # Read after the end, so that the key of every link up to it is among them, however new.
        known = keys.of_audit()
        self.secrets = {key.fingerprint: key.chaining for key in known}
        # The beginning has no key: plain SHA-256 stands for one.
        self.keyed = {"": b"", **self.secrets}
        self.order = {"": 0, **{key.fingerprint: key.number for key in known}}
        self.sealed = self._head_is_sealed()
        self.sequence, self.mac = max(since.items(), default=(0, chain.GENESIS))
        self.begin = self.sequence

    @property
    def followed(self) -> int:
        """How many links are proven."""
        return self.sequence - self.begin

    def damage(self) -> Damage | None:
        """Follow the chain; return its first bad record, if it has one."""
        return self._along() or self._end()

    def _along(self) -> Damage | None:
        """Follow the links up to the end or the first bad one. Every record passes here: nothing is made per record."""
        keyed, marks, number = self.keyed, self.marks, self.chain
        unkeyed = self.head.unkeyed if self.head and self.sealed else None
        content, link, previous, last = chain.joined, chain.link, self.mac, ""
        for row in self._rows(self.sequence, self.end):
            sequence, mac, key, event, about, before, after, rest = row
            if sequence != self.sequence + 1:
                return self._gap()
            secret = keyed.get(key)
            if secret is None or (unkeyed is not None and (not secret) != (sequence <= unkeyed)):
                return self._bad(Kind.KEY, _Link.of(row))
            if key != last:
                # Who has an old key alone adds nothing: none comes after the one that followed it.
                if self.order[key] < self.order[last]:
                    return self._bad(Kind.KEY, _Link.of(row))
                last = key
            follows = link(secret, previous, number, sequence, content(about, before, after, rest)) == mac
            if not follows and not self._is_redacted(sequence, mac, event):
                return self._bad(self._kind_of(_Link.of(row)), _Link.of(row))
            if sequence in marks and marks[sequence] != mac:
                return self._bad(Kind.REWRITTEN, _Link.of(row))
            self.sequence, self.mac = sequence, previous = sequence, mac
        return None

    def _is_redacted(self, sequence: int, mac: str, event: int) -> bool:
        """Tell whether two people had text taken out of a link's event: one after it says so, by a code of its own."""
        said = AuditEvent.objects.filter(action=redaction.VOUCHING, after__event=event)
        for voucher in map(_Link.of, _read(AuditLink.objects.filter(event__in=said))):
            before = AuditLink.objects.filter(trial_id=self.chain, sequence=voucher.sequence - 1).first()
            # Only a key proves it; what has none can be written by anybody.
            proven = before and voucher.key and self._verifies(voucher, voucher.sequence, before.mac)
            after = AuditEvent.objects.get(pk=voucher.event).after
            row = AuditEvent.objects.values_list(*columns()).get(pk=event)
            if proven and redaction.vouches(after, sequence=sequence, mac=mac, row=row):
                return True
        return False

    def _end(self) -> Damage | None:
        beyond = self._beyond()
        if beyond is not None and not self._verifies(beyond, self.sequence + 1, self.mac):
            return self._bad(Kind.INSERTED, beyond)
        if beyond is None and max(self.marks, default=0) > min(self.sequence, self.end):
            return Damage(self.chain, Kind.TRUNCATED, min(self.sequence, self.end) + 1)
        if not self.sealed or beyond is not None:
            return Damage(self.chain, Kind.HEAD, self.sequence)
        if self.sequence < self.end:
            return self._gap()
        whole = self.head is None or self.head.mac == self.mac
        return None if whole else Damage(self.chain, Kind.HEAD, self.sequence)

    def _rows(self, after: int, end: int) -> Iterator[tuple[Any, ...]]:
        """The chain's links between two numbers, with their events; a link without its event is left out."""
        wanted = AuditLink.objects.filter(trial_id=self.chain, sequence__lte=end).order_by("sequence")
        while True:
            rows = _read(wanted.filter(sequence__gt=after)[:PORTION])
            yield from rows
            if len(rows) < PORTION:
                return
            after = rows[-1][0]

    def _last(self) -> int:
        """The number of the last link of a chain that has no head; 0 if it just begins, and has one after all."""
        last = AuditLink.objects.filter(trial_id=self.chain).aggregate(last=Max("sequence"))["last"]
        self.head = AuditHead.objects.filter(trial_id=self.chain).first() if last else None
        return self.head.sequence if self.head else last or 0

    def _beyond(self) -> _Link | None:
        """A link after the end that the head names, at one moment."""
        end = AuditHead.objects.filter(trial_id=self.chain).values("sequence")
        links = AuditLink.objects.filter(trial_id=self.chain, sequence__gt=Subquery(end)).order_by("sequence")
        return next(map(_Link.of, _read(links[:1])), None)

    def _head_is_sealed(self) -> bool:
        head = self.head
        if head is None:
            return self.end == 0
        if not head.key:
            return self.may_be_unsealed and head.sequence == head.unkeyed
        secret = self.secrets.get(head.key, b"")
        return bool(secret) and head.seal == chain.head(secret, self.chain, head.sequence, head.mac, head.unkeyed)

    def _bad(self, kind: Kind, link: _Link) -> Damage:
        return Damage(self.chain, kind, link.sequence, link.event)

    def _gap(self) -> Damage:
        """The record that is not where it should be: gone, or its event is."""
        missing = AuditLink.objects.filter(trial_id=self.chain, sequence=self.sequence + 1)
        return Damage(self.chain, Kind.DELETED, self.sequence + 1, missing.values_list("event_id", flat=True).first())

    def _verifies(self, link: _Link, sequence: int, previous: str, content: str | None = None) -> bool:
        secret = self.keyed.get(link.key)
        said = link.content if content is None else content
        return secret is not None and chain.link(secret, previous, self.chain, sequence, said) == link.mac

    def _kind_of(self, bad: _Link) -> Kind:
        """What was done where a link's code is wrong, by what still fits: its neighbours, and all that follow."""
        here = bad.sequence
        if any(self._verifies(bad._replace(key=key), here, self.mac) for key in self.keyed):
            return Kind.KEY
        follows = skips = displaced = moved = anothers = False
        previous = bad.mac
        for row in self._rows(here, self.end + AT_ONCE):
            later = _Link.of(row)
            if later.sequence == here + 1:
                follows = self._verifies(later, here + 1, bad.mac)
                skips = any(self._verifies(later, here + 1 + gone, bad.mac) for gone in range(1, AT_ONCE))
            # The record that belongs here may stand further on, and that which stands here may belong there.
            displaced = displaced or self._verifies(later, here, self.mac)
            anothers = anothers or self._verifies(bad, here, self.mac, later.content)
            moved = moved or any(
                self._verifies(bad, later.sequence + step, code)
                for code in (previous, later.mac)
                for step in (-1, 0, 1)
            )
            previous = later.mac
        if anothers or (displaced and moved):
            return Kind.REORDERED
        if follows:
            return Kind.CHANGED
        if skips or displaced:
            return Kind.DELETED if skips else Kind.INSERTED
        return self._kind_of_last(bad)

    def _kind_of_last(self, bad: _Link) -> Kind:
        """What was done to a link that nothing follows, by what the head says of it."""
        if self.head is None or self.head.mac != bad.mac:
            return Kind.CHANGED
        if not self.sealed:
            return Kind.INSERTED
        return Kind.DELETED if self.end > bad.sequence else Kind.CHANGED


def _read(links: QuerySet[AuditLink]) -> list[tuple[Any, ...]]:
    """Links with their events: number, code, key, the event's number, and the parts of its content."""
    # Past the ORM, whose way from the driver's rows to the same tuples takes nearly as long as the codes.
    with connection.cursor() as cursor:
        try:
            cursor.execute(*links.values_list(*_LINK, *parts("event__")).query.sql_with_params())
            return cursor.fetchall()
        except DatabaseError:
            # Somebody put into SQLite what no list of JSON holds: Python has a form for that too.
            cursor.execute(*links.values_list(*_LINK, *columns("event__")).query.sql_with_params())
            return [(*row[:4], *chain.parts(row[4:])) for row in cursor.fetchall()]
