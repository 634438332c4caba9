"""What a test's own lines write is its own affair: they arrange a scene. What the house's code writes needs its door.

Regulated tables refuse whatever is not announced (`compliance.guarding`). So that tests need no ceremony to arrange
what they test, and yet find each write of the house that goes past the trail, the line that writes decides: the nearest
one that is of this project.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from compliance import announcing

_ROOT = f"{Path(__file__).parents[2]}/"
_through_the_door = announcing.is_announced


def let_tests_write() -> None:
    """Count what tests, benchmarks and the scripts that they give to `manage.py shell` write as announced."""
    announcing.is_announced = lambda: _through_the_door() or _is_of_a_test()


def hold_tests_to_the_door() -> None:
    """Treat tests as everybody else."""
    announcing.is_announced = _through_the_door


def _is_of_a_test() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        owner = _owner(frame.f_code.co_filename)
        if owner is not None:
            return owner == "tests"
        frame = frame.f_back  # type: ignore[assignment]
    return False


@functools.cache
def _owner(file: str) -> str | None:
    """Whose line it is; None where it only passes on what another asked for: libraries, connections, models."""
    if file == "<string>":
        return "tests"
    name = file.removeprefix(_ROOT)
    if name == file or name.startswith(".venv/") or file == __file__:
        return None
    if name.startswith(("tests/", "benchmarks/")):
        return "tests"
    passes_on = name.startswith(("compliance/engines/", "compliance/announcing.py", "compliance/rows.py"))
    passes_on = passes_on or "/models/" in name
    return None if passes_on else "house"
