"""What the trials' tests share: the same trial after its lock."""

from __future__ import annotations

import pytest

from compliance.signing import Intent
from compliance.transitions import advance
from tests.factories import AT, PASSWORD, World
from trials.models import Trial


@pytest.fixture
def locked(world: World) -> World:
    """The trial with its database locked."""
    trial = Trial.objects.get(pk=world.trial.pk)
    advance(trial, "lock", actor=world.administrator, at=AT, signature=Intent(PASSWORD), locked_at=AT)
    world.trial.refresh_from_db()
    return world
