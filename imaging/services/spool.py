"""The spool: where an instance lies from the moment we say that we have it until it is indexed. No database.

**Acknowledged** means that these are on the disk, synced with their directory:

- `spool/<delivery>/delivery.json`: who sends (door, site, calling AE title or user), written once per delivery;
- `spool/<delivery>/<id>.<size>.<sha256>.dcm`: the bytes as they came. The name is the record of the instance:
  our own identifier (a UUID of version 7, so it holds the time of receipt), size in bytes, and digest.

A test study, which is looked at and thrown away, lies in `spool/test-<delivery>/`, so that nothing that goes through
the deliveries ever meets it.

Everything else can be rebuilt from them, and `sha256sum` alone can verify them. No sender's name or identifier is
ever part of a path. Bytes that are still coming lie beside them as `*.part`; those were never acknowledged.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import re
import secrets
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from django.conf import settings

from compliance import storage
from compliance.faults import fault

#: The record of a delivery.
DELIVERY = "delivery.json"
#: How the folder of a test study begins.
TEST = "test-"
#: Bytes that are still coming.
PARTIAL = ".part"
_NAME = re.compile(r"([0-9a-f]{32})\.(\d+)\.([0-9a-f]{64})\.dcm")
_CHUNK = 1 << 20
#: Deliveries whose record this process has written; a long-lived door forgets the oldest.
_known: OrderedDict[Path, None] = OrderedDict()
_KNOWN_AT_MOST = 4096
#: Millisecond and random part of the last identifier.
_last = [0, 0]
_order = threading.Lock()


class OutOfSpace(OSError):
    """The disk of the spool is nearly full: a door says so before anything breaks, and recovers by itself."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, "the disk of the spool is nearly full")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent an instance: the door, the site, the sender's name there, and the delivery it is part of."""

    door: str
    site_id: int
    sender: str
    delivery: uuid.UUID
    user_id: int | None = None
    timepoint_id: int | None = None
    encrypted: bool = False
    #: The sender tries its connection: what comes is looked at and thrown away.
    test: bool = False

    @property
    def folder(self) -> str:
        """Name of its folder in the spool."""
        return f"{TEST if self.test else ''}{self.delivery}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was made durable."""

    spool_id: uuid.UUID
    size: int
    file_sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance in the spool, as its name says."""

    path: Path
    spool_id: uuid.UUID
    size: int
    file_sha256: str

    @property
    def received_at(self) -> dt.datetime:
        """Time of receipt, to the millisecond (UTC)."""
        return time_of(self.spool_id)

    def is_whole(self) -> bool:
        """Tell whether the bytes are those that the name promises."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.file_sha256


class Landing:
    """An instance on its way into the spool: `write()` its bytes, then `commit()`.

    Leaving without a commit removes what was written.

    Parameters
    ----------
    origin
        Who sends it.
    at
        Time of receipt.
    spool_id
        Only for a caller that may have to repeat itself and must not double anything.

    Raises
    ------
    OSError
        From any step: the disk did not take it, and nothing is acknowledged; `OutOfSpace` before it is full.
    """

    def __init__(self, origin: Origin, *, at: dt.datetime, spool_id: uuid.UUID | None = None) -> None:
        self.origin, self.spool_id = origin, spool_id or new_id(at)
        self.size = 0
        self._digest = hashlib.sha256()
        self._path: Path | None = None

    def __enter__(self) -> Landing:
        require_space()
        name = f"{self.spool_id.hex}.{secrets.token_hex(4)}{PARTIAL}"
        try:
            self._open(delivery_folder(self.origin) / name)
        except FileNotFoundError:
            # The folder was emptied and removed since this process made it.
            _known.clear()
            self._open(delivery_folder(self.origin) / name)
        fault("received.opened")
        return self

    def _open(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._path = path

    @property
    def sha256(self) -> str:
        """Digest of what was written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Add bytes."""
        self._digest.update(chunk)
        rest = memoryview(chunk)
        self.size += rest.nbytes
        while rest.nbytes:
            rest = rest[os.write(self._handle, rest) :]

    def commit(self) -> Receipt:
        """Make bytes and record durable; only when this returns may a door say success."""
        assert self._path is not None
        fault("received.body")
        receipt = Receipt(self.spool_id, self.size, self.sha256)
        self._path = _name_and_sync(self._path, self._handle, self.origin, receipt)
        self._path = None
        fault("received.record")
        return receipt

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _name_and_sync(path: Path, handle: int, origin: Origin, receipt: Receipt) -> Path:
    """Give bytes the name that records them, and sync both; the name goes first, so that one flush does for all.

    A name whose bytes did not reach the disk before a power cut gives itself away by its digest.
    """
    final = path.with_name(f"{receipt.spool_id.hex}.{receipt.size}.{receipt.file_sha256}.dcm")
    os.rename(path, final)
    try:
        fault("received.named")
        if not (final.parent / DELIVERY).exists():
            _write_delivery(final.parent, origin)
        os.fsync(handle)
        storage.sync_directory(final.parent)
    except OSError:
        final.unlink(missing_ok=True)
        raise
    return final


def receive_instance(
    source: bytes | IO[bytes], *, origin: Origin, at: dt.datetime, spool_id: uuid.UUID | None = None
) -> Receipt:
    """Make one instance durable, as it came, with the record of its sender.

    Raises
    ------
    OSError
        The disk did not take it; nothing is acknowledged.
    """
    stream = BytesIO(source) if isinstance(source, bytes) else source
    with Landing(origin, at=at, spool_id=spool_id) as landing:
        while chunk := stream.read(_CHUNK):
            landing.write(chunk)
        return landing.commit()


def adopt(path: Path, *, origin: Origin, at: dt.datetime, spool_id: uuid.UUID | None = None) -> Receipt:
    """Take a whole file of the same disk into the spool, by its name alone; the file at `path` is gone then.

    Raises
    ------
    OSError
        It could not be taken; nothing is acknowledged.
    """
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        receipt = Receipt(spool_id or new_id(at), os.fstat(file.fileno()).st_size, digest)
        partial = delivery_folder(origin) / f"{receipt.spool_id.hex}.{secrets.token_hex(4)}{PARTIAL}"
        os.rename(path, partial)
        _name_and_sync(partial, file.fileno(), origin, receipt)
    fault("received.record")
    return receipt


def new_id(at: dt.datetime) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562 §5.7): time first, so that rows and names sort by receipt.

    Within a millisecond the random part counts up (§6.2, method 2), so that the order of one sender is kept.
    """
    moment = int(at.timestamp() * 1000) & (1 << 48) - 1
    with _order:
        if moment == _last[0]:
            _last[1] += 1 + secrets.randbits(32)
        else:
            _last[:] = moment, secrets.randbits(73)
        random = _last[1] & (1 << 74) - 1
    return uuid.UUID(int=moment << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1)


def require_space(size: int = 0) -> None:
    """Refuse before the disk is full: `size` more bytes must leave the reserve untouched.

    Raises
    ------
    OutOfSpace
    """
    disk = os.statvfs(root())
    if disk.f_bavail * disk.f_frsize - size < settings.SPOOL_RESERVE_BYTES:
        raise OutOfSpace


def root() -> Path:
    """Return the spool's folder; it is made at first use."""
    folder = Path(settings.SPOOL_DIR)
    if not folder.is_dir():
        storage.make_folder(folder)
    return folder


