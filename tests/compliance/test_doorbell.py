"""The embedded broker: messages are files, and its folder may go at any time."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from compliance import doorbell


@pytest.fixture
def bell(tmp_path: Path) -> Iterator[SimpleQueue]:
    """A queue of an embedded broker of its own."""
    doorbell.use()
    (tmp_path / "messages").mkdir()
    folders = {"data_folder_in": str(tmp_path / "messages"), "data_folder_out": str(tmp_path / "messages")}
    control = {"control_folder": str(tmp_path / "control")}
    with Connection("filesystem://", transport_options=folders | control) as connection:
        # kombu remembers for the whole process which queues it has bound.
        yield connection.SimpleQueue(uuid.uuid4().hex)


def test_a_message_comes_once(bell: SimpleQueue) -> None:
    bell.put("work")

    assert bell.get(timeout=60).payload == "work"
    with pytest.raises(Empty):
        bell.get_nowait()


def test_a_folder_that_is_removed_is_made_again(bell: SimpleQueue, tmp_path: Path) -> None:
    bell.put("lost")
    shutil.rmtree(tmp_path / "messages")
    with pytest.raises(Empty):
        bell.get_nowait()

    bell.put("work")

    assert bell.get(timeout=60).payload == "work"
