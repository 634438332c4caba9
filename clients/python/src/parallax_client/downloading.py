"""Packages to a file: a download that broke goes on where it stopped, and what came is held against its digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from parallax_client.errors import Damaged, Unreachable
from parallax_client.progress import Progress, nothing
from parallax_client.transport import Transport


def download(
    transport: Transport,
    path: str,
    to: str | os.PathLike[str],
    *,
    size: int,
    sha256: str,
    progress: Progress = nothing,
) -> Path:
    """Take a package into a file; beside it lies `NAME.part` until all of it is there and its digest is right.

    Raises
    ------
    Damaged
        The digest is another one than that of the package; what came is removed.
    ParallaxError
    """
    target = Path(to)
    part = target.with_name(f"{target.name}.part")
    for number in range(1, transport.tries + 1):
        try:
            _take(transport, path, part, size, sha256, progress)
            break
        except Unreachable:
            if number == transport.tries:
                raise
            transport.pause(number)
    with part.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != sha256:
        part.unlink()
        raise Damaged(f"{target.name} came damaged and was removed. Take it again.")
    return part.replace(target)


def _take(transport: Transport, path: str, part: Path, size: int, sha256: str, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    # Where the server cannot go on, or has other bytes by now, it answers with the whole.
    asked = {"Range": f"bytes={have}-", "If-Range": f'"{sha256}"'} if have else {}
    status, _, pieces = transport.stream(path, asked)
    have = have if status == 206 else 0
    with part.open("ab" if have else "wb") as file:
        progress(have, size)
        for piece in pieces:
            file.write(piece)
            have += len(piece)
            progress(have, size)
