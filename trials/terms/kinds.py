"""Kinds of values that terms have: how each is read, stored, said, and described as JSON Schema."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

#: Where a value stands: names of terms, and numbers of rows from 1.
Place = tuple[str | int, ...]
#: Nothing in a document is nested deeper.
DEEPEST = 12


class Problem(NamedTuple):
    """What is wrong with a document, and where."""

    place: Place
    reason: str

    def __str__(self) -> str:
        where = said_place(self.place)
        return f"{where}: {self.reason}" if where else self.reason


def said_place(place: Place) -> str:
    """Write a place as a path, `schedule[2].window_before`; rows count from 1."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


class Problems(list[Problem]):
    """What is wrong with a document.

    Attributes
    ----------
    stored
        The document was accepted once, by the rules of that day: it is read as far as its values have their kinds,
        texts of numbers and lists with commas included, and what is not known is passed over.
    """

    def __init__(self, *, stored: bool = False) -> None:
        super().__init__()
        self.stored = stored

    def add(self, place: Place, reason: str) -> None:
        """Note what is wrong at a place."""
        self.append(Problem(place, reason))


class Kind(ABC):
    """A kind of value. `empty` is the value that says nothing, which stands in for one that cannot be read."""

    empty: ClassVar[Any] = None

    @abstractmethod
    def read(self, value: Any, place: Place, problems: Problems) -> Any:
        """Return the value in its own type; what is wrong with it is added to the problems."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what is stored."""

    def store(self, value: Any) -> Any:
        """Return the value as JSON holds it."""
        return value

    def say(self, value: Any) -> str:
        """Return the value in words."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Words: one line, or with `lines` several. `pattern` must match whole; `hint` says what does."""

    empty: ClassVar[str] = ""
    most: int = 200
    lines: bool = False
    capitals: bool = False
    pattern: str = ""
    hint: str = ""

    def read(self, value: Any, place: Place, problems: Problems) -> str:
        if problems.stored:
            return self._capitals(str(value).strip())
        if not isinstance(value, str):
            problems.add(place, "a text is expected")
            return ""
        text = self._capitals(value.replace("\r\n", "\n").replace("\r", "\n").strip())
        if not is_printable(text, lines=self.lines):
            problems.add(place, "only letters and signs that can be printed" + " on one line" * (not self.lines))
        elif len(text) > self.most:
            problems.add(place, f"{self.most} characters are the most")
        elif self.pattern and not re.fullmatch(self.pattern, text):
            problems.add(place, f"{self.hint} is expected")
        else:
            return text
        return ""

    def _capitals(self, text: str) -> str:
        return text.upper() if self.capitals else text

    def schema(self) -> dict[str, Any]:
        pattern = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
        return {"type": "string", "maxLength": self.most, **pattern}


@dataclass(frozen=True, slots=True)
class Name(Text):
    """A name that another room gives meaning to; it is said as words."""

    def say(self, value: Any) -> str:
        return spaced(value)


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words, each with what it means."""

    empty: ClassVar[str] = ""
    of: Mapping[str, str]

    def read(self, value: Any, place: Place, problems: Problems) -> str:
        if isinstance(value, str) and value in self.of:
            return value
        said = (
            f"“{value[:60]}” is unknown" if isinstance(value, str) and value.isprintable() else "one word is expected"
        )
        problems.add(place, f"{said}; choose {' or '.join(self.of)}")
        return ""

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.of)}

    def say(self, value: Any) -> str:
        return self.of.get(value, str(value))


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number in a unit, from `least` to `most`, or above a bound; whole ones only with `whole`."""

    unit: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    whole: bool = False

    def read(self, value: Any, place: Place, problems: Problems) -> float | None:
        number = _as_number(value, texts=problems.stored)
        if number is None or (self.whole and not number.is_integer()) or not (problems.stored or self._within(number)):
            problems.add(place, f"{self.expected} is expected")
            return None
        return int(number) if self.whole else number

    def _within(self, number: float) -> bool:
        return (
            (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
        )

    @property
    def expected(self) -> str:
        """What is expected, as a sentence has it."""
        said = "a whole number" if self.whole else "a number"
        if self.above is not None:
            said += f" above {plain_number(self.above)}"
        if self.least is not None:
            said += f" from {plain_number(self.least)}"
        if self.most is not None:
            said += f" to {plain_number(self.most)}"
        return said

    def schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.least, "exclusiveMinimum": self.above, "maximum": self.most}
        return {
            "type": "integer" if self.whole else "number",
            **{name: bound for name, bound in bounds.items() if bound is not None},
        }

    def store(self, value: Any) -> Any:
        return int(value) if value is not None and float(value).is_integer() else value

    def say(self, value: Any) -> str:
        unit = self.unit[:-1] if value == 1 and self.unit in _COUNTED else self.unit
        return f"{plain_number(value)}{'' if unit == '%' else ' '}{unit}".strip()


