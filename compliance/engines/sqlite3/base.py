from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base

from compliance import announcing
from compliance.engines.committing import SealsTheTrail


class DatabaseWrapper(SealsTheTrail, base.DatabaseWrapper):
    """Django's connection, which chains the audit trail, and says what comes through its door."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection of which the triggers can ask whether a write is announced."""
        connection = super().get_new_connection(conn_params)
        connection.create_function(announcing.FUNCTION, 0, lambda: announcing.is_announced())
        return connection
