"""The audit trail of a locked trial, for offline verification: what happened in which order, and nobody's name.

It is a package of its own. Another installation that comes to the same endpoints has another history, and the endpoint
package must be the same there.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from compliance import chain, checkpoints
from compliance.exporting import Exporter, NotLocked, readable
from compliance.models import AuditLink, Record, Signature
from reading.exports.csv_table import Column, Table, cell, write
from reading.exports.endpoint_package import VERIFIER
from reading.exports.locked import moment
from reading.exports.trail_tables import CHECKPOINTS, DIGESTED, EVENTS, SIGNATURES, TABLES, TIMED
from trials import locked_sql
from trials.models import Trial
from trials.states import TrialState

Row = tuple[object, ...]

_FORMAT = "parallax audit trail 1"
_DICTIONARY = Table(
    "data_dictionary",
    "Data dictionary",
    "One column of one table",
    ("file", "column"),
    (
        Column("file", "The table."),
        Column("column", "The column."),
        Column("kind", "Kind of its values."),
        Column("meaning", "What it means.", "text"),
    ),
)


@dataclass(frozen=True, slots=True)
class Trail:
    """What leaves of a trail; `events` have their links."""

    trial: str
    locked_at: str
    events: tuple[Row, ...]
    signatures: tuple[Row, ...]
    checkpoints: tuple[Row, ...]

    @property
    def head(self) -> str:
        """The link of the last event."""
        return str(self.events[-1][-1]) if self.events else chain.GENESIS


class AuditTrail(Exporter[Trail]):
    """The events of a trial up to its lock, chained and signed, with its signatures."""

    identifier = "audit-trail"
    title = "Audit trail"
    sources = ("reading/exports/trail.py", "reading/exports/trail_tables.py", "reading/exports/csv_table.py")

    def ready(self, about: Record) -> None:
        assert isinstance(about, Trial)
        if about.state != TrialState.LOCKED:
            raise NotLocked(
                f"The audit trail of trial {about.code} was not exported, because its database is not locked. "
                "Lock the trial first."
            )

    def snapshot(self, about: Record) -> Trail:
        assert isinstance(about, Trial)
        return trail_of(about)

    def statement(self, snapshot: Trail) -> Mapping[str, Any]:
        return {
            "trial": snapshot.trial,
            "lock": {"locked_at": snapshot.locked_at},
            "events": len(snapshot.events),
            "head": snapshot.head,
        }

    def files(self, snapshot: Trail) -> Iterable[tuple[str, bytes]]:
        tables = {
            EVENTS.file_name: write(EVENTS, snapshot.events),
            SIGNATURES.file_name: write(SIGNATURES, snapshot.signatures),
            CHECKPOINTS.file_name: write(CHECKPOINTS, snapshot.checkpoints),
            _DICTIONARY.file_name: write(_DICTIONARY, _explained()),
        }
        yield from tables.items()
        said = {
            "format": _FORMAT,
            "trial": snapshot.trial,
            "locked_at": snapshot.locked_at,
            "events": len(snapshot.events),
            "head": snapshot.head,
            "tables": {name: hashlib.sha256(data).hexdigest() for name, data in tables.items()},
        }
        yield "statement.json", readable(checkpoints.signed(said))
        yield VERIFIER.name, VERIFIER.read_bytes()

    def file_name(self, snapshot: Trail) -> str:
        return f"{snapshot.trial}-audit-trail-{snapshot.head[:12]}.zip"


def trail_of(trial: Trial) -> Trail:
    """Return what may leave of a trial's trail, up to the event of its lock; the caller has verified the chain."""
    assert trial.locked_at is not None
    links = AuditLink.objects.filter(trial_id=trial.pk).order_by("sequence")
    own = {"event__object_type": "trials.trial", "event__object_id": str(trial.pk)}
    locks = links.filter(event__action__in=("trial.lock", "trial.lock_by_two"), **own)
    end = locks.values_list("sequence", flat=True).last()
    if end is not None:
        links = links.filter(sequence__lte=end)
    numbers = _Numbers()
    events = tuple(_linked(_event(link, numbers) for link in links.select_related("event").iterator(chunk_size=1000)))
    return Trail(
        trial.code,
        moment(trial.locked_at),
        events,
        tuple(_signatures(trial, numbers)),
        tuple(_checkpoints(trial, before=len(events))),
    )


class _Numbers:
    """Numbers for records by their kind, in the order in which they are met: keys of rows stay inside."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], int] = {}
        self.last: Counter[str] = Counter()

    def of(self, kind: str, key: str) -> int:
        """Return the number of a record."""
        if (kind, key) not in self.known:
            self.last[kind] += 1
            self.known[kind, key] = self.last[kind]
        return self.known[kind, key]


def _event(link: AuditLink, numbers: _Numbers) -> Row:
    event = link.event
    return (
        link.sequence,
        moment(event.at) if event.object_type in TIMED else "",
        event.role or ("system" if event.actor_id is None else ""),
        event.action,
        event.object_type,
        numbers.of(event.object_type, event.object_id),
        bool(event.reason),
        # Without the key anybody could try contents against it.
        link.mac if link.key else "",
    )


def _linked(rows: Iterable[Row]) -> Iterator[Row]:
    previous = chain.GENESIS
    kinds = [column.kind for column in EVENTS.columns]
    for row in rows:
        cells = [cell(value, kind) for value, kind in zip(row, kinds, strict=False)]
        said = json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
        previous = hashlib.sha256(f"{previous}\n{said}".encode()).hexdigest()
        yield (*row, previous)


def _signatures(trial: Trial, numbers: _Numbers) -> Iterator[Row]:
    signers: dict[int, str] = {}
    for number, mark in enumerate(_marks(trial), start=1):
        kind = mark.object_type
        signer = signers.setdefault(mark.signer_id, f"SIGNER {len(signers) + 1}")
        yield (
            *(number, signer, mark.get_meaning_display(), moment(mark.at) if kind in TIMED else "", kind),
            numbers.of(kind, mark.object_id),
            mark.content_sha256 if kind in DIGESTED else "",
            *(mark.charter_version, mark.policy_version, mark.ended.action if mark.ended else ""),
        )


def _marks(trial: Trial) -> list[Signature]:
    """The signatures on records of a trial that the way of its lock leads to, in the order of signing."""
    found: list[Signature] = []
    for kind in Signature.objects.order_by("object_type").values_list("object_type", flat=True).distinct():
        model = apps.get_model(kind)
        way = locked_sql.way_of(model)
        if way is None:
            continue
        to_trial = "__".join(key.name for key in way) or "pk"
        keys: QuerySet[Any] = model._base_manager.filter(**{to_trial: trial.pk}).values_list("pk", flat=True)
        marks = Signature.objects.filter(object_type=kind, object_id__in=[str(key) for key in keys])
        found += marks.select_related("supersession")
    return sorted(found, key=lambda mark: mark.pk)


def _checkpoints(trial: Trial, *, before: int) -> Iterator[Row]:
    """What checkpoints said before the lock; one that was made since says nothing more of these events."""
    known, _ = checkpoints.kept()
    said = {
        (end.sequence, end.mac, hashlib.sha256(one.statement.encode()).hexdigest())
        for one in known
        if (end := one.ends.get(trial.pk)) is not None and end.sequence < before
    }
    yield from sorted(said)


def _explained() -> Iterator[Row]:
    for table in TABLES:
        for column in table.columns:
            yield table.file_name, column.name, column.kind, column.meaning
