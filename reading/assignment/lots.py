"""Lots: an order that looks like chance, and that the seed and the ids determine on every machine."""

from __future__ import annotations

import hashlib

Seed = int | str


def lot(seed: Seed, *parts: str) -> bytes:
    """Return 32 bytes that the seed and the ids determine."""
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).digest()


def pair(a: str, b: str) -> tuple[str, str]:
    """Return two readers as one key, whatever their order."""
    return (a, b) if a < b else (b, a)
