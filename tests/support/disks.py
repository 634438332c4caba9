"""A disk that is really full: a small file system in memory, filled to the byte. Making one needs root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import requires_all, tool

SIZE, BLOCK = 16 << 20, 4096


@dataclass
class SmallDisk:
    """A file system of 16 MiB."""

    root: Path

    @property
    def free(self) -> int:
        """Bytes that fit."""
        disk = os.statvfs(self.root)
        return disk.f_bavail * disk.f_frsize

    @contextlib.contextmanager
    def with_room_for(self, size: int) -> Iterator[None]:
        """Fill the disk so that this many bytes, rounded down to blocks, still fit; free it at the end."""
        filler = self.root / "filler"
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free - size // BLOCK * BLOCK)
        assert self.free // BLOCK == size // BLOCK
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def without_entries(self) -> Iterator[None]:
        """Let the disk take no further file, though there is room for bytes."""
        used = os.statvfs(self.root)
        self._remount(f"nr_inodes={used.f_files - used.f_ffree}")
        try:
            yield
        finally:
            self._remount("nr_inodes=100000")

    def _remount(self, option: str) -> None:
        subprocess.run([tool("mount"), "-o", f"remount,{option}", str(self.root)], check=True)


@contextlib.contextmanager
def small_disk(root: Path) -> Iterator[SmallDisk]:
    """Mount one at a folder; where that is not allowed the test is skipped, or fails under PARALLAX_REQUIRE_ALL=1."""
    root.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE},nr_inodes=100000", "none", str(root)]
    done = subprocess.run([tool("mount"), *options], capture_output=True, text=True)
    if done.returncode:
        reason = f"needs root for a disk of its own: {done.stderr.strip()}"
        (pytest.fail if requires_all() else pytest.skip)(reason)
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run([tool("umount"), "--lazy", str(root)], check=True)
