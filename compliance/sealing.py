"""How events enter the chain: at the end of the transaction that wrote them, and in it.

Numbers without a gap need a lock that is held until the commit. Taken with the first event it would make all writers
of a trial wait for each other's whole work, and two that lock records in another order would wait for ever. So the
connection (`compliance.engines`) calls `seal()` right before it commits: the heads are the last thing that a
transaction locks, in one order, for a few milliseconds. PostgreSQL looks at foreign keys at the commit, and locks what
they name: it is told to look before the heads are locked.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.db import connection, models, transaction
from django.db.models.functions import Cast

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
_LINKS = "INSERT INTO compliance_auditlink (event_id, trial_id, sequence, mac, key) VALUES "


class _Moment(models.Func):
    """A stored moment as `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, as text: quicker than through Python's own type."""

    output_field = models.CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        template = "CASE WHEN length(%(expressions)s) = 19 THEN %(expressions)s || '.000000' ELSE %(expressions)s END"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        return super().as_sql(compiler, connection, template=template, **context)


def columns(prefix: str = "") -> list[Any]:
    """Return what `values_list` needs to give `chain.COLUMNS` of events, raw; `prefix` leads to the event."""
    named: list[Any] = []
    for name in chain.COLUMNS:
        if name in chain.MOMENTS:
            named.append(_Moment(models.F(prefix + name)))
        elif name in chain.DOCUMENTS:
            named.append(Cast(models.F(prefix + name), models.TextField()))
        else:
            named.append(prefix + name)
    return named


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


def seal(events: Iterable[Unsealed]) -> None:
    """Chain events of the transaction that is about to be committed, in the order in which they were written.

    Raises
    ------
    KeyMissing
        The trail's key cannot be read; without it nothing can be committed of which the trail must know.
    """
    waiting: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for event, number, content in events:
        waiting[number].append((event, content))
    with transaction.atomic(savepoint=False):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Strictly one after the other: who has a head waits for higher ones alone.
        for number in sorted(waiting):
            head = _locked(number)
            _require_key_of(head)
            # Asked for with the lock: no link of a key comes after one of the next (`trials.services.rekeying`).
            newest = newest_key()
            _store(head, list(_links(head, waiting[number], newest)), newest)


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


def _locked(number: int) -> AuditHead:
    """The head of a chain, locked; begun if this is its first event, and if somebody else begins it, after them."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_HEAD + " FOR UPDATE" if on_postgresql else _HEAD, [number])
            if row := cursor.fetchone():
                return AuditHead(number, *row)
            cursor.execute(_BEGIN, [number, chain.GENESIS])


def _store(head: AuditHead, links: list[tuple[Any, ...]], key: keys.AuditKey) -> None:
    """Write links and the end that they lead to; by one statement where a round trip to the database costs."""
    _close(head, key)
    *before, last = [links[begin : begin + AT_ONCE] for begin in range(0, len(links), AT_ONCE)]
    end: list[Any] = [head.sequence, head.mac, head.key, head.seal, head.trial_id]
    with connection.cursor() as cursor:
        for some in before:
            cursor.execute(_inserted(some), [value for link in some for value in link])
        values = [value for link in last for value in link]
        if connection.vendor == "postgresql":
            cursor.execute(f"WITH ended AS ({_END}) {_inserted(last)}", [*end, *values])
        else:
            cursor.execute(_inserted(last), values)
            cursor.execute(_END, end)


def _inserted(links: list[tuple[Any, ...]]) -> str:
    return _LINKS + ", ".join(["(%s, %s, %s, %s, %s)"] * len(links))


def newest_key() -> keys.AuditKey:
    """The key for new links; made with the first link of all, and never again by itself."""
    if known := keys.of_audit():
        return known[-1]
    if used := AuditHead.objects.exclude(key="").order_by("trial_id").first():
        raise keys.audit_key_missing(used.key)
    return keys.create_for_audit(1)


def _require_key_of(head: AuditHead) -> None:
    if head.key and head.key not in {key.fingerprint for key in keys.of_audit()}:
        raise keys.audit_key_missing(head.key)
