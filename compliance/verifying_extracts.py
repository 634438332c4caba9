"""Whether an extract of the audit trail says what the trail of this installation says, record by record."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from compliance import checkpoints
from compliance.errors import HouseError
from compliance.exporting import MANIFEST
from compliance.extract_rows import REDACTED, Chain, Found, Row, Said, Writing, differing
from compliance.extracts import DIGESTS, EXPORTED, FORMAT, STATEMENT, WRITINGS, Form
from compliance.models import AuditEvent
from compliance.sealing import AT_ONCE

#: A signed statement is no longer than this, in bytes; whatever else is long is read in pieces.
_LONGEST = 1 << 20
_HEADER = 30


class NoExtract(HouseError):
    """A file is no extract of this installation's audit trail."""

    code = "no_extract"
    status = 422


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found.

    Attributes
    ----------
    trial, chain
        The trial that the statement names, and its chain.
    records
        How many are the same in extract and trail.
    redacted
        Numbers of those of which text was taken out of the trail since; all else of them is the same.
    faults
        What differs, a sentence each: first of all the first record that does.
    """

    trial: str
    chain: int
    records: int
    redacted: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()


def compare(path: Path) -> Compared:
    """Hold an extract against the trail, in portions.

    Raises
    ------
    NoExtract
        The file cannot be read as an extract, or its statement is not signed with a key of this trail.
    compliance.keys.KeyMissing
        A key of the trail lies there and cannot be read.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive, ExitStack() as members:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) < len(entries):
                raise zipfile.BadZipFile("two files of one name: programs differ in which they show")
            return _compared({entry.filename: members.enter_context(_opened(path, entry)) for entry in entries})
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as problem:
        raise NoExtract(
            f"{path.name} cannot be read as a ZIP archive. Take the extract as it was downloaded."
        ) from problem
    except (LookupError, ValueError, TypeError, AttributeError) as problem:
        raise NoExtract(f"{path.name} is no extract of an audit trail, or lost a part of it.") from problem


class _Stored(io.RawIOBase):
    """The bytes of a member as they lie in the archive: its check sum would hide which record was changed."""

    def __init__(self, file: IO[bytes], begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._begin + self._at)
        data = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(path: Path, member: zipfile.ZipInfo) -> io.BufferedReader:
    if member.compress_type != zipfile.ZIP_STORED:
        raise NotImplementedError("an extract holds stored members only")
    file = path.open("rb")
    file.seek(member.header_offset)
    header = file.read(_HEADER)
    names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return io.BufferedReader(_Stored(file, member.header_offset + _HEADER + names, member.file_size))


def _compared(members: Mapping[str, io.BufferedReader]) -> Compared:
    signed = json.loads(members[STATEMENT].read(_LONGEST))
    if not checkpoints.is_ours(signed):
        raise NoExtract(
            "The statement is not signed with a key of this trail, or was changed: nothing else was compared."
        )
    said = json.loads(signed["statement"])
    if said["format"] != FORMAT:
        raise ValueError("another format")
    writing = WRITINGS[Form(said["form"])]
    found = _Comparison(Chain(int(said["chain"])), writing)
    found.hold(writing.read(members[writing.file_name]), members[DIGESTS])
    if not found.faults:
        found.faults += _of_files(said, members, found.records)
    found.faults += _of_statement(signed, said)
    return Compared(said["trial"], int(said["chain"]), found.records, tuple(found.redacted), tuple(found.faults))


@dataclass(slots=True)
class _Comparison:
    """Records of an extract, held against those of the trail up to the first that differs."""

    chain: Chain
    writing: Writing
    records: int = 0
    redacted: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def hold(self, records: Iterator[Found], digests: IO[bytes]) -> None:
        """Compare all records, and the digests that lie beside them."""
        last = -1
        while portion := list(islice(records, AT_ONCE)):
            numbers = _ascending(portion, last)
            own = self.chain.at(numbers, after=last)
            for found, number in zip(portion, [*numbers, *[None] * len(portion)], strict=False):
                listed = digests.readline(100).strip().decode("ascii", "replace")
                if fault := self._fault(found, number, own, listed):
                    self.faults.append(fault)
                    return
                self.records += 1
            last = numbers[-1]

    def _fault(self, found: Found, number: int | None, own: Mapping[int, Row], listed: str) -> str:
        """Return what is wrong with a record; nothing if it is that of the trail."""
        if found.said is None:
            return f"The record at place {self.records + 1} cannot be read."
        if number is None:
            return f"The record at place {self.records + 1} does not follow the one before it by its number."
        if number not in own:
            return f"Record {number} is not in the trail."
        mine = self.writing.said(own[number])
        columns = differing(mine, found.said)
        if columns and not _redacted_since(columns, mine, found.said):
            return f"Record {number} (event {own[number][5]}) differs from the trail in {', '.join(columns)}."
        if found.digest != listed:
            return f"Record {number} is not the one whose digest lies beside it."
        if columns:
            self.redacted.append(number)
        return ""


def _ascending(portion: Sequence[Found], last: int) -> list[int]:
    """Return the numbers of records, up to the first that does not come after the one before it."""
    numbers: list[int] = []
    for found in portion:
        text = str(found.said["sequence"]) if found.said else ""
        # No chain is longer, and no database takes more.
        if not text.isdecimal() or len(text) > 18 or int(text) <= last:
            break
        last = int(text)
        numbers.append(last)
    return numbers


def _redacted_since(columns: Sequence[str], mine: Said, theirs: Said) -> bool:
    """Tell whether two people had text taken out of a record after it was exported."""
    return "redacted_by" in columns and bool(mine["redacted_by"]) and set(columns) <= REDACTED


def _of_files(said: Mapping[str, Any], members: Mapping[str, IO[bytes]], records: int) -> Iterator[str]:
    """What of the files is not as it was signed."""
    if records != said["events"]:
        yield f"There are {records} records; {said['events']} were signed."
    for name, signed in said["files"].items():
        if name not in members:
            yield f"{name} is missing."
        elif _sha256(members[name]) != signed:
            yield f"{name} is not the one that was signed."
    beside = members.keys() - said["files"].keys() - {STATEMENT, MANIFEST}
    yield from (f"{name} was put in: it is not part of what was signed." for name in sorted(beside))


def _of_statement(signed: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    """What this installation does not know of a statement."""
    known = {hashlib.sha256(one.statement.encode()).hexdigest() for one in checkpoints.kept()[0]}
    named = [one for one in said["checkpoints"].values() if one]
    yield from (f"The checkpoint of {one['at']} is not here." for one in named if one["statement_sha256"] not in known)
    digest = hashlib.sha256(signed["statement"].encode()).hexdigest()
    if not AuditEvent.objects.filter(trial_id=said["chain"], action=EXPORTED, after__statement_sha256=digest).exists():
        yield "That it was exported is not in the trail."


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while part := file.read(_LONGEST):
        digest.update(part)
    return digest.hexdigest()
