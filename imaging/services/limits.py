"""How much time and memory reading an instance may take."""

from __future__ import annotations

from typing import Any

from compliance import confined

#: Seconds that one instance may take in the child; a very large one takes longer.
PATIENCE, BYTES_PER_SECOND = 20, 5_000_000
#: More seconds, and bytes of memory, for reading what is written in pixels.
_LOADING, _BYTES_READ_PER_SECOND, _NETWORKS = 60, 50_000, 1 << 30
#: Copies of an instance that its de-identification holds at once, at most.
COPIES = 5


def budget(size: int, *, reading: bool = False) -> dict[str, Any]:
    """Time and memory that reading an instance of `size` bytes may take: it is read whole, and written anew beside.

    Parameters
    ----------
    reading
        Whether what is written in its pixels is read as well.
    """
    limits: dict[str, Any] = {"seconds": PATIENCE + size / BYTES_PER_SECOND, "memory": confined.MEMORY + COPIES * size}
    if reading:
        limits["seconds"] += _LOADING + size / _BYTES_READ_PER_SECOND
        limits["memory"] += _NETWORKS
    return limits
