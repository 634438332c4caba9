"""A ZIP that is never written down: where its members lie is planned, so that any part can be sent at any time.

The plan is a file of records of one length. It is made in one pass, is read in pieces, and says the bytes of the whole
archive: members stored and not compressed, times and permissions fixed, as in `compliance.exporting`. However large an
archive is, neither memory nor a second copy holds it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from compliance.errors import HouseError

#: Bytes that are read at once.
AT_ONCE = 1 << 20
_HEAD = struct.Struct("<QQQ")
_RECORD = struct.Struct("<QQQQIB48s128s")
_RECORDS_AT_ONCE = 500
_LOCAL, _CENTRAL = struct.Struct("<4s5HIIIHH"), struct.Struct("<4s6HIIIHHHHHII")
_END, _END_64, _LOCATOR_64 = struct.Struct("<4s4HIIH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_FULL, _MANY = 0xFFFFFFFF, 0xFFFF
_PLAIN, _WITH_64, _UNIX = 20, 45, 3
_DATE = 0x21  # 1 January 1980, the earliest that a ZIP can hold
_REGULAR_FILE_RW_R_R = 0o100644 << 16

#: Gives bytes of a member: up to so many from a place on.
ReadMember = Callable[["Member", int, int], bytes]
#: Gives bytes of the plan.
ReadPlan = Callable[[int, int], bytes]


class MemberDamaged(HouseError):
    """A member's bytes are not those of which the archive was planned."""

    code = "package_damaged"
    status = 500


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: its name, and where its bytes lie in what `source` (a number) and `key` name."""

    name: str
    size: int
    crc32: int
    source: int
    key: str
    begin: int = 0


@dataclass(frozen=True, slots=True)
class _Placed:
    member: Member
    offset: int
    listed_at: int

    @property
    def header(self) -> bytes:
        member, name = self.member, self.member.name.encode("ascii")
        extra = _extra(member.size, member.size) if member.size >= _FULL else b""
        size = min(member.size, _FULL)
        needed = _WITH_64 if extra else _PLAIN
        lengths = len(name), len(extra)
        return _LOCAL.pack(b"PK\3\4", needed, 0, 0, 0, _DATE, member.crc32, size, size, *lengths) + name + extra

    @property
    def entry(self) -> bytes:
        member, name = self.member, self.member.name.encode("ascii")
        sizes = (member.size, member.size) if member.size >= _FULL else ()
        extra = _extra(*sizes, *([self.offset] if self.offset >= _FULL else []))
        size, needed = min(member.size, _FULL), _WITH_64 if extra else _PLAIN
        return (
            _CENTRAL.pack(
                *(b"PK\1\2", _UNIX << 8 | needed, needed, 0, 0, 0, _DATE, member.crc32, size, size),
                *(len(name), len(extra), 0, 0, 0, _REGULAR_FILE_RW_R_R, min(self.offset, _FULL)),
            )
            + name
            + extra
        )


def _extra(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _end(count: int, begin: int, size: int) -> bytes:
    end = _END.pack(b"PK\5\6", 0, 0, min(count, _MANY), min(count, _MANY), min(size, _FULL), min(begin, _FULL), 0)
    if count < _MANY and size < _FULL and begin < _FULL:
        return end
    large = _END_64.pack(b"PK\6\6", 44, _UNIX << 8 | _WITH_64, _WITH_64, 0, 0, count, count, size, begin)
    return large + _LOCATOR_64.pack(b"PK\6\7", 0, begin + size, 1) + end


class Writer:
    """Plans an archive into a file, member by member in the order of their names, and digests it as it will be sent."""

    def __init__(self, plan: IO[bytes]) -> None:
        self._plan, self._digest = plan, hashlib.sha256()
        self._count = self._offset = self._listed = 0
        plan.write(_HEAD.pack(0, 0, 0))

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Plan a member, whose bytes are given once for the digest of the whole."""
        placed = _Placed(member, self._offset, self._listed)
        self._plan.write(
            _RECORD.pack(
                *(placed.offset, placed.listed_at, member.begin, member.size, member.crc32, member.source),
                *(_fixed(member.name, 48), _fixed(member.key, 128)),
            )
        )
        header = placed.header
        self._digest.update(header)
        for piece in pieces:
            self._digest.update(piece)
        self._count += 1
        self._offset += len(header) + member.size
        self._listed += len(placed.entry)

    def finish(self) -> tuple[int, str]:
        """Return the size of the archive in bytes and its SHA-256."""
        self._plan.seek(0)
        self._plan.write(_HEAD.pack(self._count, self._offset, self._listed))
        self._plan.flush()

        def read(begin: int, length: int) -> bytes:
            self._plan.seek(begin)
            return self._plan.read(length)

        archive = Archive(read, lambda *_: b"")
        for piece in archive.pieces(self._offset, archive.size):
            self._digest.update(piece)
        return archive.size, self._digest.hexdigest()


