"""Originals in quarantine, as they came: at rest they lie under their trial's key (`compliance.vault`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from compliance import keys, storage, vault
from compliance.errors import HouseError
from imaging.models import ReceivedInstance
from imaging.states import OriginalState

_PIECE = 1 << 20


class OriginalGone(HouseError):
    """An original that is asked for has left quarantine."""

    code = "original_gone"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            "The original has left quarantine by the rule of the trial's charter. What was made of it is in the "
            "archive; ask the site to send it again if it is needed as it came."
        )


def keep(files: Mapping[str, Path], *, trial_code: str) -> None:
    """Store files of the spool under their keys, durably; what is stored already is left alone.

    Raises
    ------
    KeyMissing
        The trial's key cannot be read; nothing is stored.
    OSError
        The disk did not take one; it may be tried again.
    """
    key = keys.of_originals(trial_code)[-1].secret
    storage.adopt(storage.QUARANTINE, files, through=lambda file: vault.lock(file, key))


@contextmanager
def on_disk(received: ReceivedInstance, *, trial_code: str) -> Iterator[Path]:
    """Give an original as a file of this machine, for a reader that works in another process.

    Raises
    ------
    OriginalGone, FileNotFoundError, vault.Damaged, KeyMissing, StoreUnavailable
    """
    with (
        _stored(received) as stored,
        storage.as_file(_content(stored, trial_code)) as path,
    ):
        yield path


def read(received: ReceivedInstance, *, trial_code: str) -> bytes:
    """Return an original's bytes.

    Raises
    ------
    OriginalGone, FileNotFoundError, vault.Damaged, KeyMissing, StoreUnavailable
    """
    with _stored(received) as stored:
        return b"".join(_content(stored, trial_code))


def _stored(received: ReceivedInstance) -> IO[bytes]:
    if ReceivedInstance.objects.filter(pk=received.pk).exclude(original_state=OriginalState.KEPT).exists():
        raise OriginalGone
    return storage.open_file(storage.QUARANTINE, received.quarantine_key)


def _content(stored: IO[bytes], trial_code: str) -> Iterable[bytes]:
    """The pieces of an original; those of before there was a vault lie open."""
    head = stored.read(vault.HEAD)
    stored.seek(0)
    if vault.is_locked(head):
        return vault.unlock(stored, keys.that_locked(trial_code, vault.key_of(head)))
    return iter(lambda: stored.read(_PIECE), b"")
