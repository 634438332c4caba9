"""Whether a second person looks at what a first one passed: drawn from the trial's stored seed, so that it replays."""

from __future__ import annotations

import hashlib

_PARTS = 1 << 64


def drawn(seed: str, subject: str, timepoint: str, round: int, *, percent: int) -> bool:
    """Tell whether chance sends a round to a second person.

    The draw depends on the seed and on which round it is, on nothing that anybody decides or types. The seed is shown
    to nobody, so that who decides first cannot know.

    Parameters
    ----------
    percent
        Share of rounds that go to a second person, from 0 to 100.
    """
    words = "\x00".join((seed, "second look", subject, timepoint, str(round)))
    place = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
    return place * 100 < percent * _PARTS
