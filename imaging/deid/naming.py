"""New names for files and folders whose own names may say who somebody is.

A name is a keyed hash of the path it stands for, so it is the same in each run with one key, and nobody without the
key can tell whether a guessed path is behind it. A name of ours is known by a second keyed hash in it, and stays.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from pathlib import PurePath

_STEM, _PROOF = 12, 6
_OURS = re.compile(rf"[a-z2-7]{{{_STEM + _PROOF}}}")
#: The ending of what holds an instance.
SUFFIX = ".dcm"


class Names:
    """The names of one run."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, path: PurePath) -> str:
        """Return the new path, without an ending, for one below the folder that was named."""
        parts = [os.fsencode(part) for part in path.parts]
        return "/".join(self._one(parts[: depth + 1]) for depth in range(len(parts)))

    def _one(self, parts: list[bytes]) -> str:
        name = os.fsdecode(parts[-1]).removesuffix(SUFFIX)
        if _OURS.fullmatch(name) and hmac.compare_digest(self._proof(name[:_STEM]), name[_STEM:]):
            return name
        stem = self._hash(b"path", b"/".join(parts))[:_STEM]
        return stem + self._proof(stem)

    def _proof(self, stem: str) -> str:
        return self._hash(b"name", stem.encode())[:_PROOF]

    def _hash(self, purpose: bytes, content: bytes) -> str:
        return base64.b32encode(hmac.digest(self._secret, purpose + b"\0" + content, "sha256")).decode().lower()
