"""What is installed: release, digest of the code, Python, packages against the lock file, and what sets type."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from django.conf import settings
from packaging.markers import Marker

from compliance import printing
from compliance.exporting import code_version
from config.validation.records import CODE, Check, Outcome

_SECTION = "Software"
_OLDEST = (3, 11)


def software(expected_code: str) -> Iterator[Check]:
    """Yield the checks of what is installed."""
    release = code_version(CODE)
    digest = release["sources_sha256"]
    yield Check(
        _SECTION,
        "Release and digest of the installed code",
        expected_code or "Compare with the release's validation pack, or give --expect-code",
        f"{release['name']} {release['version']}, {digest}",
        (Outcome.PASS if digest == expected_code else Outcome.FAIL) if expected_code else Outcome.NOT_APPLICABLE,
    )
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] >= _OLDEST
    yield Check(_SECTION, "Python", "3.11 or newer", version, Outcome.PASS if right else Outcome.FAIL)
    yield _packages()
    yield _printer()


def locked(root: Path) -> dict[str, str]:
    """Return the packages that the lock file asks for on this machine, by their normal names, with their versions."""
    found = {}
    for line in (root / "requirements" / "runtime.txt").read_text("utf-8").splitlines():
        asked = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)(?:\s*;\s*([^\\]+))?", line)
        if asked and (not asked[3] or Marker(asked[3].strip()).evaluate()):
            found[normal(asked[1])] = asked[2]
    return found


def normal(name: str) -> str:
    """Return a package's name in its one form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Return the packages of this environment, by their normal names, with their versions."""
    return {normal(one.metadata["Name"]): one.version for one in metadata.distributions() if one.metadata["Name"]}


def _packages() -> Check:
    asked, there = locked(Path(settings.ROOT)), installed()
    others = [
        f"{name} {there.get(name, 'missing')} instead of {version}"
        for name, version in sorted(asked.items())
        if there.get(name) != version
    ]
    said = "; ".join(others[:20]) or f"all {len(asked)} as locked"
    expected = "Each package has the version of requirements/runtime.txt"
    return Check(_SECTION, "Packages", expected, said, Outcome.FAIL if others else Outcome.PASS)


def _printer() -> Check:
    try:
        versions = printing.made_with()
    except printing.PrintNotPossible as problem:
        return Check(_SECTION, "Reports can be printed", "Pango is there", problem.message, Outcome.FAIL)
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Check(_SECTION, "Reports can be printed", "Pango is there", said, Outcome.PASS)