#: Units that are counted, and so lose their s for one of them.
_COUNTED = frozenset({"days", "minutes", "images", "readers"})


def _as_number(value: Any, *, texts: bool) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str if texts else int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """Yes or no."""

    empty: ClassVar[bool] = False

    def read(self, value: Any, place: Place, problems: Problems) -> bool:
        if not isinstance(value, bool):
            if problems.stored:
                return bool(value)
            problems.add(place, "true or false is expected")
            return False
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def say(self, value: Any) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True, slots=True)
class Several(Kind):
    """Some values of one kind, none of them twice."""

    empty: ClassVar[tuple[Any, ...]] = ()
    of: Kind

    def read(self, value: Any, place: Place, problems: Problems) -> tuple[Any, ...]:
        if problems.stored and isinstance(value, str):
            value = [word for word in value.split(",") if word.strip()]
        if not isinstance(value, list | tuple):
            problems.add(place, "a list is expected")
            return ()
        before = len(problems)
        items = tuple(self.of.read(item, (*place, number), problems) for number, item in enumerate(value, start=1))
        if not problems.stored and len(problems) == before and len(set(items)) != len(items):
            problems.add(place, "the list names something twice")
        return items if len(problems) == before else ()

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), "uniqueItems": True}

    def store(self, value: Any) -> Any:
        return [self.of.store(item) for item in value]

    def say(self, value: Any) -> str:
        return ("; " if isinstance(self.of, Text) and self.of.most > 100 else ", ").join(map(self.of.say, value))


@dataclass(frozen=True, slots=True)
class Named(Kind):
    """Entries with names: of one kind, or of whatever another room gives meaning to."""

    empty: ClassVar[Mapping[str, Any]] = {}
    of: Kind | None = None

    def read(self, value: Any, place: Place, problems: Problems) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            problems.add(place, "entries with names are expected")
            return {}
        before, entries = len(problems), {}
        for name, entry in value.items():
            if not isinstance(name, str) or not name or not name.isprintable():
                problems.add(place, "the name of an entry is a text that can be printed")
            elif self.of is not None:
                entries[name] = self.of.read(entry, (*place, name), problems)
            elif not _is_plain(entry, len(place)):
                problems.add((*place, name), "texts, numbers, true, false, lists and named entries only")
            else:
                entries[name] = entry
        return entries if len(problems) == before else {}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", **({"additionalProperties": self.of.schema()} if self.of else {})}

    def store(self, value: Any) -> Any:
        return ordered(value)

    def say(self, value: Any) -> str:
        said = self.of.say if self.of else plain_words
        return "; ".join(f"{spaced(name)}: {said(entry)}" for name, entry in ordered(value).items())


#: Blanks of other scripts, joiners that change how letters look, and marks of direction; none that reorders a text.
_BETWEEN_LETTERS = str.maketrans("", "", "\u00a0\u202f\u3000\u200c\u200d\u200e\u200f")


def is_printable(text: str, *, lines: bool = False) -> bool:
    """Tell whether a text holds signs only, in any script, and with `lines` ends of lines."""
    return (text.replace("\n", "") if lines else text).translate(_BETWEEN_LETTERS).isprintable()


def plain_number(value: float) -> str:
    """Return a number as short as it can be written."""
    return repr(int(value)) if float(value).is_integer() else repr(value)


def spaced(name: str) -> str:
    """Return a stored name as words."""
    return name.replace("_", " ")


def ordered(value: Any) -> Any:
    """Return plain values with all names in their order: databases keep none."""
    if isinstance(value, Mapping):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list | tuple) else value


def plain_words(value: Any) -> str:
    """Return plain values as a line of words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{spaced(name)} {plain_words(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain_words, value))
    return "yes" if value is True else "no" if value is False else str(value)


def _is_plain(value: Any, depth: int) -> bool:
    if depth > DEEPEST:
        return False
    if isinstance(value, str):
        return is_printable(value, lines=True)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list | tuple):
        return all(_is_plain(item, depth + 1) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(n, str) and n.isprintable() and _is_plain(v, depth + 1) for n, v in value.items())
    return value is None or isinstance(value, bool | int)
