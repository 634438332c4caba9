"""How data leave: files of one locked record in one package, the same bytes each time, and the proof of it.

A package is a ZIP with a `manifest.json` that names every other file with its SHA-256. Members are stored, not
compressed: what zlib writes differs between its builds, and a package must not. Names are sorted, times and
permissions fixed, so the same content is the same bytes.
"""

from __future__ import annotations

import abc
import datetime as dt
import functools
import hashlib
import io
import json
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from compliance import audit, signing, storage
from compliance.errors import HouseError
from compliance.models import Export, Record, User

MANIFEST = "manifest.json"
_FORMAT = {"name": "parallax package", "version": 1}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP can hold
_REGULAR_FILE_RW_R_R = 0o100644 << 16

Snapshot = TypeVar("Snapshot")


class NotLocked(HouseError):
    """Something that the export states is still open to change."""

    code = "not_locked"
    status = 409


class PackageDamaged(HouseError):
    """A stored package is not what was built."""

    code = "package_damaged"
    status = 500


class Exporter(abc.ABC, Generic[Snapshot]):
    """One export format: what must be locked for it, and the files it writes from a snapshot.

    `files` sees the snapshot only. Whatever is not in it (keys of rows, the clock, who asks) cannot reach the
    package.
    """

    identifier: ClassVar[str]
    title: ClassVar[str]
    #: The code that makes the files, relative to the root: its digest is part of the manifest.
    sources: ClassVar[tuple[str, ...]]
    #: How the trail names that it was built; other systems are told of `package.built`.
    built: ClassVar[str] = "package.built"

    @abc.abstractmethod
    def ready(self, about: Record) -> None:
        """Raise `NotLocked` unless everything that the export states is locked."""

    @abc.abstractmethod
    def snapshot(self, about: Record) -> Snapshot:
        """Return the locked data as plain values."""

    @abc.abstractmethod
    def statement(self, snapshot: Snapshot) -> Mapping[str, Any]:
        """Return what the manifest says beside the files: lock, charter, rules, as plain JSON values."""

    @abc.abstractmethod
    def files(self, snapshot: Snapshot) -> Iterable[tuple[str, bytes]]:
        """Return the files' names and bytes."""

    @abc.abstractmethod
    def file_name(self, snapshot: Snapshot) -> str:
        """Return the name under which the package is downloaded."""


_exporters: dict[str, str] = {}


def register(identifier: str, path: str) -> None:
    """Name an export format, with the dotted path of its `Exporter`; it is imported when first asked for.

    Rooms call it from `ready()`, so that services find formats of their own room, which lie above them.
    """
    if identifier in _exporters:
        raise ValueError(f"the exporter {identifier} is registered twice")
    _exporters[identifier] = path


def exporter(identifier: str) -> Exporter[Any]:
    """Return the export format of this name."""
    made = import_string(_exporters[identifier])()
    assert isinstance(made, Exporter)
    return made


@dataclass(frozen=True, slots=True)
class Package:
    """A package's bytes, with the manifest inside them."""

    data: bytes
    manifest: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of the whole package."""
        return hashlib.sha256(self.data).hexdigest()


@functools.cache
def code_version(sources: tuple[str, ...]) -> Mapping[str, str]:
    """Return the version of this installation's code, and a digest over the sources that made an export.

    Parameters
    ----------
    sources
        Files, and folders with all below them, relative to the root.
    """
    root = Path(settings.ROOT)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    paths = [path for source in sources for path in (root / source, *(root / source).rglob("*"))]
    digests = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and path.suffix != ".pyc"
    }
    return {"name": project["name"], "version": project["version"], "sources_sha256": signing.digest(digests)}


def readable(content: Mapping[str, Any]) -> bytes:
    """Return JSON content in its one readable form: sorted keys, UTF-8, two spaces, a final line end."""
    return (json.dumps(content, sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode()


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with its own digest."""
    return {**manifest, "manifest_sha256": signing.digest(manifest)}


def _zip(members: Mapping[str, bytes]) -> bytes:
    return _zipped((name, members[name]) for name in sorted(members))


def _zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Write members, which come in the order of their names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(member_named(name), data)
    return target.getvalue()


