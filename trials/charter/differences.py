"""What differs between two charters, in the charter's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from trials.charter.sections import Charter
from trials.terms.kinds import Named, plain_words, spaced
from trials.terms.records import Group, Rows, Table, Term

#: What stands for a term that says nothing.
NOTHING = "not said"


class Difference(NamedTuple):
    """A term that is not the same: its section, its titles from the outside in, and what it says before and after."""

    section: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.section} · {self.what}: {self.before} → {self.after}"


def differences(before: Charter, after: Charter) -> list[Difference]:
    """Return what differs, in the order of the charter's sections."""
    return [
        Difference(one.section.title, *change)
        for one in Term.of(Charter)
        if one.section
        for change in _changes(one, getattr(before, one.name), getattr(after, one.name))
    ]


Change = tuple[str, str, str]


def _changes(one: Term, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    match one.kind:
        case Group():
            for inner in Term.of(one.kind.of):
                yield from _within(one.title, _changes(inner, getattr(before, inner.name), getattr(after, inner.name)))
        case Rows():
            yield from _rows(one, one.kind, before, after)
        case Table():
            yield from _within(one.title, _entries(dict(one.kind.entries(before)), dict(one.kind.entries(after))))
        case Named():
            say = one.kind.of.say if one.kind.of else plain_words
            yield from _within(one.title, _entries(_said(before, say), _said(after, say)))
        case _:
            yield one.title, _words(one, before), _words(one, after)


def _within(title: str, changes: Iterator[Change]) -> Iterator[Change]:
    for what, before, after in changes:
        yield f"{title}, {what[:1].lower()}{what[1:]}", before, after


def _words(one: Term, value: Any) -> str:
    return NOTHING if value in (None, "", (), {}) else one.kind.say(value)


def _said(entries: Mapping[str, Any], say: Any) -> dict[str, str]:
    return {spaced(name): say(value) for name, value in entries.items()}


def _entries(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield name, before.get(name, NOTHING), after.get(name, NOTHING)


def _rows(one: Term, kind: Rows, before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[Change]:
    earlier, later = ({getattr(row, kind.key): row for row in rows} for rows in (before, after))
    for key in dict.fromkeys((*earlier, *later)):
        name = f"{kind.what} {key}"
        if key not in later:
            yield name, kind.say((earlier[key],)), "removed"
        elif key not in earlier:
            yield name, NOTHING, kind.say((later[key],))
        else:
            for inner in Term.of(kind.of):
                was, is_now = getattr(earlier[key], inner.name), getattr(later[key], inner.name)
                yield from _within(name, _changes(inner, was, is_now))
    kept_before, kept_after = ([key for key in rows if key in earlier and key in later] for rows in (earlier, later))
    if kept_before != kept_after:
        yield f"{one.title}, order", ", ".join(map(str, kept_before)), ", ".join(map(str, kept_after))
