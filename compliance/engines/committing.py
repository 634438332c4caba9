"""What the house adds to Django's connections: something to do right before a commit, and in it."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper


class SealsTheTrail(BaseDatabaseWrapper):
    """A connection that chains the events of a transaction before it commits it; see `compliance.sealing`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unsealed: list[tuple[int, int, str]] = []
        self._unsealed_before: dict[str, int] = {}

    def commit(self) -> None:
        """Chain what was written, then commit; what cannot be chained is not committed."""
        try:
            self.seal(commit=True)
        except DatabaseError:
            # Who commits takes it back, as where the commit itself fails.
            raise
        except BaseException:
            self.rollback()
            raise
        super().commit()
        self._unsealed_before.clear()

    def seal(self, *, commit: bool = False) -> None:
        """Chain the events of this transaction that are not chained yet."""
        events, self.unsealed = self.unsealed, []
        if events:
            from compliance import sealing  # the connection is there before the models are

            sealing.seal(events, commit=commit)

    def _savepoint(self, sid: str) -> None:
        """Note which events were there before a part of the transaction that may be taken back."""
        self._unsealed_before[sid] = len(self.unsealed)
        super()._savepoint(sid)  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        """Forget the events of a part that is taken back."""
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        del self.unsealed[self._unsealed_before.get(sid, 0) :]

    def rollback(self) -> None:
        """Forget the events, which are gone."""
        self.unsealed = []
        self._unsealed_before.clear()
        super().rollback()

    def close(self) -> None:
        """Forget the events of a transaction that did not end; SQLite's in memory stays open, and so does that."""
        super().close()
        if self.connection is None or self.closed_in_transaction:
            self.unsealed = []
            self._unsealed_before.clear()