def member_named(name: str) -> zipfile.ZipInfo:
    """Return how a package lists a file of this name: the same wherever and whenever it is written."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = _REGULAR_FILE_RW_R_R
    return entry


def described(
    *,
    exporter: str,
    title: str,
    sources: tuple[str, ...],
    statement: Mapping[str, Any],
    files: Mapping[str, tuple[int, str]],
) -> dict[str, Any]:
    """Return the manifest of a package with its own digest; `files` has size and SHA-256 of each by its name."""
    return sealed(
        {
            "format": _FORMAT,
            "exporter": exporter,
            "title": title,
            "code": dict(code_version(sources)),
            **statement,
            "files": [{"name": name, "size": size, "sha256": sha256} for name, (size, sha256) in sorted(files.items())],
        }
    )


def pack(exporter: Exporter[Snapshot], snapshot: Snapshot) -> Package:
    """Write a snapshot as a package; the same snapshot and code give the same bytes."""
    with tempfile.TemporaryFile() as beside:
        return _packed(exporter, snapshot, beside)


def _packed(exporter: Exporter[Snapshot], snapshot: Snapshot, beside: IO[bytes]) -> Package:
    """Write the files beside, as they are made, and then into the archive by their names: memory holds them once."""
    places: dict[str, tuple[int, int, str]] = {}
    for name, data in exporter.files(snapshot):
        places[name] = beside.tell(), len(data), hashlib.sha256(data).hexdigest()
        beside.write(data)
    manifest = described(
        exporter=exporter.identifier,
        title=exporter.title,
        sources=exporter.sources,
        statement=exporter.statement(snapshot),
        files={name: (size, sha256) for name, (_, size, sha256) in places.items()},
    )

    def members() -> Iterator[tuple[str, bytes]]:
        for name in sorted([*places, MANIFEST]):
            if name == MANIFEST:
                yield name, readable(manifest)
                continue
            begin, size, _ = places[name]
            beside.seek(begin)
            yield name, beside.read(size)

    return Package(_zipped(members()), manifest)


def build(exporter: Exporter[Snapshot], about: Record, *, actor: User, at: dt.datetime) -> Export:
    """Build the package of a locked record, keep it, and record that it was built.

    A package with the same bytes is kept once: building it again gives the row of the first.

    Raises
    ------
    NotLocked
        Something that the export states is still open to change.
    """
    exporter.ready(about)
    snapshot = exporter.snapshot(about)
    package = pack(exporter, snapshot)
    key = f"{exporter.identifier}/{package.sha256}.zip"
    storage.put(storage.EXPORTS, key, package.data)
    with transaction.atomic():
        # Two who build at once: the second waits here, and finds the first's row.
        type(about)._base_manager.select_for_update().get(pk=about.pk)
        kept = {"kind": exporter.identifier, "trial_id": about.scope().trial_id, "sha256": package.sha256}
        export = Export.objects.filter(**kept).order_by("-id").first()
        repeated = export is not None
        if export is None:
            export = Export.objects.create(
                **kept,
                storage_key=key,
                file_name=exporter.file_name(snapshot),
                size=len(package.data),
                manifest=package.manifest,
                created_at=at,
                created_by=actor,
            )
        audit.record(exporter.built, about, actor=actor, at=at, after={**named(export), "repeated": repeated})
    return export


def named(export: Export) -> dict[str, Any]:
    """Return what the audit trail says of a package."""
    return {"package": export.pk, "file": export.file_name, "sha256": export.sha256}


def read(export: Export) -> bytes:
    """Return a kept package's bytes, checked against the digest with which it was built.

    Raises
    ------
    PackageDamaged
        The stored bytes are others.
    """
    data = storage.get(storage.EXPORTS, export.storage_key)
    if hashlib.sha256(data).hexdigest() != export.sha256:
        raise PackageDamaged(
            f"The stored package {export.file_name} is not the one that was built, so it was not handed out. "
            "Build it again from the locked data; it will have the bytes it had."
        )
    return data


def verify(data: bytes) -> list[str]:
    """Check a package by itself, without the system it came from.

    Returns
    -------
    list of str
        What is wrong with it, one sentence each; empty when every byte is as it was written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            members = {entry.filename: _content(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError):
        return ["The file is not a ZIP archive as Parallax writes it."]
    if MANIFEST not in members:
        return [f"The archive has no {MANIFEST}."]
    try:
        manifest = json.loads(members[MANIFEST])
        listed = {entry["name"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
        seal = manifest.pop("manifest_sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"{MANIFEST} is not a manifest of a Parallax package."]
    problems = []
    if seal != signing.digest(manifest):
        problems.append(f"{MANIFEST} was changed: its own digest does not match.")
    for name, (size, sha256) in sorted(listed.items()):
        if name not in members:
            problems.append(f"{name} is missing.")
        elif len(members[name]) != size or hashlib.sha256(members[name]).hexdigest() != sha256:
            problems.append(f"{name} was changed: its digest does not match the manifest.")
    problems += [f"{name} is not in the manifest." for name in sorted(set(members) - set(listed) - {MANIFEST})]
    if not problems and _zip(members) != data:
        problems.append("The archive's own structure was changed; its files are unharmed.")
    return problems


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes; none where its checksum fails, so that the digests name it."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise NotImplementedError("a package holds stored members only")
    try:
        return archive.read(entry)
    except zipfile.BadZipFile:
        return b""
