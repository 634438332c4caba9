"""The table of rights: every verb with who holds it and the addresses it opens, for the auditor and for docs/.

Nothing here is written by hand: the verbs say who holds them (`compliance.access`), the addresses name their verb.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from compliance import access
from compliance.access import Right
from config.server_commands import COMMANDS
from trials.models import Role

_ROOMS = ("compliance", "trials", "imaging", "reading", "config")
#: In the place of a role's name.
_INSTALLATION = "who may create trials"
_HEAD = """\
# Who may do what

Written by `manage.py access_matrix` from the rights themselves; do not edit it. `make check` compares the two.

A right is a verb of a room. A person holds it by a role in a trial, a site coordinator by the role at a site, and on
the records of that trial or site alone: what lies outside is not there for them (404), what their role does not allow
is refused (403), and both are in the trail. Each address names one of these verbs, or says that it is open to
everybody signed in, to programs with a token, or to all. The page *Audit trail › Who may what* of a trial shows this
table with the addresses behind each right and the people who hold it now.
"""
_UNBLINDING = """\
## Rights that can unblind

Each use leaves an event in the trail of the trial; each night its auditors and administrators are told by mail what was
used on the day before. No reader and no adjudicator holds one of them.
"""
_COMMANDS = """\
## Commands on the server

Whoever can run them has the server, its database and its keys: the operating system says who that is. A command that
acts for somebody takes the name with `--as` and asks that person's rights like a page.
"""


@dataclass(frozen=True, slots=True)
class Door:
    """An address behind a right, with the methods that ask for it, and what it is in its own words."""

    address: str
    methods: str
    says: str


def named(by: Sequence[str]) -> str:
    """Return the holders of a right in words, in the order of the roles."""
    return ", ".join(_INSTALLATION if one == access.INSTALLATION else str(Role(one).label) for one in by)


def doors_by_verb() -> dict[str, list[Door]]:
    """Return the addresses of the house by the verb that opens them."""
    found: dict[str, list[Door]] = {}
    for address, pattern in _routes(get_resolver().url_patterns):
        for verb, methods, says in _asked(pattern):
            found.setdefault(verb, []).append(Door(f"/{address}", methods, says))
    return found


def _routes(patterns: Sequence[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            route = re.sub(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)", r"\1", route)
            yield re.sub(r"[\^$]|\\Z", "", re.sub(r"<\w+:(\w+)>", r"<\1>", route)), pattern


def _asked(pattern: URLPattern) -> Iterator[tuple[str, str, str]]:
    """The verbs that an address asks for, with the methods: a page has one, a resource one for each method."""
    view: Any = pattern.callback
    if verb := getattr(view, "permission", ""):
        yield verb, "", _sentence(view)
        return
    door = view.cls
    said = {"permission": getattr(door, "permission", ""), **view.initkwargs}
    by_method = said.get("permissions_by_method", getattr(door, "permissions_by_method", {}))
    asked: dict[str, list[str]] = {}
    for method in getattr(view, "actions", {"get": ""}):
        if method != "head":
            asked.setdefault(by_method.get(method.upper(), said["permission"]), []).append(method.upper())
    for verb, methods in asked.items():
        yield verb, " ".join(methods), _sentence(door)


def _sentence(view: object) -> str:
    return (inspect.getdoc(view) or "").partition("\n")[0]


def markdown() -> str:
    """Return the table as the page of docs/ that is kept with the code."""
    rights = access.rights()
    parts = [_HEAD, _UNBLINDING, *_table(("Right", "What it can tell", "Held by", "Leaves"), _unblinding(rights))]
    for room in dict.fromkeys(right.room for right in rights):
        rows = [_row(right) for right in rights if right.room == room]
        parts += [f"\n## {room.capitalize()}\n", *_table(("Right", *(role.label for role in Role), "Of them"), rows)]
    commands = [
        (f"`{name}`", one.does, one.named or "nobody", _code(one.verb), ", ".join(map(_code, one.leaves)), one.tells)
        for name, one in sorted(COMMANDS.items())
    ]
    head = ("Command", "What it does", "In the name of", "Asks for", "Leaves", "Prints of people and subjects")
    return "\n".join([*parts, "\n" + _COMMANDS, *_table(head, commands)]) + "\n"


def left_out() -> list[str]:
    """Return what the table cannot say: commands without a row, and rights that nobody is said to hold."""
    ours = {name for name, app in get_commands().items() if app in _ROOMS}
    return [
        *(f"The command {name} has no row in config/server_commands.py." for name in sorted(ours - COMMANDS.keys())),
        *(f"There is no command {name}; remove its row." for name in sorted(COMMANDS.keys() - ours)),
        *(f"{one.verb} does not say who holds it (trials.rules.held_by)." for one in access.rights() if not one.by),
        *(f"{one.verb} can unblind, and does not say what its use leaves in the trail." for one in _silent()),
    ]


def _silent() -> Iterator[Right]:
    return (one for one in access.rights() if one.unblinds and not one.leaves)


def _unblinding(rights: Sequence[Right]) -> list[tuple[str, ...]]:
    return [
        (_code(one.verb), one.unblinds, named(one.by), ", ".join(map(_code, one.leaves)))
        for one in rights
        if one.unblinds
    ]


def _row(right: Right) -> tuple[str, ...]:
    held = tuple("●" if role in right.by else "" for role in Role)
    where = [_INSTALLATION] if access.INSTALLATION in right.by else []
    where += [right.where] if right.where else []
    where += ["**can unblind**"] if right.unblinds else []
    return (_code(right.verb), *held, "; ".join(where))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
