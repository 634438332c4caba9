"""The largest memory that the processes of an installation take, those included that come and go."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.installation import Installation
from tests.support.killing import readers


class Watch:
    """Looks at the processes of a family, and at the children that read for them, several times a second."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        #: Largest resident size of each process, in bytes (`VmHWM`, proc(5)).
        self.largest: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> int:
        """Look now; return the largest size that any process had so far."""
        for pid in (*self._installation.processes(), *readers(self._installation)):
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                size = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
                self.largest[pid] = max(size, self.largest.get(pid, 0))
        return max(self.largest.values())

    def _look(self) -> None:
        while not self._over.wait(0.3):
            self.look()
