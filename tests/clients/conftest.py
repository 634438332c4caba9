"""A running installation, and the client of somebody's program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from parallax_client import Parallax

from compliance import programs
from compliance.models import ApiToken, User


def token_of(person: User, *, may_change: bool = True) -> str:
    """Issue a token, as the person does on the page Programs."""
    label = f"test {ApiToken.objects.count()}"
    return programs.issue(label=label, may_change=may_change, days=1, actor=person, at=timezone.now())[1]


@pytest.fixture
def waits() -> list[float]:
    """How long the client waited between its tries, in seconds."""
    return []


@pytest.fixture
def connected(live_server: Any, waits: list[float]) -> Iterator[Callable[..., Parallax]]:
    """Make a client of somebody's; nothing waits in earnest."""
    made = []

    def connect(person: User, **more: Any) -> Parallax:
        made.append(Parallax(live_server.url, token_of(person, **more), wait=waits.append))
        return made[-1]

    yield connect
    for one in made:
        one.close()
