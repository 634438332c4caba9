"""Named points at which a test may end the process as a power cut would; no effect otherwise."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from django.conf import settings


def fault(point: str) -> None:
    """End this process here, once, if the installation's `fault` file names the point.

    The file is removed first, so that the process started next goes on. Only a data folder that a test
    prepared holds such a file.
    """
    if not settings.FAULTS:
        return
    wish = Path(settings.DATA_DIR) / "fault"
    try:
        if wish.read_text().strip() != point:
            return
        wish.rename(wish.with_name("fault.done"))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
