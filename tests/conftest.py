"""What every room's tests share: peers that may be absent."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase
from hypothesis import settings
from pynetdicom import AE
from pynetdicom.dimse import DIMSEServiceProvider

from tests.support import hands, turns
from tests.support.migrated import postgresql_template, sqlite_file
from tests.support.tools import absent, skip_or_fail

# A slow machine is no fault of an example. In CI Hypothesis draws the same examples each time, by itself.
settings.register_profile("any machine", settings.default, deadline=None)
settings.load_profile("any machine")

pytest_plugins = ["tests.fixtures_world"]


#: A test that asks for none of these, and is not marked `django_db`, has no database.
_DATABASE = {"db", "transactional_db", "live_server", "installation"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has no database, so that it is not run again on another one; acceptance tests start programs."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        without = item.get_closest_marker("django_db") is None and not asked & _DATABASE
        if without and "acceptance" not in item.path.parts:
            item.add_marker(pytest.mark.one_database)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `requires_tool` before fixtures run, so that none starts a peer that is not there."""
    for marker in item.iter_markers("requires_tool"):
        skip_or_fail(absent(marker.args))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Begin with a database that was migrated before, which the runner then finds nothing to migrate in."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = postgresql_template(os.environ["PARALLAX_DATABASE_URL"])
        yield
        return
    migrated = sqlite_file()

    def fill(connection: Any, **_: Any) -> None:
        if connection.is_in_memory_db():
            connection_created.disconnect(fill)
            with contextlib.closing(sqlite3.connect(migrated)) as source:
                source.backup(connection.connection)

    connection_created.connect(fill)
    yield
    connection_created.disconnect(fill)


@pytest.fixture(autouse=True, scope="session")
def _tests_write_by_hand() -> Iterator[None]:
    """Let tests arrange their scenes in the database past the audit trail, and nobody else."""
    hands.let_tests_write()
    yield
    hands.hold_tests_to_the_door()


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
            # Those of regulated records let whoever tests write, and are many.
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'audited_%'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            flush(self)
            # What the house makes after each migration, it has made again after the flush.
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            there = {name for (name,) in cursor.fetchall()}
            for name, sql in triggers:
                if name not in there:
                    cursor.execute(sql)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True, scope="session")
def _requests_of_a_browser_take_turns() -> Iterator[None]:
    """Let the live server answer one request after the other on SQLite, where all its threads share one connection."""
    answer = WSGIHandler.__call__

    def in_turn(self: Any, *request: Any) -> Any:
        if connection.vendor != "sqlite":
            return answer(self, *request)
        with turns.TURN:
            return answer(self, *request)

    def the_test_waits(connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite" and connection.is_in_memory_db() and turns.beside_a_browser():
            turns.take_turns(connection)

    WSGIHandler.__call__ = in_turn
    connection_created.connect(the_test_waits)
    yield
    connection_created.disconnect(the_test_waits)
    WSGIHandler.__call__ = answer


@pytest.fixture(autouse=True, scope="session")
def _senders_are_patient() -> Iterator[None]:
    """Let senders wait for an answer for two minutes, as a disk may sync for many others; pynetdicom waits 30 s.

    An answer goes to whoever asked, too: pynetdicom's thread that serves requests, told to pause between two messages
    and not running before the second has begun, takes the answer to it for itself, and the sender waits in vain.
    """
    begin = AE.__init__
    get_msg = DIMSEServiceProvider.get_msg

    def patient(self: AE, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        self.acse_timeout = self.dimse_timeout = 120

    def to_whoever_asked(self: DIMSEServiceProvider, block: bool = False) -> Any:
        # The serving thread alone looks without waiting; it is to pause while this event is not set.
        if not block and not self.assoc._reactor_checkpoint.is_set():
            return None, None
        return get_msg(self, block)

    AE.__init__ = patient
    DIMSEServiceProvider.get_msg = to_whoever_asked
    yield
    AE.__init__ = begin
    DIMSEServiceProvider.get_msg = get_msg
