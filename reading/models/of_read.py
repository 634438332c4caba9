from __future__ import annotations

from typing import Any

from compliance.models import Record
from compliance.models.base import Scope
from reading.states import ReadState


class OfRead(Record):
    """What a reader makes in a read (`task`): it belongs where the read does, and the read's signature closes it."""

    #: The read: a foreign key of each kind of record.
    task: Any

    class Meta:
        abstract = True

    def scope(self) -> Scope:
        return self.task.scope()

    def frozen_by(self) -> str:
        if self.task.state in (ReadState.SUBMITTED, ReadState.LOCKED):
            return "the read is signed"
        return self.task.frozen_by()
