"""Questions of senders that are to be answered: each a record in the spool, in the folder of its own delivery."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from imaging.services import spool
from imaging.services.spool import Origin

_QUESTION = ".question.json"


def keep(origin: Origin, content: dict[str, Any], *, at: dt.datetime) -> uuid.UUID:
    """Make a sender's question durable, beside what it sent, and return its identifier.

    Raises
    ------
    OSError
        The disk did not take it.
    """
    name = spool.new_id(at)
    spool.keep_record(origin, f"{name.hex}{_QUESTION}", content)
    return name


def waiting(folder: Path) -> list[Path]:
    """Return the questions that wait in a delivery's folder, in the order of their receipt."""
    return sorted(folder.glob(f"*{_QUESTION}"))


def path_of(delivery: str, name: uuid.UUID) -> Path:
    """Return where a question lies until it is answered."""
    return spool.root() / delivery / f"{name.hex}{_QUESTION}"


def id_of(path: Path) -> uuid.UUID:
    """Return the identifier of a question."""
    return uuid.UUID(path.name.removesuffix(_QUESTION))
