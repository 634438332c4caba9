"""A named point really ends the process, once, and what it had acknowledged is there afterwards."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from django.conf import LazySettings

from imaging.services.receiving import Origin, receive_instance
from tests.factories import AT
from tests.imaging.services.test_receiving import from_scanner, spooled

pytestmark = pytest.mark.requirement("REQ-INT-002")


def receive_in_a_child(origin: Origin) -> int:
    """Receive one instance in a process of its own; return how the process ended."""
    child = os.fork()
    if child == 0:
        receive_instance(b"bytes", origin=origin, at=AT)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("received.opened", [".part"]),
        ("received.body", [".part"]),
        ("received.named", [".dcm"]),
        ("received.record", [".dcm"]),
    ],
)
def test_a_killed_receiver_leaves_no_half_record_and_goes_on_after_its_restart(
    own_disk: Path, settings: LazySettings, point: str, left: list[str]
) -> None:
    settings.FAULTS = True
    (own_disk / "faults").mkdir()
    (own_disk / "faults" / point).touch()

    status = receive_in_a_child(from_scanner(1))

    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert spooled(own_disk) == left
    assert receive_in_a_child(from_scanner(1)) == 0


def test_without_the_setting_a_fault_file_does_nothing(own_disk: Path) -> None:
    (own_disk / "faults").mkdir()
    (own_disk / "faults" / "received.body").touch()

    assert receive_in_a_child(from_scanner(1)) == 0
