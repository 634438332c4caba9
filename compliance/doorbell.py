"""The embedded doorbell: kombu's filesystem transport, with messages that appear whole or not at all.

kombu writes a message under the name by which workers find it, so that a worker may read it half written and
end. Here it is written under a hidden name and renamed.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """A channel whose messages are renamed into place."""

    def _put(self, queue: str, message: Any, **_: Any) -> None:  # type: ignore[override]  # kombu names it twice
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        hidden = os.path.join(self.data_folder_out, f".{name}")
        try:
            with open(hidden, "xb") as file:
                file.write(dumps(message).encode())
            os.rename(hidden, os.path.join(self.data_folder_out, name))
        except OSError as problem:
            raise ChannelError(f"Cannot add a message to the folder {self.data_folder_out}") from problem

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
