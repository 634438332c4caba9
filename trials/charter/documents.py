"""A charter as a YAML document: written in one order, read with the line of every value.

Of YAML a charter takes texts, numbers, true, false, null, lists and entries with names, and nothing that refers,
repeats or has a type of its own. What is a number or a word of its own is as in JSON, so `no` and `2026-01-05` are
texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from compliance.errors import HouseError
from trials.charter import sections
from trials.terms.kinds import DEEPEST, Place, Problem, said_place

#: The largest document that is read; the largest template has about a fiftieth of it.
MOST_BYTES = 256 * 1024
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,3})?")


class DocumentRefused(HouseError):
    """A file is no document that can be read."""

    code = "document_refused"
    status = 422


@dataclass
class Document:
    """What a document says, with the line of each value, and names that it gives twice."""

    content: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def faults(self) -> list[Problem]:
        """Return everything that is wrong with it as a charter."""
        return [*self.problems, *sections.read(self.content)[1]]

    def say(self, problem: Problem) -> str:
        """Return a problem with its line and its path."""
        place = problem.place
        while place and place not in self.lines:
            place = place[:-1]
        where = said_place(problem.place)
        line = f"line {self.lines[place]}" if place in self.lines else ""
        return f"{', '.join(filter(None, (line, where)))}: {problem.reason}"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
# So that a text that looks like such a number is written in quotes.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_NUMBER.pattern + "$"), list("-+.0123456789"))


def write(content: Mapping[str, Any]) -> str:
    """Return content as YAML, in its own order."""
    text: str = yaml.dump(
        dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    return text


def read(data: bytes) -> Document:
    """Read a document.

    Raises
    ------
    DocumentRefused
        It is too large, no UTF-8, no YAML, or uses what a charter does not take.
    """
    if len(data) > MOST_BYTES:
        raise DocumentRefused(f"The file is larger than {MOST_BYTES >> 10} kB. Check that it is a charter.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise DocumentRefused(f"Line {line} of the file is not in UTF-8. Save it in UTF-8 and try again.") from problem
    try:
        return _Reading().build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f"Line {mark.line + 1}" if mark else "A line"
        raise DocumentRefused(f"{where} of the file is not YAML: {problem.problem}. Correct it.") from problem
    except yaml.YAMLError as problem:
        raise DocumentRefused("The file holds signs that no YAML has. Save it as plain text in UTF-8.") from problem


def entries(text: str) -> dict[str, Any] | None:
    """Read entries with names, one on each line, `name: value`; nothing if there is nothing.

    Raises
    ------
    DocumentRefused
    """
    found = read(text.encode())
    if found.content is None and not text.strip():
        return None
    if not isinstance(found.content, dict):
        raise DocumentRefused("Write each entry on a line of its own, as name: value.")
    if found.problems:
        raise DocumentRefused(f"{found.say(found.problems[0]).capitalize()}.")
    return found.content


@dataclass
class _Open:
    """A list or a table that is being read; `name` is that of the entry to come."""

    value: Any
    place: Place
    name: str | None = None
    again: bool = False


class _Reading:
    """Builds plain values from YAML's events, without recursion."""

    def __init__(self) -> None:
        self.document = Document()
        self.open: list[_Open] = []
        self.documents = 0

    def build(self, events: Iterable[yaml.Event]) -> Document:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._refuse(event, "a second document begins; a charter is one")
            elif isinstance(event, yaml.CollectionEndEvent):
                self.open.pop()
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
        return self.document

    def _refuse(self, event: yaml.Event, reason: str) -> None:
        raise DocumentRefused(f"Line {_line(event)} of the file: {reason}. Write every value out.")

    def _node(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self._refuse(event, "anchors (&) and aliases (*) are not taken")
        if event.tag:  # type: ignore[attr-defined]
            self._refuse(event, "tags (!) are not taken")
        if len(self.open) > DEEPEST:
            self._refuse(event, f"it is nested more than {DEEPEST} deep")
        parent = self.open[-1] if self.open else None
        if parent is not None and isinstance(parent.value, dict) and parent.name is None:
            self._name(parent, event)
            return
        value: Any = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        if isinstance(event, yaml.ScalarEvent):
            value = event.value if event.style else plain(event.value)
        place = self._put(parent, value)
        self.document.lines.setdefault(place, _line(event))
        if not isinstance(event, yaml.ScalarEvent):
            self.open.append(_Open(value, place))

    def _name(self, parent: _Open, event: yaml.NodeEvent) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "the name of an entry is a word")
        else:
            parent.name = event.value
            place = (*parent.place, event.value)
            parent.again = event.value in parent.value
            if parent.again:
                first = self.document.lines[place]
                reason = f"it is said again in line {_line(event)}; keep one of the two"
                self.document.problems.append(Problem(place, reason))
                self.document.lines.setdefault(place, first)
            else:
                self.document.lines[place] = _line(event)

    def _put(self, parent: _Open | None, value: Any) -> Place:
        if parent is None:
            self.document.content = value
            return ()
        if isinstance(parent.value, list):
            parent.value.append(value)
            return (*parent.place, len(parent.value))
        assert parent.name is not None
        place = (*parent.place, parent.name)
        if not parent.again:
            parent.value[parent.name] = value
        parent.name = None
        return place


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1


def plain(text: str) -> Any:
    """Return what a word without quotes means."""
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