def _fixed(text: str, length: int) -> bytes:
    written = text.encode("ascii")
    if len(written) > length:
        raise ValueError(f"{text} is longer than a plan holds")
    return written


class Archive:
    """A planned archive: its size, and any part of it."""

    def __init__(self, read_plan: ReadPlan, read_member: ReadMember) -> None:
        self._read_plan, self._read_member = read_plan, read_member
        self._count, self._listed_from, self._listed = _HEAD.unpack(read_plan(0, _HEAD.size))
        self._tail = _end(self._count, self._listed_from, self._listed)
        self._block = lru_cache(maxsize=4)(self._read_block)

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return self._listed_from + self._listed + len(self._tail)

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from a place up to another.

        Raises
        ------
        MemberDamaged
            A member that was sent whole was not what was planned: whoever takes the archive must not think it whole.
        """
        at = begin
        for start, piece in self._from(begin, end):
            wanted = piece[at - start : end - start]
            at += len(wanted)
            if wanted:
                yield wanted
            if at >= end:
                return

    def _from(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield pieces with their places; the first holds `begin`."""
        listed_from = self._listed_from
        if begin < listed_from:
            for placed in self._placed(self._index(lambda one: one.offset, begin)):
                yield placed.offset, placed.header
                start = placed.offset + len(placed.header)
                yield from self._bytes_of(placed.member, start, begin, end)
        if begin < listed_from + self._listed:
            for placed in self._placed(self._index(lambda one: one.listed_at, begin - listed_from)):
                yield listed_from + placed.listed_at, placed.entry
        yield listed_from + self._listed, self._tail

    def _bytes_of(self, member: Member, start: int, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        first, last = max(begin - start, 0), min(end - start, member.size)
        crc32 = 0
        for at in range(first, last, AT_ONCE):
            wanted = min(AT_ONCE, last - at)
            piece = self._read_member(member, at, wanted)
            crc32 = zlib.crc32(piece, crc32)
            whole = first == 0 and at + wanted == member.size
            if len(piece) != wanted or (whole and crc32 != member.crc32):
                raise MemberDamaged(
                    f"{member.name} is not what the package was built from, so it was not handed out further. "
                    "Tell who is responsible for the installation."
                )
            yield start + at, piece

    def _index(self, place: Callable[[_Placed], int], wanted: int) -> int:
        """Return which member is the last that begins at or before a place."""
        low, high = 0, self._count
        while high - low > 1:
            middle = (low + high) // 2
            if place(self._at(middle)) <= wanted:
                low = middle
            else:
                high = middle
        return low

    def _placed(self, index: int) -> Iterator[_Placed]:
        for number in range(index, self._count):
            yield self._at(number)

    def _at(self, index: int) -> _Placed:
        return self._block(index // _RECORDS_AT_ONCE)[index % _RECORDS_AT_ONCE]

    def _read_block(self, number: int) -> list[_Placed]:
        first = number * _RECORDS_AT_ONCE
        count = min(_RECORDS_AT_ONCE, self._count - first)
        content = self._read_plan(_HEAD.size + first * _RECORD.size, count * _RECORD.size)
        return [_told(values) for values in _RECORD.iter_unpack(content)]


def _told(values: tuple[int, int, int, int, int, int, bytes, bytes]) -> _Placed:
    offset, listed_at, begin, size, crc32, source, name, key = values
    texts = (text.rstrip(b"\0").decode("ascii") for text in (name, key))
    named, under = texts
    return _Placed(Member(named, size, crc32, source, under, begin), offset, listed_at)
