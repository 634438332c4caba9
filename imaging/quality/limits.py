"""What checks of one number of the header have in common; no check itself."""

from __future__ import annotations

from collections.abc import Sequence


def outside(found: Sequence[float], low: float | None, high: float | None) -> bool:
    """Whether one of the numbers lies below the least or above the most; a thousandth is rounding."""
    return any((low is not None and one < low * 0.999) or (high is not None and one > high * 1.001) for one in found)


def words(low: float | None, high: float | None, unit: str) -> str:
    """The limits in words: `100 to 140 kV`, `at least 100 kV`, `at most 140 kV`."""
    if low is not None and high is not None:
        return f"{low:g} to {high:g} {unit}" if low != high else f"{low:g} {unit}"
    return f"at least {low:g} {unit}" if low is not None else f"at most {high:g} {unit}"


def listed(found: Sequence[float]) -> str:
    """Numbers in words: `1.5 and 3`."""
    return " and ".join(f"{one:g}" for one in found)
