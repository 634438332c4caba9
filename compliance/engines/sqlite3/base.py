from __future__ import annotations

from django.db.backends.sqlite3 import base

from compliance.engines.committing import SealsTheTrail


class DatabaseWrapper(SealsTheTrail, base.DatabaseWrapper):
    """Django's connection, which chains the audit trail."""
