"""Originals in an installation's quarantine, opened from outside with the keys that lie beside it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from compliance import vault


def original(data_dir: Path, key: str) -> bytes:
    """The bytes as they came of what lies under a key of the quarantine."""
    locked = (data_dir / "quarantine" / key).read_bytes()
    for path in sorted((data_dir / "keys").glob("*.key")):
        secret = bytes.fromhex(path.read_text())
        try:
            return b"".join(vault.unlock(BytesIO(locked), hmac.digest(secret, b"originals at rest", "sha256")))
        except vault.Damaged:
            continue
    raise vault.Damaged


def originals(data_dir: Path, *, each: int = 1) -> Iterator[bytes]:
    """All originals of an installation, or each second, third, …"""
    for path in sorted((data_dir / "quarantine").rglob("*.dcm"))[::each]:
        yield original(data_dir, str(path.relative_to(data_dir / "quarantine")))
