"""Every benchmark, one after the other, into `docs/benchmarks.md`: `python -m benchmarks` (`make bench`).

Nothing else should run on the machine meanwhile. It takes about fifteen minutes.
"""

from __future__ import annotations

import subprocess
import sys

PARTS = (
    "intake",
    "stow",
    "frames",
    "submission",
    "crowd",
    "rows",
    "audit",
    "readers",
    "deid",
    "peers_deid",
    "viewer",
    "listed",
    "package",
)


def main() -> None:
    """Run each part in a process of its own; the first that fails ends it."""
    for part in PARTS:
        subprocess.run([sys.executable, "-m", f"benchmarks.{part}", "--write"], check=True)


if __name__ == "__main__":
    main()
