"""Where a term of a charter stands, in the charter's words."""

from __future__ import annotations

from trials.charter.sections import Charter
from trials.terms.kinds import Place
from trials.terms.records import Group, Rows, Section, Table, Term


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
    said = words[:1] + [word[:1].lower() + word[1:] for word in words[1:]]
    return ", ".join(said), first.section if first else None
