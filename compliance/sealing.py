"""How events enter the chain: at the end of the transaction that wrote them, and in it.

Numbers without a gap need a lock that is held until the commit. Taken with the first event it would make all writers
of a trial wait for each other's whole work, and two that lock records in another order would wait for ever. So the
connection (`compliance.engines`) calls `seal()` right before it commits: the heads are the last thing that a
transaction locks, in one order, for a few milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.db import connection, models, transaction
from django.db.models.functions import Cast

from compliance import chain, keys
from compliance.engines.committing import SealsTheTrail
from compliance.models import AuditEvent, AuditHead, AuditLink

#: Events that are read, and links that are written, by one statement.
AT_ONCE = 1000

Row = tuple[Any, ...]


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
    """Have an event chained when its transaction commits; the caller is inside it."""
    cast(SealsTheTrail, connection).unsealed.append(event.pk)


def seal(events: Iterable[int]) -> None:
    """Chain events of the transaction that is about to be committed.

    They are read back, so that the chain binds what is stored; what a savepoint took back is not there any more.

    Raises
    ------
    KeyMissing
        The trail's key cannot be read; without it nothing can be committed of which the trail must know.
    """
    with transaction.atomic(savepoint=False):
        waiting: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for row in _rows(sorted(set(events))):
            waiting[_chain_of(row)].append((row[0], chain.content(row)))
        if not waiting:
            return
        newest = _newest_key()
        for head in _locked(sorted(waiting)):
            _require_key_of(head)
            AuditLink.objects.bulk_create(list(_links(head, waiting[head.trial_id], newest)), batch_size=AT_ONCE)
            _close(head, newest)


def seal_beginnings() -> None:
    """Seal the ends of chains to which nothing came since they began without a key; in the caller's transaction."""
    for head in AuditHead.objects.select_for_update().filter(key="").order_by("trial_id"):
        _close(head, _newest_key())


def _close(head: AuditHead, key: keys.AuditKey) -> None:
    head.key = key.fingerprint
    head.seal = chain.head(key.chaining, head.trial_id, head.sequence, head.mac, head.unkeyed)
    head.save(update_fields=["sequence", "mac", "key", "seal"])


def _rows(numbers: list[int]) -> Iterator[Row]:
    for begin in range(0, len(numbers), AT_ONCE):
        some = AuditEvent.objects.filter(pk__in=numbers[begin : begin + AT_ONCE]).order_by("pk")
        yield from some.values_list(*columns())


def _chain_of(row: Row) -> int:
    trial_id = row[chain.COLUMNS.index("trial_id")]
    return chain.NO_TRIAL if trial_id is None else int(trial_id)


def _links(head: AuditHead, events: list[tuple[int, str]], key: keys.AuditKey) -> Iterator[AuditLink]:
    """The next links of a chain; the head follows them."""
    for number, content in events:
        head.sequence += 1
        head.mac = chain.link(key.chaining, head.mac, head.trial_id, head.sequence, content)
        yield AuditLink(
            event_id=number, trial_id=head.trial_id, sequence=head.sequence, mac=head.mac, key=key.fingerprint
        )


def _locked(chains: list[int]) -> Iterator[AuditHead]:
    """The heads of chains, locked strictly one after the other: who has one waits for higher ones alone."""
    for number in chains:
        heads = AuditHead.objects.select_for_update().filter(trial_id=number)
        head = heads.first()
        if head is None:
            # Its first event; if somebody else begins the same chain, this waits for them.
            AuditHead.objects.bulk_create([AuditHead(trial_id=number, mac=chain.GENESIS)], ignore_conflicts=True)
            head = heads.get()
        yield head


def _newest_key() -> keys.AuditKey:
    """The key for new links; made with the first link of all, and never again by itself."""
    if known := keys.of_audit():
        return known[-1]
    if used := AuditHead.objects.exclude(key="").order_by("trial_id").first():
        raise keys.audit_key_missing(used.key)
    return keys.create_for_audit(1)


def _require_key_of(head: AuditHead) -> None:
    if head.key and head.key not in {key.fingerprint for key in keys.of_audit()}:
        raise keys.audit_key_missing(head.key)
