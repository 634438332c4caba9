"""The web door as a coordinator's browser uses it, and archives to send through it."""

from __future__ import annotations

import hashlib
import io
import stat
import uuid
import zipfile
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from compliance.models import User
from trials.models import Timepoint

JSON = {"accept": "application/json"}


class Browser:
    """One signed-in person's browser on the upload page."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def begin(self, timepoint: Timepoint) -> Any:
        """Open a delivery; return the answer."""
        return self.client.post(f"/imaging/timepoints/{timepoint.pk}/transfers/", headers=JSON)

    def begun(self, timepoint: Timepoint) -> uuid.UUID:
        """Open a delivery; return its public identifier."""
        answer = self.begin(timepoint)
        assert answer.status_code == 201
        return uuid.UUID(answer.json()["transfer"])

    def send(self, transfer: uuid.UUID, content: bytes, name: str = "file") -> Any:
        """Send one file; return the answer."""
        file = SimpleUploadedFile(name, content, "application/octet-stream")
        return self.client.post(f"/imaging/transfers/{transfer}/files/", {"file": file}, headers=JSON)

    def finish(self, transfer: uuid.UUID) -> Any:
        """Close a delivery; return the answer."""
        return self.client.post(f"/imaging/transfers/{transfer}/finish/", headers=JSON)


def zipped(files: dict[str, bytes]) -> bytes:
    """A ZIP archive of files by their paths."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_link() -> bytes:
    """A ZIP archive with a symbolic link to a system's file."""
    entry = zipfile.ZipInfo("IM0001")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def encrypted(content: bytes) -> bytes:
    """A ZIP archive whose one entry says that it is encrypted (APPNOTE 4.4.4, bit 0), in both of its headers."""
    archive = bytearray(zipped({"IM0001": content}))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(archive)


def damaged(files: dict[str, bytes], which: str) -> bytes:
    """A stored ZIP archive in which one byte of one entry's content differs from its checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        entry = archive.getinfo(which)
    content_at = entry.header_offset + 30 + len(which) + 200
    flipped = bytearray(buffer.getvalue())
    flipped[content_at] ^= 0xFF
    return bytes(flipped)


def stored(disk: Path) -> dict[str, str]:
    """Every file of the installation's spool and stores with its digest."""
    return {
        str(path.relative_to(disk)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("spool", "quarantine", "archive", "exports")
        for path in (disk / folder).rglob("*")
        if path.is_file() and path.name != ".lock"
    }
