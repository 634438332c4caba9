"""The files at some paths of this machine and in the folders there, in a fixed order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compliance.errors import HouseError
from imaging.dicom.archives import is_junk

#: The list of a disc (PS3.10 §8.6), also as ISO 9660 spells it.
_DISC_LISTS = ("DICOMDIR", "DICOMDIR.", "DICOMDIR;1")


class Unreadable(HouseError):
    """The medium or the rights do not let us read a file or folder."""

    code = "unreadable"
    status = 422

    def __init__(self, problem: OSError) -> None:
        why = os.strerror(problem.errno) if problem.errno else "unknown"
        super().__init__(f"It could not be read ({why}). Check the medium and the rights, then run the command again.")


class Unforeseen(HouseError):
    """Our reader failed at the file in a way that nobody foresaw."""

    code = "cannot_read"
    status = 422

    def __init__(self) -> None:
        super().__init__("Reading it failed in a way that nobody foresaw. Look at it by hand, or leave it out.")


class NoFile(HouseError):
    """What lies there is a device, a pipe, or a link that leads out of the folder."""

    code = "no_file"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "It is no file, or a link that leads out of the folder. Name what it leads to if that is wanted."
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was named or lies below a folder that was; or the reason why nothing there is read."""

    path: Path
    size: int = 0
    problem: HouseError | None = None


def find_files(paths: Iterable[Path], *, everything: bool = False) -> Iterator[Found]:
    """Find the files at some paths and in the folders there, of any depth.

    Links within a folder are not followed; one that leads out of it is named.

    Parameters
    ----------
    everything
        Find the list of a disc (DICOMDIR) and the leavings of desktop systems as well, which are passed over
        otherwise.
    """
    for path in paths:
        path = Path(os.path.abspath(path))
        try:
            known = path.stat()
        except OSError as problem:
            yield Found(path, problem=Unreadable(problem))
            continue
        if stat.S_ISDIR(known.st_mode):
            yield from _below(path, everything)
        elif stat.S_ISREG(known.st_mode):
            yield Found(path, known.st_size)
        else:
            yield Found(path, problem=NoFile())


def is_beside(name: str) -> bool:
    """Whether a file, by its path below the folder that was chosen, lies beside images by custom and is none."""
    return is_junk(name) or name.rsplit("/", 1)[-1].upper() in _DISC_LISTS


def _below(top: Path, everything: bool) -> Iterator[Found]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as problem:
            yield Found(folder, problem=Unreadable(problem))
            continue
        inner = []
        for entry in entries:
            path = Path(entry.path)
            if not everything and is_beside(path.relative_to(top).as_posix()):
                continue
            try:
                known = entry.stat(follow_symlinks=False)
            except OSError as problem:
                yield Found(path, problem=Unreadable(problem))
                continue
            if stat.S_ISDIR(known.st_mode):
                inner.append(path)
            elif stat.S_ISREG(known.st_mode):
                yield Found(path, known.st_size)
            elif not (stat.S_ISLNK(known.st_mode) and _stays_inside(path, top)):
                yield Found(path, problem=NoFile())
        waiting.extend(reversed(inner))


def _stays_inside(link: Path, top: Path) -> bool:
    """Tell whether a link's target is found by itself."""
    target = Path(os.path.realpath(link))
    return target.exists() and target.is_relative_to(os.path.realpath(top))
