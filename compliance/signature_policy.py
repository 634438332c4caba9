"""The e-signature policy: a versioned text that each person accepts by signature before any other signature.

Texts lie in `signature_policies/`, one file per version; the highest is in force. A new version is asked of everybody
again (21 CFR 11.10 (j)).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compliance.models import PolicyAcceptance, User

_TEXTS = Path(__file__).with_name("signature_policies")


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the policy."""

    version: int
    text: str

    @property
    def sha256(self) -> str:
        """Digest of the text, which an acceptance names."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def versions() -> tuple[Policy, ...]:
    """Return every version of the policy, the oldest first."""
    found = sorted((int(path.stem), path) for path in _TEXTS.glob("*.txt"))
    return tuple(Policy(number, path.read_text(encoding="utf-8")) for number, path in found)


def in_force() -> Policy:
    """Return the version that people accept now."""
    return versions()[-1]


def is_accepted_by(user: User) -> bool:
    """Tell whether a person has accepted the version in force, with the text that it has now."""
    policy = in_force()
    return PolicyAcceptance.objects.filter(user=user, version=policy.version, text_sha256=policy.sha256).exists()


def latest_accepted_by(user: User) -> int:
    """Return the newest version that a person has accepted; 0 before the first."""
    versions_accepted = PolicyAcceptance.objects.filter(user=user).order_by("-version")
    return versions_accepted.values_list("version", flat=True).first() or 0
