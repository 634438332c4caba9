"""The doorbell: how workers are told of work, and the embedded broker that needs no server.

Nothing is lost with a message, as the sweeps ring again; so who rings never waits for a broker that is away.

The embedded broker is kombu's filesystem transport, with messages that appear whole or not at all. kombu writes a
message under the name by which workers find it, so that a worker may read it half written and end. Here it is
written under a hidden name and renamed.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from queue import Empty
from typing import Any

from celery import Task
from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)

#: Seconds for which nobody rings after the broker did not take a message.
PAUSE = 10.0
_silent_until = 0.0


def ring(task: Task, *args: object) -> bool:
    """Send the message of a task; false, and for a while at once, if the broker does not take it."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return False
    try:
        task.delay(*args)
    except Exception as problem:
        _silent_until = time.monotonic() + PAUSE
        log.warning("the broker does not take messages (%s); the sweep will ring again", type(problem).__name__)
        return False
    return True


class Channel(filesystem.Channel):
    """A channel whose messages are renamed into place."""

    def _put(self, queue: str, message: Any, **_: Any) -> None:  # type: ignore[override]  # kombu names it twice
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        hidden = os.path.join(self.data_folder_out, f".{name}")
        try:
            # Somebody may have tidied up.
            os.makedirs(self.data_folder_out, exist_ok=True)
            with open(hidden, "xb") as file:
                file.write(dumps(message).encode())
            os.rename(hidden, os.path.join(self.data_folder_out, name))
        except OSError as problem:
            raise ChannelError(f"Cannot add a message to the folder {self.data_folder_out}") from problem

    def _get(self, queue: str, timeout: Any = None) -> Any:
        try:
            return super()._get(queue)
        except FileNotFoundError:
            # Nobody has rung since the folder was removed.
            raise Empty from None

    def get_table(self, exchange: str) -> Any:
        """Return the exchange's bindings; another process may be writing them at this moment."""
        for _ in range(20):
            try:
                return super().get_table(exchange)
            except ValueError:
                time.sleep(0.01)
        return super().get_table(exchange)


class Transport(filesystem.Transport):
    """kombu's filesystem transport with our channel."""

    Channel = Channel


def use() -> None:
    """Let `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
