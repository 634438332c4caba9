"""A software bill of materials: what this release is made of, as CycloneDX 1.6, from the lock files."""

from __future__ import annotations

import base64
import json
import re
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

from compliance import signing
from config.validation.inspecting_code import locked, normal


def bill(root: Path, release: dict[str, str]) -> dict[str, Any]:
    """Return the bill of materials of the release, in a fixed order; the same release gives the same bill."""
    parts = [*_python(root), *_viewer(root), *_vendored(root)]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": release["name"],
                "name": release["name"],
                "version": release["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [{"name": "parallax:code-sha256", "value": release["sources_sha256"]}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": release["name"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, signing.digest(content))
    return {**content, "serialNumber": f"urn:uuid:{serial}"}


def _python(root: Path) -> list[dict[str, Any]]:
    licences = {normal(one.metadata["Name"]): _licence(one) for one in metadata.distributions() if one.metadata["Name"]}
    return [
        _part(f"pkg:pypi/{name}@{version}", name, version, licences.get(name, ""))
        for name, version in sorted(locked(root).items())
    ]


def _licence(one: metadata.Distribution) -> str:
    """Return what a package says of its licence, in a few words."""
    told: Any = one.metadata  # a message with headers
    said = told.get("License-Expression") or ""
    if not said:
        classifiers = [line for line in told.get_all("Classifier", []) if line.startswith("License ::")]
        said = "; ".join(line.rpartition(" :: ")[2] for line in classifiers) or (told.get("License") or "")
    return said.splitlines()[0][:100] if said else ""


def _viewer(root: Path) -> list[dict[str, Any]]:
    """The packages that the viewer's build takes in."""
    packages = json.loads((root / "frontend" / "package-lock.json").read_text("utf-8"))["packages"]
    found = {}
    for path, entry in packages.items():
        if not path or entry.get("dev") or entry.get("optional"):
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40', 1)}@{entry['version']}"
        found[purl] = _part(purl, name, entry["version"], entry.get("license", ""), entry.get("integrity", ""))
    return [found[purl] for purl in sorted(found)]


def _vendored(root: Path) -> list[dict[str, Any]]:
    """The files of others that lie with our pages, as their list says."""
    said = (root / "compliance" / "static" / "vendor" / "VENDORED.md").read_text("utf-8")
    found = {}
    for name, version, licence in re.findall(r"^\| `[^`]+` \| (\S+) (\d[\w.]*) \| ([\w.-]+)", said, re.MULTILINE):
        purl = f"pkg:npm/{name.replace('@', '%40', 1)}@{version}"
        found[purl] = _part(purl, name, version, licence)
    return [found[purl] for purl in sorted(found)]


def _part(purl: str, name: str, version: str, licence: str, integrity: str = "") -> dict[str, Any]:
    part: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if licence:
        part["licenses"] = [{"license": {"name": licence}}]
    if integrity.startswith("sha512-"):
        digest = base64.b64decode(integrity.removeprefix("sha512-")).hex()
        part["hashes"] = [{"alg": "SHA-512", "content": digest}]
    return part
