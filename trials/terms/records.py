"""Records of terms: each field is declared once, with its kind, title and help; the rest follows from that."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, TypeVar

from trials.terms.kinds import Kind, Named, Place, Problems, Text, ordered, plain_words, said_place, spaced

Made = TypeVar("Made")
_KEY = "term"


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of a document."""

    name: str
    title: str
    help: str = ""

    def term(self, kind: Kind, title: str, help: str = "", **options: Any) -> Any:
        """Declare a field that stands in this chapter; see `term`."""
        return term(kind, title, help, section=self, **options)


@dataclass(frozen=True, slots=True)
class Term:
    """What is declared of a field.

    Attributes
    ----------
    default
        What holds where the document says nothing.
    required
        The document must say it.
    part
        Terms of a record with the same part stand together.
    withheld
        Most readers of the document are not told what it says (`withheld_of`).
    """

    name: str
    kind: Kind
    title: str
    help: str = ""
    default: Any = None
    required: bool = False
    part: str = ""
    section: Section | None = None
    withheld: bool = False

    @staticmethod
    def of(record: Any) -> tuple[Term, ...]:
        """Return the terms of a record, in their order."""
        return _terms_of(record)

    def says_nothing(self, value: Any) -> bool:
        """Tell whether a value need not be written down: it is empty, and so is the default."""
        return not self.required and value == self.default and (value is False or value in (None, "", (), {}))


@cache
def _terms_of(record: Any) -> tuple[Term, ...]:
    terms = []
    for one in fields(record):
        declared = one.metadata[_KEY]
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        default = declared["kind"].empty if default is MISSING else default
        terms.append(Term(one.name, default=default, **declared))
    return tuple(terms)


def term(
    kind: Kind,
    title: str,
    help: str = "",
    *,
    default: Any = MISSING,
    required: bool = False,
    part: str = "",
    section: Section | None = None,
    withheld: bool = False,
) -> Any:
    """Declare a field of a record. Without a default it may be left out, and is empty then, unless required."""
    declared = {
        "kind": kind,
        "title": title,
        "help": help,
        "required": required,
        "part": part,
        "section": section,
        "withheld": withheld,
    }
    if required:
        return field(metadata={_KEY: declared})
    if isinstance(kind, Group | Named):
        return field(default_factory=kind.of if isinstance(kind, Group) else dict, metadata={_KEY: declared})
    return field(default=kind.empty if default is MISSING else default, metadata={_KEY: declared})


def read_record(record: type[Made], value: Any, place: Place, problems: Problems, *, open: bool = False) -> Made:
    """Read a record from named values; what is wrong is added to the problems, its default stands in for it.

    Parameters
    ----------
    open
        Names that are not declared are somebody else's to judge.
    """
    if not isinstance(value, Mapping):
        problems.add(place, "entries with names are expected")
        value = {}
    known = {one.name: one for one in Term.of(record)}
    if not (open or problems.stored):
        for name in value:
            if not isinstance(name, str) or not name.isprintable():
                problems.add(place, "names are texts that can be printed")
            elif name not in known:
                problems.add((*place, name[:60]), _unknown(name, list(known)))
    values = {}
    for name, one in known.items():
        here, before = (*place, name), len(problems)
        found = value.get(name)
        if found is None or found == "":
            if one.required:
                problems.add(here, "this is missing")
            values[name] = one.default
        else:
            read = one.kind.read(found, here, problems)
            values[name] = read if len(problems) == before or isinstance(one.kind, Group) else one.default
    return record(**values)


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return "nothing is known by this name" + (f"; “{near[0]}” is meant, perhaps" if near else "; remove it")


def store_record(made: Any) -> dict[str, Any]:
    """Return a record as JSON holds it, without what says nothing."""
    stored = {}
    for one in Term.of(type(made)):
        value = getattr(made, one.name)
        if not one.says_nothing(value):
            stored[one.name] = one.kind.store(value)
    return {name: value for name, value in stored.items() if value != {}}


def withheld_of(record: Any, content: Any, place: Place = ()) -> tuple[Any, dict[str, Any]]:
    """Return stored content without the terms that are withheld, and what these say, by their paths."""
    if not isinstance(content, Mapping):
        return content, {}
    known, told, kept = {one.name: one for one in Term.of(record)}, {}, {}
    for name, value in content.items():
        here, kind = (*place, name), known[name].kind if name in known else None
        if name in known and known[name].withheld:
            kept[said_place(here)] = value
            continue
        if isinstance(kind, Group):
            value, inner = withheld_of(kind.of, value, here)
            kept |= inner
        elif isinstance(kind, Rows) and isinstance(value, Sequence):
            rows = [withheld_of(kind.of, row, (*here, number)) for number, row in enumerate(value, start=1)]
            value = [row for row, _ in rows]
            kept |= {path: held for _, inner in rows for path, held in inner.items()}
        told[name] = value
    return told, kept


