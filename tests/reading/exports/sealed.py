"""Packages for tests of the verifier: packed, opened, and sealed again around what was changed in them."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from compliance import exporting, signing
from reading.exports import records
from reading.exports.endpoint_package import VERIFIER, EndpointPackage
from reading.exports.locked import LockedTrial


@functools.cache
def verifier() -> ModuleType:
    """Load the verifier as it is shipped."""
    found = importlib.util.spec_from_file_location("parallax_verify", VERIFIER)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def packed(trial: LockedTrial) -> bytes:
    """Return a trial's package."""
    return exporting.pack(EndpointPackage(), trial).data


def members(data: bytes) -> dict[str, bytes]:
    """Return a package's files by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def resealed(files: Mapping[str, bytes]) -> bytes:
    """Write a package anew around changed files, with every digest in it made right."""
    kept = {name: data for name, data in files.items() if name not in ("manifest.json", "records.json")}
    kept["records.json"] = records.records(kept)
    manifest = json.loads(files["manifest.json"])
    del manifest["manifest_sha256"]
    manifest["files"] = [
        {"name": name, "size": len(kept[name]), "sha256": hashlib.sha256(kept[name]).hexdigest()}
        for name in sorted(kept)
    ]
    kept["manifest.json"] = exporting.readable({**manifest, "manifest_sha256": signing.digest(manifest)})
    return exporting._zip(kept)


def problems_of(data: bytes, tmp_path: Path) -> list[str]:
    """Return what the verifier has against a package."""
    path = tmp_path / "package.zip"
    path.write_bytes(data)
    problems, _ = verifier().verify(str(path))
    return list(problems)
