"""Results of long runs, written into the documentation between markers, with date, machine and versions."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path


def write(path: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` in a document."""
    before, opening, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    if not (opening and closing):
        raise ValueError(f"{path} has no place for {name}")
    text = "\n".join([circumstances(), "", *lines, ""])
    path.write_text(f"{before}{opening}{text}{closing}{after}", encoding="utf-8")


def circumstances() -> str:
    """When and where a run was made, in a sentence."""
    engine = "PostgreSQL and Redis" if os.environ.get("PARALLAX_DATABASE_URL") else "SQLite and the file broker"
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return f"{today}, {_processor()} with {os.cpu_count()} cores, Python {platform.python_version()}, on {engine}."


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
