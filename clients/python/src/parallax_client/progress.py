"""How far something is: any callable that takes bytes done and bytes in all; here is one for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

#: Called with the bytes that are done and those there are in all.
Progress = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    """Show nothing."""


class Bar:
    """A bar on one line of a terminal.

    Parameters
    ----------
    label
        What stands before the bar.
    """

    def __init__(self, label: str = "", *, width: int = 40, stream: TextIO | None = None) -> None:
        self._label, self._width, self._stream = label, width, stream or sys.stderr
        self._shown = ""

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        share = done / total if total else 1.0
        full = round(share * self._width)
        line = f"{self._label} [{'#' * full}{'.' * (self._width - full)}] {share:4.0%} of {_size(total)}"
        if line != self._shown:
            self._stream.write(f"\r{line}" + ("\n" if done >= total else ""))
            self._stream.flush()
            self._shown = line


def _size(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
