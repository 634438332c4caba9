"""What every room's tests share: peers that may be absent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import settings
from pynetdicom import AE

from tests.support.tools import absent, skip_or_fail

# A slow machine is no fault of an example. In CI Hypothesis draws the same examples each time, by itself.
settings.register_profile("any machine", settings.default, deadline=None)
settings.load_profile("any machine")

pytest_plugins = ["tests.fixtures_world"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `requires_tool` before fixtures run, so that none starts a peer that is not there."""
    for marker in item.iter_markers("requires_tool"):
        skip_or_fail(absent(marker.args))


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_trail() -> Iterator[None]:
    """Let the test runner empty the append-only tables between transactional tests, and nobody else."""
    flush = TransactionTestCase._fixture_teardown

    def teardown(self: Any) -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET session_replication_role = replica")
                flush(self)
                cursor.execute("SET session_replication_role = DEFAULT")
                return
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            flush(self)
            for _, sql in triggers:
                cursor.execute(sql)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True, scope="session")
def _requests_of_a_browser_take_turns() -> Iterator[None]:
    """Let the live server answer one request after the other on SQLite, where all its threads share one connection."""
    answer, turn = WSGIHandler.__call__, threading.Lock()

    def in_turn(self: Any, *request: Any) -> Any:
        if connection.vendor != "sqlite":
            return answer(self, *request)
        with turn:
            return answer(self, *request)

    WSGIHandler.__call__ = in_turn
    yield
    WSGIHandler.__call__ = answer


@pytest.fixture(autouse=True, scope="session")
def _senders_are_patient() -> Iterator[None]:
    """Let senders wait for an answer for two minutes, as a disk may sync for many others; pynetdicom waits 30 s."""
    begin = AE.__init__

    def patient(self: AE, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        self.acse_timeout = self.dimse_timeout = 120

    AE.__init__ = patient
    yield
    AE.__init__ = begin
