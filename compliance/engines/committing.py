"""What the house adds to Django's connections: something to do right before a commit, and in it."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper


class SealsTheTrail(BaseDatabaseWrapper):
    """A connection that chains the events of a transaction before it commits it; see `compliance.sealing`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unsealed: list[int] = []

    def commit(self) -> None:
        """Chain what was written, then commit; what cannot be chained is not committed."""
        try:
            self.seal()
        except DatabaseError:
            # Who commits takes it back, as where the commit itself fails.
            raise
        except BaseException:
            self.rollback()
            raise
        super().commit()

    def seal(self) -> None:
        """Chain the events of this transaction that are not chained yet."""
        events, self.unsealed = self.unsealed, []
        if events:
            from compliance import sealing  # the connection is there before the models are

            sealing.seal(events)

    def rollback(self) -> None:
        """Forget the events, which are gone."""
        self.unsealed = []
        super().rollback()

    def close(self) -> None:
        """Forget the events of a transaction that did not end."""
        self.unsealed = []
        super().close()
