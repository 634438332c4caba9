"""Programs that tests talk to as peers: found on the machine, or skipped with the reason.

`make test` installs them where it may. CI sets PARALLAX_REQUIRE_ALL=1, and then an absent peer fails the
test: a suite that skips what it came to prove has proved nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

# Programs that go by several names, most wanted first.
ALIASES = {"chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")}

# Servers live outside an ordinary user's PATH on Debian.
EXTRA_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))

# Plug-ins are no programs, and lie in one place.
PLUGINS = {"OrthancDicomWeb": "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"}

PACKAGES = {
    "storescu": "dcmtk",
    "storescp": "dcmtk",
    "echoscu": "dcmtk",
    "findscu": "dcmtk",
    "movescu": "dcmtk",
    "dcmconv": "dcmtk",
    "dcmdump": "dcmtk",
    "dcmftest": "dcmtk",
    "dcmgpdir": "dcmtk",
    "dcmodify": "dcmtk",
    "dciodvfy": "dicom3tools",
    "Orthanc": "orthanc",
    "OrthancDicomWeb": "orthanc-dicomweb",
    "ojph_compress": "openjph-tools",
    "chromium": "chromium",
    "redis-server": "redis-server",
    "initdb": "postgresql",
    "pdftotext": "poppler-utils",
    "pdfinfo": "poppler-utils",
    "sshd": "openssh-server",
    "sftp": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mount": "mount",
    "umount": "mount",
}


def requires_all() -> bool:
    """Whether an absent peer is a failure (CI) and not a reason to skip."""
    return os.environ.get("PARALLAX_REQUIRE_ALL") == "1"


def find_tool(name: str) -> str | None:
    """Path of a program, looked for on PATH and where Debian keeps servers, or of a plug-in; None when absent."""
    if name in PLUGINS:
        return PLUGINS[name] if Path(PLUGINS[name]).exists() else None
    directories = os.pathsep.join([os.environ.get("PATH", os.defpath), *EXTRA_DIRECTORIES])
    for alias in ALIASES.get(name, (name,)):
        if found := shutil.which(alias, path=directories):
            return str(Path(found))
    return None


def requires_tool(*names: str) -> pytest.MarkDecorator:
    """Mark a test, class or module as needing programs: ``@requires_tool("storescu")``."""
    return pytest.mark.requires_tool(*names)


def tool(name: str) -> str:
    """Path of a program the running test needs; skips it, or fails it in CI, when absent."""
    skip_or_fail(absent([name]))
    found = find_tool(name)
    assert found is not None
    return found


def absent(names: Iterable[str]) -> list[str]:
    """The programs among `names` that are not on this machine."""
    return [name for name in names if find_tool(name) is None]


def skip_or_fail(missing: Iterable[str]) -> None:
    """Skip the running test when peers are missing, or fail it under PARALLAX_REQUIRE_ALL=1."""
    wanted = [f"{name} (Debian package {PACKAGES.get(name, name)})" for name in missing]
    if not wanted:
        return
    reason = "needs " + ", ".join(wanted)
    if requires_all():
        pytest.fail(f"{reason}; PARALLAX_REQUIRE_ALL=1 allows no skip", pytrace=False)
    pytest.skip(f"{reason}; `scripts/system-packages.sh test` installs it")
