"""Events as an extract of the trail has them: with place and code in the chain, as a row of CSV or a line of JSON.

Whoever compares an extract with the trail writes the trail's records once more, here, and holds them side by side.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, ClassVar, NamedTuple, Protocol

from django.db.models import QuerySet

from compliance import chain, redaction
from compliance.models import AuditEvent, AuditLink
from compliance.sealing import AT_ONCE, columns
from compliance.spreadsheets import harmless

#: A record's place, its code, the code of the record before where a run begins, the key of the code, the record that
#: vouches for what was taken out of this one, and the event as it is bound.
COLUMNS = ("sequence", "code", "code_before", "key", "redacted_by", *chain.COLUMNS)
#: Columns that a redaction changes.
REDACTED = frozenset({"redacted_by", *redaction.COLUMNS})
#: A record, as one value for each of `COLUMNS`; documents are what their JSON says.
Row = tuple[Any, ...]
#: A record by its columns, as the file has it.
Said = Mapping[str, Any]

_BEFORE_ANY = -1


class Chain:
    """The records of one chain, read in portions, so that memory does not grow with them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._links = AuditLink.objects.filter(trial_id=number).order_by("sequence")
        vouching = self._links.filter(event__action=redaction.VOUCHING).values_list("event__after", "sequence")
        self._vouched = {(said or {}).get("event"): sequence for said, sequence in vouching.iterator()}

    def rows(self, wanted: QuerySet[AuditEvent], *, after: int = _BEFORE_ANY) -> Iterator[Row]:
        """Return those records of the chain that hold these events, by their numbers.

        Parameters
        ----------
        after
            The number of the record that came before in the extract: a run that goes on from there names no code.
        """
        of_chain = wanted.filter(link__trial_id=self.number).order_by("link__sequence")
        linked = of_chain.values_list("link__sequence", "link__mac", "link__key", *columns())
        while portion := list(linked.filter(link__sequence__gt=after)[:AT_ONCE]):
            yield from self._portion(portion, after)
            after = portion[-1][0]

    def at(self, numbers: Sequence[int], *, after: int) -> dict[int, Row]:
        """Return the records of these numbers, which ascend, as an extract has them that has no others between."""
        wanted = AuditEvent.objects.filter(link__trial_id=self.number, link__sequence__in=numbers)
        return {row[0]: row for row in self.rows(wanted, after=after)}

    def _portion(self, portion: Sequence[tuple[Any, ...]], after: int) -> Iterator[Row]:
        begun: set[int] = set()
        before = after
        for sequence, *_ in portion:
            if sequence != before + 1:
                begun.add(sequence - 1)
            before = sequence
        # Codes without a key are plain digests: of what is not in the extract, anybody could try contents against them.
        keyed = self._links.filter(sequence__in=begun).exclude(key="").values_list("sequence", "mac")
        codes = {0: chain.GENESIS, **dict(keyed)}
        for sequence, mac, key, *event in portion:
            previous = codes.get(sequence - 1, "") if sequence - 1 in begun else ""
            content = [
                _value(value) if name in chain.DOCUMENTS else value
                for name, value in zip(chain.COLUMNS, event, strict=True)
            ]
            yield (sequence, mac if key else "", previous, key, self._vouched.get(event[0]), *content)


def _value(document: str | None) -> Any:
    """Return what a stored document says, in the form in which links bind it, whichever database holds it."""
    value = json.loads(chain.document(document))
    return value[0] if isinstance(value, list) else value


def _json(value: Any) -> str:
    """Return JSON that UTF-8 can hold: half a character, which JSON can name, stays escaped."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def differing(one: Said, other: Said) -> list[str]:
    """Return the columns in which two records of one form differ, in their order."""
    return [name for name in COLUMNS if _json(one[name]) != _json(other[name])]


class Found(NamedTuple):
    """A record of a file that is read: what it says, None where it cannot be read, and the digest of its bytes."""

    said: Said | None
    digest: str


class Writing(Protocol):
    """A form in which records are written, and read back."""

    file_name: ClassVar[str]
    begin: ClassVar[bytes]
    end: ClassVar[bytes]

    def said(self, row: Row) -> Said:
        """Return a record by its columns, as the file has it."""

    def written(self, said: Said, place: int) -> tuple[bytes, str]:
        """Return a record's bytes in the file, and its digest; `place` counts from 0."""

    def read(self, file: IO[bytes]) -> Iterator[Found]:
        """Return the records of a file, one after the other."""


class AsCsv:
    """CSV for spreadsheets: no cell is computed. The digest of a record is that of its cells as a JSON list."""

    file_name: ClassVar[str] = "events.csv"
    begin: ClassVar[bytes] = codecs.BOM_UTF8 + ",".join(COLUMNS).encode() + b"\r\n"
    end: ClassVar[bytes] = b""

    def said(self, row: Row) -> Said:
        return {name: _cell(name, value) for name, value in zip(COLUMNS, row, strict=True)}

    def written(self, said: Said, place: int) -> tuple[bytes, str]:
        target, cells = io.StringIO(newline=""), list(said.values())
        csv.writer(target).writerow(cells)
        return target.getvalue().encode(), _sha256(_json(cells).encode())

    def read(self, file: IO[bytes]) -> Iterator[Found]:
        # An event that names a thousand files is longer than the reader takes a cell to be.
        limit = csv.field_size_limit(2**31 - 1)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            rows = csv.reader(text, strict=True)
            whole = next(rows, []) == list(COLUMNS)
            for cells in rows:
                fits = whole and len(cells) == len(COLUMNS)
                said = dict(zip(COLUMNS, cells, strict=True)) if fits else None
                yield Found(said, _sha256(_json(cells).encode()))
        except (csv.Error, UnicodeDecodeError):
            yield Found(None, "")
        finally:
            csv.field_size_limit(limit)
            # Or the file would be closed with it, and is read again; unless it is closed already.
            with contextlib.suppress(ValueError):
                text.detach()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return harmless(_json(value) if name in chain.DOCUMENTS else str(value))


class AsJson:
    """A JSON list with one record in each line. The digest of a record is that of its line without a comma's end."""

    file_name: ClassVar[str] = "events.json"
    begin: ClassVar[bytes] = b"["
    end: ClassVar[bytes] = b"\n]\n"

    def said(self, row: Row) -> Said:
        return dict(zip(COLUMNS, row, strict=True))

    def written(self, said: Said, place: int) -> tuple[bytes, str]:
        line = _json(said).encode()
        return (b",\n" if place else b"\n") + line, _sha256(line)

    def read(self, file: IO[bytes]) -> Iterator[Found]:
        for line in file:
            text = line.rstrip(b"\r\n")
            if text in (b"[", b"]", b""):
                continue
            text = text.removesuffix(b",")
            try:
                said = json.loads(text)
            except (ValueError, RecursionError):
                said = None
            yield Found(said if isinstance(said, dict) and said.keys() == set(COLUMNS) else None, _sha256(text))
