"""A charter in words, section by section, for pages and print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trials.charter.differences import NOTHING
from trials.charter.sections import Charter, sections
from trials.terms.kinds import Named, Place, plain_words, spaced
from trials.terms.records import Group, Rows, Section, Table, Term, said

#: A table has no more columns; wider rows stand one below the other.
_MOST_COLUMNS = 7
Pair = tuple[str, str]


@dataclass(frozen=True)
class Entry:
    """What a term says: in a line of words, as pairs of title and words, as a table, or row by row.

    Attributes
    ----------
    rows
        Of the table, each with as many cells as it has columns.
    cards
        Rows that say much: the name of each, and its pairs.
    """

    title: str
    words: str = ""
    pairs: Sequence[Pair] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    cards: Sequence[tuple[str, Sequence[Pair]]] = ()


@dataclass(frozen=True)
class Chapter:
    """A section with what its terms say; single lines stand together."""

    section: Section
    lines: Sequence[Pair]
    entries: Sequence[Entry]


def chapters(charter: Charter) -> list[Chapter]:
    """Return everything that a charter says, with units, in the order of its sections."""
    found = []
    for section, terms in sections().items():
        entries = [entry for one in terms for entry in _entries(one, getattr(charter, one.name))]
        lines = [(entry.title, entry.words) for entry in entries if entry.words]
        found.append(Chapter(section, lines, [entry for entry in entries if not entry.words]))
    return found


def titled(place: Place) -> tuple[str, Section | None]:
    """Return a place as titles, and the section in which it lies: `Schedule, visit 2, study day`."""
    known = {one.name: one for one in Term.of(Charter)}
    first = known.get(str(place[0])) if place else None
    words, what = [], "item"
    for step in place:
        if isinstance(step, int):
            words.append(f"{what} {step}")
            continue
        one = known.get(step)
        words.append(one.title if one else step)
        if one is not None and isinstance(one.kind, Rows | Group | Table):
            known = {inner.name: inner for inner in Term.of(one.kind.of)}
            what = one.kind.what if isinstance(one.kind, Rows) else what
    titles = words[:1] + [word[:1].lower() + word[1:] for word in words[1:]]
    return ", ".join(titles), first.section if first else None


def _entries(one: Term, value: Any) -> Iterator[Entry]:
    match one.kind:
        case Rows(of=of) if value and any(isinstance(term.kind, Rows) for term in Term.of(of)):
            yield from _nested(one, one.kind, value)
        case Rows():
            yield _rows(one, one.kind, value)
        case Group():
            inner = list(Term.of(one.kind.of))
            tables = [term for term in inner if isinstance(term.kind, Rows) and getattr(value, term.name)]
            apart = {term.title for term in tables}
            yield Entry(one.title, pairs=[pair for pair in said(value) if pair[0] not in apart])
            for term in tables:
                yield from _entries(term, getattr(value, term.name))
        case Table():
            yield Entry(one.title, pairs=one.kind.entries(value))
        case Named() if value:
            say = one.kind.of.say if one.kind.of else plain_words
            yield Entry(one.title, pairs=[(spaced(name), say(entry)) for name, entry in value.items()])
        case _:
            yield Entry(one.title, NOTHING if value in (None, "", (), {}) else one.kind.say(value))


def _nested(one: Term, kind: Rows, rows: Sequence[Any]) -> Iterator[Entry]:
    """Say rows that hold tables themselves: the rows, then the tables of each."""
    tables = [term for term in Term.of(kind.of) if isinstance(term.kind, Rows)]
    plain = [term for term in Term.of(kind.of) if term not in tables]
    cells = [[term.kind.say(getattr(row, term.name)) for term in plain] for row in rows]
    yield Entry(one.title, columns=[term.title for term in plain], rows=cells)
    for row in rows:
        for term in tables:
            assert isinstance(term.kind, Rows)
            title = f"{kind.what.capitalize()} {getattr(row, kind.key)}, {term.title.lower()}"
            yield _in_brief(title, term.kind, getattr(row, term.name))


def _in_brief(title: str, kind: Rows, rows: Sequence[Any]) -> Entry:
    """Say rows of many terms in few columns: the first ones, and what else a row says in one line."""
    first, others = (terms := list(Term.of(kind.of)))[:3], terms[3:]
    cells = []
    for row in rows:
        held = ((term, getattr(row, term.name)) for term in others)
        further = [f"{term.title}: {term.kind.say(value)}" for term, value in held if not term.says_nothing(value)]
        cells.append([*(term.kind.say(getattr(row, term.name)) for term in first), "; ".join(further)])
    return Entry(title, columns=[*(term.title for term in first), "Further"], rows=cells)


def _rows(one: Term, kind: Rows, rows: Sequence[Any]) -> Entry:
    if not rows:
        return Entry(one.title)
    if len(Term.of(kind.of)) > _MOST_COLUMNS:
        cards = [(str(getattr(row, kind.key)), said(row)[1:]) for row in rows]
        return Entry(one.title, cards=cards)
    # A column that is empty in every row says nothing, not even what it would be about.
    terms = [term for term in Term.of(kind.of) if not all(term.says_nothing(getattr(row, term.name)) for row in rows)]
    cells = [[term.kind.say(getattr(row, term.name)) for term in terms] for row in rows]
    return Entry(one.title, columns=[term.title for term in terms], rows=cells)
