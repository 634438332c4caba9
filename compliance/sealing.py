"""How events enter the chain: at the end of the transaction that wrote them, and in it.

Numbers without a gap need a lock that is held until the commit. Taken with the first event it would make all writers
of a trial wait for each other's whole work, and two that lock records in another order would wait for ever. So the
connection (`compliance.engines`) calls `seal()` right before it commits: the heads are the last thing that a
transaction locks, in one order, for a moment. PostgreSQL looks at foreign keys at the commit, and locks what they name:
it is told to look before the heads are locked.

Commits of one trial would also wait for each other's write to the disk, which is the longest part. So PostgreSQL gives
the head free before that, and then writes to the disk for all who wait, at once: whoever committed hears it after that
alone. What others see in between is lost in a crash only together with all that they wrote upon it, as the disk gets
everything in the order of the commits.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.db import connection, models, transaction

from compliance import chain, keys
from compliance.engines.committing import SealsTheTrail
from compliance.models import AuditEvent, AuditHead

#: Events that are read, and links that are written, by one statement.
AT_ONCE = 1000

#: The number of an event that was written, its chain and its content.
Unsealed = tuple[int, int, str]

_MOMENTS, _DOCUMENTS = ([chain.COLUMNS.index(name) for name in names] for names in (chain.MOMENTS, chain.DOCUMENTS))

# Statements for each commit: the ORM takes longer to write one than the database to do it.
_HEAD = "SELECT sequence, mac, key, seal, unkeyed FROM compliance_audithead WHERE trial_id = %s"
_BEGIN = (
    "INSERT INTO compliance_audithead (trial_id, sequence, mac, key, seal, unkeyed) VALUES (%s, 0, %s, '', '', 0) "
    "ON CONFLICT DO NOTHING"
)
_END = "UPDATE compliance_audithead SET sequence = %s, mac = %s, key = %s, seal = %s WHERE trial_id = %s"
#: On PostgreSQL, with the first lock and with the last statement: each by one round trip.
_LOOK = "SET CONSTRAINTS ALL IMMEDIATE; "
_FLUSH_LATER = "SET LOCAL synchronous_commit TO off; "
# A transaction that wrote anything ends when the disk has it, and all that was committed before.
_COMMIT_AND_FLUSH = "; COMMIT; SELECT pg_logical_emit_message(true, 'parallax', ''::text)"
_LINKS = "INSERT INTO compliance_auditlink (event_id, trial_id, sequence, mac, key) VALUES "


class _Moment(models.Func):
    """A stored moment as `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, as text: quicker than through Python's own type."""

    output_field = models.CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        template = "CASE WHEN length(%(expressions)s) = 19 THEN %(expressions)s || '.000000' ELSE %(expressions)s END"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        # A year before the first would look like one after it.
        template = (
            "CASE WHEN %(expressions)s >= '0001-01-01' THEN "
            "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') ELSE %(expressions)s::text END"
        )
        return super().as_sql(compiler, connection, template=template, **context)


class _Document(models.Func):
    """A document as the text that is stored; bytes in the place of a text stay bytes."""

    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return super().as_sql(compiler, connection, template="%(expressions)s", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return super().as_sql(compiler, connection, template="%(expressions)s::text", **context)


class _Listed(models.Func):
    """Columns as a JSON list in the form of `chain.parts`, written by the database: quicker than by Python."""

    function, output_field = "json_array", models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        listed = self.copy()
        listed.set_source_expressions(
            [
                models.Func(one, function="to_json", output_field=self.output_field)
                for one in self.get_source_expressions()
            ]
        )
        template = "array_to_json(ARRAY[%(expressions)s])::text"
        return super(_Listed, listed).as_sql(compiler, connection, template=template, **context)


def columns(prefix: str = "") -> list[Any]:
    """Return what `values_list` needs to give `chain.COLUMNS` of events, raw; `prefix` leads to the event."""
    return [_raw(prefix, name) for name in chain.COLUMNS]


def parts(prefix: str = "") -> list[Any]:
    """Return what `values_list` needs to give `chain.parts` of events; `prefix` leads to the event.

    On SQLite the question fails where somebody put bytes in the place of a text.
    """
    about, rest = (_Listed(*(_raw(prefix, name) for name in names)) for names in (chain.ABOUT, chain.REST))
    return [about, *(_raw(prefix, name) for name in chain.DOCUMENTS), rest]


def _raw(prefix: str, name: str) -> Any:
    column = models.F(prefix + name)
    if name in chain.MOMENTS:
        return _Moment(column)
    return _Document(column) if name in chain.DOCUMENTS else column


def enlist(event: AuditEvent) -> None:
    """Have an event chained when its transaction commits; the caller is inside it, and has stored the event."""
    number = chain.NO_TRIAL if event.trial_id is None else event.trial_id
    cast(SealsTheTrail, connection).unsealed.append((event.pk, number, chain.content(_as_stored(event))))


def _as_stored(event: AuditEvent) -> list[Any]:
    """Return `chain.COLUMNS` of an event that was just stored, as `columns()` would read them back."""
    row = [getattr(event, name) for name in chain.COLUMNS]
    for place in _MOMENTS:
        row[place] = f"{row[place].astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}"
    for place in _DOCUMENTS:
        row[place] = None if row[place] is None else json.dumps(row[place])
    return row


def seal(events: Iterable[Unsealed], *, commit: bool = False) -> None:
    """Chain events of the transaction that is about to be committed, in the order in which they were written.

    With `commit` PostgreSQL commits by the same statement; elsewhere it is left to the caller.

    Raises
    ------
    KeyMissing
        The trail's key cannot be read; without it nothing can be committed of which the trail must know.
    """
    waiting: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for event, number, content in events:
        waiting[number].append((event, content))
    numbers = sorted(waiting)
    first = last = ""
    if connection.vendor == "postgresql":
        first, last = (_LOOK + _FLUSH_LATER, _COMMIT_AND_FLUSH) if commit else (_LOOK, "")
    with transaction.atomic(savepoint=False):
        # Strictly one after the other: who has a head waits for higher ones alone.
        for number in numbers:
            head = _locked(number, first if number == numbers[0] else "")
            # Asked for with the lock: no link of a key comes after one of the next (`trials.services.rekeying`).
            newest = newest_key(head)
            links = list(_links(head, waiting[number], newest))
            _store(head, links, newest, last if number == numbers[-1] else "")


def seal_beginnings() -> None:
    """Seal the ends of chains to which nothing came since they began without a key; in the caller's transaction."""
    for head in AuditHead.objects.select_for_update().filter(key="").order_by("trial_id"):
        _close(head, newest_key())
        head.save(update_fields=["key", "seal"])


def _close(head: AuditHead, key: keys.AuditKey) -> None:
    head.key = key.fingerprint
    head.seal = chain.head(key.chaining, head.trial_id, head.sequence, head.mac, head.unkeyed)


def _links(head: AuditHead, events: list[tuple[int, str]], key: keys.AuditKey) -> Iterator[tuple[Any, ...]]:
    """The next links of a chain; the head follows them."""
    secret, fingerprint, number = key.chaining, key.fingerprint, head.trial_id
    for event, content in events:
        head.sequence += 1
        head.mac = chain.link(secret, head.mac, number, head.sequence, content)
        yield event, number, head.sequence, head.mac, fingerprint


def _locked(number: int, first: str = "") -> AuditHead:
    """The head of a chain, locked; begun if this is its first event, and if somebody else begins it, after them."""
    statement = f"{first}{_HEAD}{' FOR UPDATE' if connection.vendor == 'postgresql' else ''}"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, [number])
            while first and cursor.nextset():
                pass
            if row := cursor.fetchone():
                return AuditHead(number, *row)
            cursor.execute(_BEGIN, [number, chain.GENESIS])


def _store(head: AuditHead, links: list[tuple[Any, ...]], key: keys.AuditKey, then: str = "") -> None:
    """Write links and the end that they lead to; by one statement where a round trip to the database costs."""
    _close(head, key)
    *before, last = [links[begin : begin + AT_ONCE] for begin in range(0, len(links), AT_ONCE)]
    end: list[Any] = [head.sequence, head.mac, head.key, head.seal, head.trial_id]
    with connection.cursor() as cursor:
        for some in before:
            cursor.execute(_inserted(some), [value for link in some for value in link])
        values = [value for link in last for value in link]
        if connection.vendor == "postgresql":
            cursor.execute(f"WITH ended AS ({_END}) {_inserted(last)}{then}", [*end, *values])
        else:
            cursor.execute(_inserted(last), values)
            cursor.execute(_END, end)


def _inserted(links: list[tuple[Any, ...]]) -> str:
    return _LINKS + ", ".join(["(%s, %s, %s, %s, %s)"] * len(links))


def newest_key(head: AuditHead | None = None) -> keys.AuditKey:
    """The key for new links; made with the first link of all, and never again by itself.

    Raises
    ------
    KeyMissing
        The key of the head, or of any other where none is left, cannot be read.
    """
    known = keys.of_audit()
    if head and head.key and head.key not in {key.fingerprint for key in known}:
        raise keys.audit_key_missing(head.key)
    if known:
        return known[-1]
    if used := AuditHead.objects.exclude(key="").order_by("trial_id").first():
        raise keys.audit_key_missing(used.key)
    return keys.create_for_audit(1)