def said(made: Any) -> list[tuple[str, str]]:
    """Return the title and the words of each term of a record that says something."""
    held = ((one, getattr(made, one.name)) for one in Term.of(type(made)))
    return [(one.title, one.kind.say(value)) for one, value in held if value not in (None, "", (), {})]


def _joined(words: list[tuple[str, str]]) -> str:
    return ", ".join(f"{title[:1].lower()}{title[1:]}: {value}" for title, value in words)


def record_schema(record: type, *, open: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    required = [one.name for one in Term.of(record) if one.required]
    return {
        "type": "object",
        "properties": {one.name: _described(one) for one in Term.of(record)},
        **({"required": required} if required else {}),
        "additionalProperties": open,
    }


def _described(one: Term) -> dict[str, Any]:
    says = {"title": one.title, **({"description": one.help} if one.help else {})}
    default = {} if one.required or one.says_nothing(one.default) else {"default": one.kind.store(one.default)}
    some = {"minLength": 1} if one.required and isinstance(one.kind, Text) else {}
    return {**says, **one.kind.schema(), **some, **({} if isinstance(one.kind, Group) else default)}


@dataclass(frozen=True, slots=True)
class Group(Kind):
    """Terms that belong together, under one name."""

    of: type

    def read(self, value: Any, place: Place, problems: Problems) -> Any:
        return read_record(self.of, value, place, problems)

    def schema(self) -> dict[str, Any]:
        return record_schema(self.of)

    def store(self, value: Any) -> Any:
        return store_record(value)

    def say(self, value: Any) -> str:
        return _joined(said(value))


@dataclass(frozen=True, slots=True)
class Table(Kind):
    """Terms of a record that stay names and values: another room reads them, and judges what is not declared."""

    empty: ClassVar[Mapping[str, Any]] = {}
    of: type

    def read(self, value: Any, place: Place, problems: Problems) -> Mapping[str, Any]:
        if problems.stored and isinstance(value, Mapping):
            return value
        before = len(problems)
        read_record(self.of, value, place, problems, open=True)
        table = Named().read(value, place, problems) if isinstance(value, Mapping) else {}
        return table if len(problems) == before else {}

    def schema(self) -> dict[str, Any]:
        return record_schema(self.of, open=True)

    def store(self, value: Any) -> Any:
        known = [one.name for one in Term.of(self.of) if one.name in value]
        return {name: ordered(value[name]) for name in (*known, *sorted(value.keys() - set(known)))}

    def say(self, value: Any) -> str:
        return _joined(self.entries(value))

    def entries(self, value: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the title and the words of each entry, declared ones first."""
        known = {one.name for one in Term.of(self.of)}
        made: Any = read_record(self.of, value, (), Problems(stored=True))
        other = {name: entry for name, entry in value.items() if name not in known}
        return said(made) + [(spaced(name).capitalize(), plain_words(entry)) for name, entry in ordered(other).items()]


@dataclass(frozen=True, slots=True)
class Rows(Kind):
    """A list of records. No two have the same `key`; `what` is the name of one."""

    empty: ClassVar[tuple[Any, ...]] = ()
    of: type
    key: str
    what: str
    least: int = 0
    most: int = 60

    def read(self, value: Any, place: Place, problems: Problems) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            problems.add(place, "a list is expected")
            return ()
        if len(value) > self.most and not problems.stored:
            problems.add(place, f"{self.most} rows are the most")
            return ()
        if len(value) < self.least:
            problems.add(place, f"at least one {self.what} is needed")
        rows: list[Any] = []
        for number, item in enumerate(value, start=1):
            before = len(problems)
            row: Any = read_record(self.of, item, (*place, number), problems)
            if len(problems) == before and any(getattr(row, self.key) == getattr(other, self.key) for other in rows):
                problems.add((*place, number, self.key), f"another {self.what} has the same")
            rows.append(row)
        return tuple(rows)

    def schema(self) -> dict[str, Any]:
        bounds = {"minItems": self.least, "maxItems": self.most}
        return {"type": "array", "items": record_schema(self.of), **{n: b for n, b in bounds.items() if b}}

    def store(self, value: Any) -> Any:
        return [store_record(row) for row in value]

    def say(self, value: Any) -> str:
        return "; ".join(_joined(said(row)) for row in value)
