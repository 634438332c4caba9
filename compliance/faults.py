"""Named points at which a test may end the process as a power cut would; no effect otherwise."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from django.conf import settings


def fault(point: str) -> None:
    """End this process here, once, if the installation's `faults` folder holds a file named after the point."""
    if struck(point):
        os.kill(os.getpid(), signal.SIGKILL)


def struck(point: str) -> bool:
    """Tell whether a process shall end at a point, and take the wish away.

    The file is renamed first, so that one process alone ends of it and the next one goes on. Only a data folder
    that a test prepared holds such a file.
    """
    if not settings.FAULTS:
        return False
    wish = Path(settings.DATA_DIR) / "faults" / point
    try:
        wish.rename(f"{wish}.done")
    except FileNotFoundError:
        return False
    return True
