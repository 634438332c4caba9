"""What the child process does with the files of an upload: prove that they are instances, unpack archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compliance.errors import HouseError
from imaging.dicom.archives import walk_archive
from imaging.dicom.excerpts import excerpt
from imaging.dicom.headers import read_header

_CHUNK = 1 << 20


class EmptyArchive(HouseError):
    """A ZIP without any file in it: taking it in silence would look like a delivery."""

    code = "archive_empty"
    status = 422


def prove(path: str) -> bool:
    """Read and prove the header of a file; see `imaging.dicom.headers.read_header` for the refusals."""
    read_header(Path(path))
    return True


def measure(path: str) -> dict[str, Any]:
    """Return what a file says of its acquisition, for `imaging.quality.series_facts`; see `imaging.dicom.excerpts`."""
    return excerpt(read_header(Path(path)).dataset)


def unpack(archive: str, folder: str) -> list[tuple[int, str, str]]:
    """Unpack the instances of a ZIP into a folder, each under its number in the archive.

    A file has its number as its name once it is whole and proven.

    Returns
    -------
    list of (number, code, sentence)
        The files that are no instances. Number 0 is the archive itself: what follows in it was not read.
    """
    refused: list[tuple[int, str, str]] = []
    number = 0
    try:
        for number, member in enumerate(walk_archive(Path(archive)), start=1):
            partial = Path(folder, f"{number}.part")
            with open(partial, "wb") as file:
                while chunk := member.stream.read(_CHUNK):
                    file.write(chunk)
            try:
                read_header(partial)
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
