"""Where the tables go: `docs/benchmarks.md`, each between two marks, with the machine and the versions that made it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.support.tools import find_tool

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def machine() -> str:
    """Return what was measured on."""
    return f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"


def needed(name: str) -> str:
    """Return the path of a program or plug-in that is measured or measures; without it the benchmark ends here."""
    path = find_tool(name)
    if path is None:
        raise SystemExit(f"{name} is not installed; `scripts/system-packages.sh test` installs it.")
    return path


def version_of(program: str) -> str:
    """Return what a program says of its version."""
    said = subprocess.run([program, "--version"], executable=needed(program), capture_output=True, text=True).stdout
    return said.partition("\n")[0].strip("$ ")


def publish(section: str, text: str, *, write: bool, document: Path = DOCUMENT) -> None:
    """Print a section's text, and put it into the document if asked to."""
    sys.stdout.write(text + "\n")
    if not write:
        return
    begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->"
    head, found, rest = document.read_text().partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{document.name} has no place for {section}")
    document.write_text(head + begin + text + "\n" + end + rest.partition(end)[2])
