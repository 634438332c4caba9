"""What the child process does with the files of an upload: prove that they are instances, unpack archives."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from compliance.errors import HouseError
from imaging.dicom.archives import walk_archive
from imaging.dicom.headers import Header, read_header

_CHUNK = 1 << 20


class EmptyArchive(HouseError):
    """A ZIP without any file in it: taking it in silence would look like a delivery."""

    code = "archive_empty"
    status = 422


class Unreadable(HouseError):
    """Reading a file failed in a way that nobody foresaw."""

    code = "unreadable"
    status = 422


def prove(path: str) -> bool:
    """Read and prove the header of a file.

    Raises
    ------
    Unreadable
    HouseError
        The refusals of `imaging.dicom.headers.read_header`.
    """
    _header(path)
    return True


def kind(path: str) -> tuple[str, str]:
    """Read and prove the header of a file; return the modality, empty if it is no code, and the transfer syntax UID.

    Raises
    ------
    Unreadable
    HouseError
        As `prove` does.
    """
    header = _header(path)
    modality = header.modality if re.fullmatch(r"[A-Z0-9]{1,16}", header.modality) else ""
    return modality, header.transfer_syntax_uid


def _header(path: str) -> Header:
    try:
        return read_header(Path(path))
    except (HouseError, OSError, MemoryError, RecursionError):
        raise
    except Exception as problem:
        raise Unreadable("The file cannot be read: it is damaged. Send it again from its source.") from problem


def unpack(archive: str, folder: str, reserve: int) -> list[tuple[int, str, str]]:
    """Unpack the instances of a ZIP into a folder, each under its number in the archive.

    A file has its number as its name once it is whole and proven.

    Parameters
    ----------
    reserve
        Bytes of the disk that stay free.

    Returns
    -------
    list of (number, code, sentence)
        The files that are no instances. Number 0 is the archive itself: what follows in it was not read.

    Raises
    ------
    OSError
        The disk is nearly full, or failing.
    """
    refused: list[tuple[int, str, str]] = []
    number = 0
    try:
        for number, member in enumerate(walk_archive(Path(archive)), start=1):
            partial = Path(folder, f"{number}.part")
            with open(partial, "wb") as file:
                while chunk := member.stream.read(_CHUNK):
                    _require_space(file.fileno(), len(chunk) + reserve)
                    file.write(chunk)
            try:
                prove(str(partial))
            except HouseError as problem:
                partial.unlink()
                refused.append((number, problem.code, problem.message))
            else:
                partial.rename(partial.with_suffix(""))
        if not number:
            raise EmptyArchive("The ZIP archive holds no files. Put the images into it and send it again.")
    except HouseError as problem:
        refused.append((0, problem.code, problem.message))
    return refused


def _require_space(handle: int, size: int) -> None:
    disk = os.fstatvfs(handle)
    if disk.f_bavail * disk.f_frsize < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
