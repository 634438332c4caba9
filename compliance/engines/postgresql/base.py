from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base

from compliance import announcing
from compliance.engines.committing import SealsTheTrail


class DatabaseWrapper(SealsTheTrail, base.DatabaseWrapper):
    """Django's connection, which chains the audit trail, and marks the statements that come through its door."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_marked)


def _marked(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    return execute(announcing.marked(sql), params, many, context)