def delivery_folder(origin: Origin) -> Path:
    """Return the folder of a delivery, with its record; both are durable."""
    folder = root() / origin.folder
    if folder in _known:
        return folder
    storage.make_folder(folder)
    if not (folder / DELIVERY).exists():
        _write_delivery(folder, origin)
    _known[folder] = None
    if len(_known) > _KNOWN_AT_MOST:
        _known.popitem(last=False)
    return folder


def _write_delivery(folder: Path, origin: Origin) -> None:
    _write_record(folder / DELIVERY, asdict(origin))


def _write_record(path: Path, content: dict[str, Any]) -> None:
    """Write a small record, durable when this returns."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with open(partial, "x", encoding="utf-8") as file:
            json.dump(content, file, default=str)
            file.flush()
            os.fsync(file.fileno())
        os.rename(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    storage.sync_directory(path.parent)


def keep_record(origin: Origin, name: str, content: dict[str, Any]) -> None:
    """Make a small record durable in a delivery's folder, beside what came.

    Raises
    ------
    OSError
        The disk did not take it.
    """
    require_space()
    try:
        _write_record(delivery_folder(origin) / name, content)
    except FileNotFoundError:
        # The folder was emptied and removed since this process made it.
        _known.clear()
        _write_record(delivery_folder(origin) / name, content)


def time_of(name: uuid.UUID) -> dt.datetime:
    """Return the time in one of our identifiers, to the millisecond (UTC)."""
    return dt.datetime.fromtimestamp((name.int >> 80) / 1000, dt.UTC)


def deliveries() -> Iterator[Path]:
    """Go through the folders of deliveries, the oldest first."""
    folders = [path for path in root().iterdir() if path.is_dir() and not path.name.startswith(TEST)]
    yield from sorted(folders, key=lambda path: path.stat().st_mtime_ns)


def tests() -> list[Path]:
    """Return the folders of test studies."""
    return list(root().glob(f"{TEST}*/"))


def entries(folder: Path) -> list[Entry]:
    """Return the instances that wait in a delivery's folder, in the order of their receipt."""
    found = [
        Entry(path, uuid.UUID(name[1]), int(name[2]), name[3])
        for path in folder.iterdir()
        if (name := _NAME.fullmatch(path.name))
    ]
    return sorted(found, key=lambda entry: entry.spool_id.int)


def origin_of(folder: Path) -> Origin:
    """Return who sent a delivery.

    Raises
    ------
    ValueError
        Its record cannot be read.
    """
    try:
        known: dict[str, Any] = json.loads((folder / DELIVERY).read_text(encoding="utf-8"))
        return Origin(**{**known, "delivery": uuid.UUID(known["delivery"])})
    except (OSError, TypeError, KeyError) as problem:
        raise ValueError("the record of a delivery cannot be read") from problem


def tidy(folder: Path, *, before: dt.datetime) -> None:
    """Remove what was never acknowledged, if it is older than `before`, and then the folder if nothing is in it."""
    oldest = before.timestamp()
    for path in folder.glob(f"*{PARTIAL}"):
        # One that gets its name this very moment is gone from here.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
    if folder.stat().st_mtime >= oldest or any(path.name != DELIVERY for path in folder.iterdir()):
        return
    record = (folder / DELIVERY).read_bytes() if (folder / DELIVERY).exists() else b""
    (folder / DELIVERY).unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        # Something came in this very moment; it needs the record.
        if record and not (folder / DELIVERY).exists():
            (folder / DELIVERY).write_bytes(record)
