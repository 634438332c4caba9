"""One family of processes: starts them, restarts one that dies, stops them all."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds that a child gets between a polite request to stop and the end.
GRACE = 20.0
#: Longest pause before a child that keeps dying is started again, in seconds.
LONGEST_PAUSE = 10.0


@dataclass
class Child:
    """One member of the family: its name, command line, and the process that runs now."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    start_after: float = 0.0
    started_at: float = 0.0

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Family:
    """Children that live and die together.

    Each child leads a process group of its own, so that its helpers go with it; its number is kept in
    `run_dir/<name>.pid`.
    """

    children: list[Child]
    run_dir: Path
    say: Callable[[str], None]
    stopping: bool = field(default=False, init=False)

    def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; return when every child is gone."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            while not self.stopping:
                for child in self.children:
                    self._look_after(child)
                time.sleep(0.1)
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.alive:
            if child.deaths and now - child.started_at > 60:
                child.deaths = 0
            return
        if child.process is not None:
            _end_group(child.process.pid)
            child.deaths += 1
            pause = min(0.2 * 2 ** (child.deaths - 1), LONGEST_PAUSE)
            self.say(f"{child.name} ended (status {child.process.returncode}); starting it again")
            child.process, child.start_after = None, now + pause
        if now >= child.start_after:
            child.process = subprocess.Popen(child.command, start_new_session=True, preexec_fn=die_with_parent)
            child.started_at = now
            number = self.run_dir / f"{child.name}.pid"
            number.with_suffix(".part").write_text(str(child.process.pid))
            number.with_suffix(".part").rename(number)

    def _end(self) -> None:
        """Ask the children to stop, in order, and end those that do not."""
        for child in self.children:
            if child.alive and child.process:
                child.process.terminate()
        patience = time.monotonic() + GRACE
        while any(child.alive for child in self.children) and time.monotonic() < patience:
            time.sleep(0.05)
        for child in self.children:
            if child.process:
                _end_group(child.process.pid)
                child.process.wait()
            (self.run_dir / f"{child.name}.pid").unlink(missing_ok=True)


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def die_with_parent() -> None:
    """In the child: be asked to stop if the parent itself is killed (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
