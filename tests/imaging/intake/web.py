"""The web door as a coordinator's browser uses it, and archives to send through it."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import uuid
import zipfile
from pathlib import Path
from typing import Any

from django.test import Client

from compliance.models import User
from trials.models import Timepoint

JSON = {"accept": "application/json"}


#: Headers of every piece of an upload.
PIECE = {**JSON, "tus-resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"


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

    def create(self, timepoint: Timepoint, transfer: uuid.UUID, size: int, content: bytes = b"", **more: str) -> Any:
        """Create an upload, with its first bytes if there are any; `more` goes into its metadata."""
        headers = {**PIECE, "upload-length": str(size), "upload-metadata": metadata(transfer=str(transfer), **more)}
        kind = OCTETS if content else ""
        return self.client.generic(
            "POST", f"/imaging/timepoints/{timepoint.pk}/uploads/", content, kind, headers=headers
        )

    def send(self, timepoint: Timepoint, transfer: uuid.UUID, content: bytes, **more: str) -> Any:
        """Send one file whole, in the request that creates its upload; return the answer."""
        return self.create(timepoint, transfer, len(content), content, **more)

    def offset(self, upload: str) -> Any:
        """Ask how much of an upload the server has; return the answer."""
        return self.client.head(upload, headers=PIECE)

    def append(self, upload: str, offset: int, content: bytes, **headers: str) -> Any:
        """Send a piece; return the answer."""
        headers = {**PIECE, "upload-offset": str(offset), **headers}
        return self.client.generic("PATCH", upload, content, OCTETS, headers=headers)

    def remove(self, upload: str) -> Any:
        """Let go of an upload; return the answer."""
        return self.client.delete(upload, headers=PIECE)

    def known(self, timepoint: Timepoint, transfer: uuid.UUID, *contents: bytes) -> Any:
        """Ask what the server has of files; return the answer."""
        files = [{"sha256": hashlib.sha256(one).hexdigest(), "size": len(one)} for one in contents]
        question = {"transfer": str(transfer), "files": files}
        return self.client.post(
            f"/imaging/timepoints/{timepoint.pk}/uploads/known/", question, "application/json", headers=JSON
        )

    def finish(self, transfer: uuid.UUID) -> Any:
        """Close a delivery; return the answer."""
        return self.client.post(f"/imaging/transfers/{transfer}/finish/", headers=JSON)


def metadata(**values: str) -> str:
    """`Upload-Metadata` of these keys and values."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


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
    """Every file of the installation's uploads, spool and stores with its digest."""
    return {
        str(path.relative_to(disk)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("uploads", "spool", "quarantine", "archive", "exports")
        for path in (disk / folder).rglob("*")
        if path.is_file() and path.name != ".lock"
    }
