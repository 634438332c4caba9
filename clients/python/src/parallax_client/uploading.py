"""A folder of DICOM files to one timepoint: what the server has is not sent again, what broke off goes on.

The files' SHA-256 is what both sides know them by: asking twice, sending twice or beginning again on another machine
makes no second copy of anything. Names of files and folders are never sent.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parallax_client.errors import ParallaxError, Refused, Unreachable
from parallax_client.progress import Progress, nothing
from parallax_client.transport import Answer, Transport

_TUS = {"Tus-Resumable": "1.0.0"}
_OCTETS = {"Content-Type": "application/offset+octet-stream"}
#: Bytes in one request, and files in one question.
PIECE, _ASKED = 8 * 1024 * 1024, 1000
#: A DICOM file says so after 128 bytes (PS3.10 §7.1).
_PREAMBLE = 128
#: What the server says of an upload that moved under us, or that somebody else still writes.
_STALE, _BUSY = frozenset({"offset_conflict", "checksum_mismatch", "stalled"}), frozenset({"upload_locked"})


@dataclass(slots=True)
class Uploaded:
    """What became of the files of a folder.

    Attributes
    ----------
    transfer
        The delivery's identifier, for `client.transfers.get`; empty where everything was there already.
    sent, already_there
        Files that were sent, and such that the server had.
    not_dicom
        Files that are none by their first bytes; they were not sent.
    refused
        Files that the server did not take, each with its sentence.
    warnings
        What the server asks to look at, each with the file.
    """

    transfer: str = ""
    sent: list[Path] = field(default_factory=list)
    already_there: list[Path] = field(default_factory=list)
    not_dicom: list[Path] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)
    warnings: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    sha256: str


def upload_folder(
    transport: Transport, timepoint: int, folder: str | os.PathLike[str], *, progress: Progress = nothing
) -> Uploaded:
    """Send the DICOM files below a folder to a timepoint, as one delivery.

    Called again after a failure it goes on where it stopped; called again after success it sends nothing.

    Raises
    ------
    ParallaxError
        Nobody is there, or the person may not upload. What was acknowledged before is kept.
    """
    done = Uploaded()
    files = list(_files(Path(folder), done))
    total, so_far = sum(one.size for one in files), 0
    wanted = []
    for one, told in _known(transport, timepoint, files, ""):
        if told.get("warning"):
            done.warnings[one.path] = str(told["warning"])
        if told["state"] == "have":
            done.already_there.append(one.path)
            so_far += one.size
        else:
            wanted.append(one)
    progress(so_far, total)
    if not wanted:
        return done
    opened = transport.ask("POST", f"/imaging/timepoints/{timepoint}/transfers/").json()
    done.transfer = str(opened["transfer"])
    for one, told in _known(transport, timepoint, wanted, done.transfer):
        try:
            _send(transport, timepoint, done.transfer, one, str(told.get("upload", "")), _from(progress, so_far, total))
            done.sent.append(one.path)
        except Refused as problem:
            done.refused[one.path] = problem.sentence
        so_far += one.size
        progress(so_far, total)
    transport.ask("POST", f"/imaging/transfers/{done.transfer}/finish/", harmless=True)
    return done


def _from(progress: Progress, begun: int, total: int) -> Progress:
    return lambda done, _: progress(begun + done, total)


def _files(folder: Path, done: Uploaded) -> Iterator[_File]:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder.")
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        with path.open("rb") as content:
            if content.read(_PREAMBLE + 4)[_PREAMBLE:] != b"DICM":
                done.not_dicom.append(path)
                continue
            content.seek(0)
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        yield _File(path, path.stat().st_size, digest)


def _known(
    transport: Transport, timepoint: int, files: Sequence[_File], transfer: str
) -> Iterator[tuple[_File, dict[str, object]]]:
    """Ask what the server has of the files; yield each with the answer."""
    for begin in range(0, len(files), _ASKED):
        some = files[begin : begin + _ASKED]
        asked: dict[str, object] = {"files": [{"sha256": one.sha256, "size": one.size} for one in some]}
        if transfer:
            asked["transfer"] = transfer
        path = f"/imaging/timepoints/{timepoint}/uploads/known/"
        yield from zip(some, transport.ask("POST", path, body=asked, harmless=True).json()["files"], strict=True)


def _send(transport: Transport, timepoint: int, transfer: str, one: _File, upload: str, progress: Progress) -> None:
    """Send one file, from where the server's bytes end; ask it where that is whenever something broke."""
    for number in range(1, transport.tries + 1):
        try:
            if upload:
                _go_on(transport, upload, one, progress)
            else:
                created = _create(transport, timepoint, transfer, one)
                upload, offset = created.headers["location"], int(created.headers["upload-offset"])
                progress(offset, one.size)
                _append(transport, upload, one, offset, progress)
            return
        except (Unreachable, ParallaxError) as problem:
            again = isinstance(problem, Unreachable) or problem.code in _STALE | _BUSY
            if not again or number == transport.tries:
                raise
            transport.pause(number)
            if not upload:
                upload, there = _found(transport, timepoint, transfer, one)
                if there:
                    return


def _found(transport: Transport, timepoint: int, transfer: str, one: _File) -> tuple[str, bool]:
    """Ask after a lost answer: where the upload is that may have been made, and whether all of it is there."""
    ((_, told),) = _known(transport, timepoint, [one], transfer)
    return str(told.get("upload", "")), told["state"] == "have"


def _create(transport: Transport, timepoint: int, transfer: str, one: _File) -> Answer:
    with one.path.open("rb") as content:
        first = content.read(PIECE)
    said = {"transfer": transfer, "sha256": one.sha256, "kind": "dicom"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    headers = {**_TUS, **_OCTETS, "Upload-Length": str(one.size), "Upload-Metadata": metadata}
    return transport.ask("POST", f"/imaging/timepoints/{timepoint}/uploads/", content=first, headers=headers)


def _go_on(transport: Transport, upload: str, one: _File, progress: Progress) -> None:
    offset = int(transport.ask("HEAD", upload, headers=_TUS).headers["upload-offset"])
    progress(offset, one.size)
    _append(transport, upload, one, offset, progress)


def _append(transport: Transport, upload: str, one: _File, offset: int, progress: Progress) -> None:
    with one.path.open("rb") as content:
        while offset < one.size:
            content.seek(offset)
            piece = content.read(PIECE)
            checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
            headers = {**_TUS, **_OCTETS, "Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {checksum}"}
            offset = int(transport.ask("PATCH", upload, content=piece, headers=headers).headers["upload-offset"])
            progress(offset, one.size)
