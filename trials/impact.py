"""What another version of the charter would change for a subject, one line each: values, no rows are touched here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be otherwise.

    Attributes
    ----------
    subject
        The subject's code.
    timepoint
        Code of the timepoint; empty for the subject as a whole.
    what
        The thing, in words: "Visit window", "Response by reader 1".
    before, after
        What it is and what it would be; empty where there is none.
    signed
        It rests on a signed read, which keeps its version of the charter whatever becomes of the subject.
    """

    subject: str
    timepoint: str
    what: str
    before: str
    after: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Consequence:
    """Something that an act would do, and to how many."""

    what: str
    count: int


def compared(
    subject: str,
    before: Mapping[tuple[str, str], str],
    after: Mapping[tuple[str, str], str],
    *,
    signed: bool = False,
) -> Sequence[Change]:
    """Return where two tables of (timepoint, thing) to words differ, in the order in which the things are named."""
    return [
        Change(subject, place, what, before.get((place, what), ""), after.get((place, what), ""), signed)
        for place, what in _in_order(before, after)
        if before.get((place, what), "") != after.get((place, what), "")
    ]


def _in_order(*tables: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return dict.fromkeys(key for table in tables for key in table)
