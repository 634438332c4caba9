"""Who may use SQLite's database in memory now: a request of the live server, or the test beside it.

While Playwright's loop runs, Django gives a test's thread a connection of its own. The two share one cache, in which
nobody waits: whoever meets a table that the other reads or writes is refused at once ("database table is locked").
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: Held for a request, for a statement of the test, and from the beginning of its transaction to the end.
TURN = threading.RLock()


def beside_a_browser() -> bool:
    """Tell whether this thread has a loop running, as that of a test has while it drives a browser."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def take_turns(connection: BaseDatabaseWrapper) -> None:
    """Let what is done on a connection wait for the request that is being answered, and the next request for it."""
    set_autocommit = connection.set_autocommit
    in_transaction = False

    def in_turn(execute: Callable[..., Any], *statement: Any) -> Any:
        with TURN:
            return execute(*statement)

    def until_its_end(autocommit: bool, *arguments: Any, **named: Any) -> None:
        nonlocal in_transaction
        if not autocommit and not in_transaction:
            TURN.acquire()
            in_transaction = True
        try:
            set_autocommit(autocommit, *arguments, **named)
        finally:
            if autocommit and in_transaction:
                in_transaction = False
                TURN.release()

    connection.execute_wrappers.append(in_turn)
    connection.set_autocommit = until_its_end  # type: ignore[method-assign]
