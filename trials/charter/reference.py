"""The terms of a charter as a chapter of its documentation, made from their declaration."""

from __future__ import annotations

from collections.abc import Iterator

from trials.charter.records import RetentionRule
from trials.charter.sections import sections
from trials.terms.kinds import Choice, Flag, Kind, Named, Number, Several, Text
from trials.terms.records import Group, Rows, Table, Term


def reference() -> str:
    """Return every section as Markdown: its terms, what they may be, and what holds where they are left out."""
    lines: list[str] = []
    for section, terms in sections().items():
        lines += ["", f"### {section.title}", "", section.help, ""]
        lines += ["| term | what it says | what it may be | left out |", "| --- | --- | --- | --- |"]
        lines += [row for one in terms for row in _rows(one, "")]
    return "\n".join(lines).strip() + "\n"


def _rows(one: Term, above: str) -> Iterator[str]:
    path = f"{above}{one.name}"
    said = f"{one.title}. {one.help}" if one.help else f"{one.title}."
    yield f"| `{path}` | {said} | {_values(one.kind)} | {_left_out(one)} |"
    if isinstance(one.kind, Rows | Group | Table):
        for inner in Term.of(one.kind.of):
            yield from _rows(inner, f"{path}[]." if isinstance(one.kind, Rows) else f"{path}.")


def _left_out(one: Term) -> str:
    if one.required:
        return "must be said"
    if isinstance(one.kind, Group) or one.default in (None, "", (), {}):
        return ""
    return one.kind.say(one.default)


def _values(kind: Kind) -> str:
    match kind:
        case Text(lines=True, most=most):
            return f"text of up to {most} characters, on several lines"
        case Text(most=most):
            return f"text of up to {most} characters"
        case Choice(of=choices):
            return "; ".join(name if name == said else f"`{name}`: {said}" for name, said in choices.items())
        case Flag():
            return "true or false"
        case Number():
            unit = f" ({kind.unit})" if kind.unit else ""
            return f"{kind.expected}{unit}"
        case Several(of=inner):
            return f"list: {_values(inner)}"
        case Rows():
            return f"list, at least one {kind.what}" if kind.least else "list"
        case Named(of=None):
            return "entries with names, as the criteria know them"
        case Named(of=inner) if inner is not None:
            return f"entries with names: {_values(inner)}"
        case RetentionRule():
            return "`originals: kept`, `originals: at_lock`, or `originals: {after_days: 90}`"
        case Group() | Table():
            return "entries with names"
    return "see what it says"
