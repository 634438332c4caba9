"""The viewer that is committed is what its source builds to, and its parts that need no browser do what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.support.tools import requires_all

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "frontend"
BUILT = ROOT / "reading/static/reading/viewer"
#: The environment brings its own Node.js, before whatever the machine has.
SURROUNDINGS = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))}


def run(*command: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=at, env=SURROUNDINGS, capture_output=True, text=True, timeout=600, check=False, encoding="utf-8"
    )


def test_the_parts_that_need_no_browser_do_what_they_say() -> None:
    done = run("node", "--test", "--disable-warning=ExperimentalWarning", "src/**/*.test.ts", at=SOURCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (SOURCE / "package-lock.json").read_text(encoding="utf-8")


def test_the_source_builds_to_what_is_committed_byte_for_byte(tmp_path: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("A build knows no database: once is enough.")
    source = tmp_path / "frontend"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("node_modules"))
    installed = run("npm", "ci", "--no-progress", at=source)
    if installed.returncode:
        (pytest.fail if requires_all() else pytest.skip)(f"npm could not install the packages: {installed.stderr[-300:]}")
    built = run("npm", "run", "build", at=source)
    assert built.returncode == 0, built.stdout + built.stderr

    made = tmp_path / "reading/static/reading/viewer"
    files = sorted(path.name for path in BUILT.iterdir())
    assert sorted(path.name for path in made.iterdir()) == files
    different = [name for name in files if (made / name).read_bytes() != (BUILT / name).read_bytes()]
    assert not different, f"Build the viewer (cd frontend; npm ci; npm run build) and commit it: {different}"
