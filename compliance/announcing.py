"""What the trail's door tells the database before it writes: that this write has its event.

The triggers of `compliance.guarding` ask for it and refuse what comes unannounced, whichever way it comes. It is told
without a question of its own, as that would cost each write a round trip: PostgreSQL reads it at the beginning of the
statement itself, SQLite calls a function of the connection. Only the door announces (`compliance.audit`,
`compliance.transitions`): who calls `announced()` elsewhere writes past the trail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: What an announced statement begins with on PostgreSQL.
MARK = "/* audited */ "
#: The function that SQLite's triggers call.
FUNCTION = "parallax_audited"

_announced: ContextVar[bool] = ContextVar("announced", default=False)


@contextmanager
def announced() -> Iterator[None]:
    """Let the statements of this block change regulated records; the caller records the event in their transaction."""
    before = _announced.set(True)
    try:
        yield
    finally:
        _announced.reset(before)


def is_announced() -> bool:
    """Whether the statement that is about to be run comes through the door."""
    return _announced.get()


def marked(statement: Any) -> Any:
    """Return a statement as PostgreSQL's triggers are to see it."""
    # What only reads fires no trigger.
    if isinstance(statement, str) and not statement.startswith("SELECT") and is_announced():
        return MARK + statement
    return statement
