"""Walking a ZIP from outside: nothing leaves it before the whole directory was found safe.

What is refused: paths that climb out or are absolute, links, encrypted or overlapping entries, unknown
compression, too many entries, archives within archives beyond a depth, and bombs, measured on the bytes
that really come out rather than on the sizes the archive claims.
"""

from __future__ import annotations

import io
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from compliance.errors import HouseError

_LOCAL_HEADER = 30
_JUNK = ("__MACOSX/",)
_JUNK_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_CHUNK = 1 << 20


class BadArchive(HouseError):
    """The file is not a ZIP archive, or it is damaged."""

    code = "archive_damaged"
    status = 422


class UnsafeArchive(HouseError):
    """An entry's path climbs out, is absolute, or the entry is a link or a special file."""

    code = "archive_unsafe"
    status = 422


class EncryptedArchive(HouseError):
    """An entry is encrypted."""

    code = "archive_encrypted"
    status = 422


class ArchiveTooLarge(HouseError):
    """The archive holds or inflates to more than allowed, or nests too deep."""

    code = "archive_too_large"
    status = 413


@dataclass(frozen=True)
class ArchiveLimits:
    """Budgets for one upload.

    Attributes
    ----------
    max_entries
        Entries, nested archives included.
    max_bytes
        Bytes that may come out, nested archives included.
    max_ratio
        Bytes out per byte in; deflate reaches 1032 on zeros, images of air rarely pass 100.
    ratio_from
        Bytes below which the ratio is not looked at: a small blank slice harms nobody.
    max_depth
        1 for an archive without archives in it.
    """

    max_entries: int = 100_000
    max_bytes: int = 64 << 30
    max_ratio: float = 200.0
    ratio_from: int = 64 << 20
    max_depth: int = 2


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


class Member(NamedTuple):
    """A file in the archive: its path there, for messages to its sender only, and its bytes as a stream."""

    name: str
    stream: IO[bytes]


@dataclass
class _Account:
    limits: ArchiveLimits
    entries: int = 0
    out: int = 0

    def add_entries(self, count: int) -> None:
        self.entries += count
        if self.entries > self.limits.max_entries:
            raise ArchiveTooLarge("The archive holds more files than this system accepts. Send it in parts.")

    def add_bytes(self, count: int, out: int, compressed: int) -> None:
        self.out += count
        if self.out > self.limits.max_bytes:
            raise ArchiveTooLarge("The archive unpacks to more than this system accepts. Send it in parts.")
        if out > self.limits.ratio_from and out > self.limits.max_ratio * max(compressed, 1):
            raise ArchiveTooLarge("A file in the archive unpacks to far more than images do. It is refused.")


def walk_archive(source: Path | IO[bytes], *, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Iterator[Member]:
    """Each file of a ZIP archive in its order, unpacked on the fly, nothing written to a path of its choice.

    The whole directory is checked before the first file is yielded. Folders and the leavings of desktop
    systems are passed over. A stream is valid until the next step of the iteration.

    Parameters
    ----------
    source
        The archive, seekable.

    Raises
    ------
    BadArchive, UnsafeArchive, EncryptedArchive, ArchiveTooLarge
        At once for what the directory shows; while a stream is read for damage and for bombs.
    """
    yield from _walk(source, _Account(limits), 1, "")


def is_archive(head: bytes) -> bool:
    """Whether a file that starts with these bytes is a ZIP archive."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _walk(source: Path | IO[bytes], account: _Account, depth: int, prefix: str) -> Iterator[Member]:
    if depth > account.limits.max_depth:
        raise ArchiveTooLarge("The archive holds archives within archives. Unpack it before sending.")
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, OverflowError):
        raise BadArchive("The ZIP archive is damaged or incomplete. Make it again and send it.") from None
    with archive:
        entries = archive.infolist()
        account.add_entries(len(entries))
        for entry in entries:
            _refuse_unsafe(entry)
        _refuse_overlap(archive, entries)
        for entry in entries:
            if entry.is_dir() or is_junk(entry.filename):
                continue
            yield from _unpacked(archive, entry, account, depth, prefix)


def _unpacked(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, account: _Account, depth: int, prefix: str
) -> Iterator[Member]:
    try:
        inflating = archive.open(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
        raise BadArchive("The ZIP archive is damaged or incomplete. Make it again and send it.") from None
    name = prefix + entry.filename.replace("\\", "/")
    with io.BufferedReader(_Metered(inflating, entry.compress_size, account), 1 << 16) as stream:
        if not is_archive(stream.peek(4)):
            yield Member(name, stream)
            return
        with tempfile.SpooledTemporaryFile(max_size=16 * _CHUNK) as nested:
            while chunk := stream.read(_CHUNK):
                nested.write(chunk)
            nested.seek(0)
            yield from _walk(nested, account, depth + 1, f"{name}/")


class _Metered(io.RawIOBase):
    """An entry's stream that counts what comes out and names damage."""

    def __init__(self, inflating: IO[bytes], compressed: int, account: _Account) -> None:
        self._inflating = inflating
        self._compressed = compressed
        self._account = account
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer)  # type: ignore[arg-type]
        try:
            data = self._inflating.read(len(target))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
            raise BadArchive("A file in the ZIP archive is damaged. Make the archive again.") from None
        self._out += len(data)
        self._account.add_bytes(len(data), self._out, self._compressed)
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inflating.close()
        super().close()


def _refuse_unsafe(entry: zipfile.ZipInfo) -> None:
    # The name as stored: zipfile itself cuts names at a NUL and turns separators.
    name = entry.orig_filename.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ":" in parts[0] or ".." in parts or any(ord(letter) < 32 for letter in name):
        raise UnsafeArchive("A path in the archive leads out of it. Make the archive again from one folder.")
    mode = entry.external_attr >> 16
    # Bits 16-31 are a Unix mode only when set; a regular file or folder is all that images need.
    if stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnsafeArchive("The archive holds a link or a special file. Make it again with plain files.")
    if entry.flag_bits & 0x1:
        raise EncryptedArchive("The archive is encrypted. Send it without a password: the connection is private.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive("The archive uses a compression that is not supported. Make it as a plain ZIP.")


def _refuse_overlap(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share bytes are the mark of a bomb that a ratio per entry does not see."""
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise UnsafeArchive("Files in the archive overlap. Make the archive again.")
        end = entry.header_offset + _LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size
    if end > archive.start_dir:
        raise BadArchive("The ZIP archive is damaged or incomplete. Make it again and send it.")


def is_junk(name: str) -> bool:
    """Whether a file, by its path below the folder that was chosen, is what desktop systems leave behind."""
    return name.startswith(_JUNK) or name.rsplit("/", 1)[-1] in _JUNK_NAMES
