"""Sessions of which the database keeps a digest of the key: who takes a copy of the table away can open none of them.

The key itself, 165 random bits, is in the person's cookie alone. A digest without salt is enough, as nobody guesses it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.utils import timezone


def digest(key: str) -> str:
    """Return what the table has of a session's key; 160 bits, as its column is 40 characters wide."""
    return hashlib.sha256(f"parallax session 1\n{key}".encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Django's sessions in the database, found by the digest of their key."""

    def _get_session_from_db(self) -> Any:
        key = self.session_key
        kept = self.model.objects.filter(session_key=digest(key), expire_date__gt=timezone.now()) if key else ()
        for session in kept:
            return session
        self._session_key = None
        return None

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a session with this key."""
        return super().exists(digest(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """Return the row of this session as it is now."""
        session = super().create_model_instance(data)
        session.session_key = digest(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        """End the session with this key; this one, if none is given."""
        if key := session_key or self.session_key:
            super().delete(digest(key))

    _aget_session_from_db = sync_to_async(_get_session_from_db)
    aexists = sync_to_async(exists)  # type: ignore[arg-type]
    acreate_model_instance = sync_to_async(create_model_instance)  # type: ignore[arg-type]
    adelete = sync_to_async(delete)  # type: ignore[arg-type]
