"""The keys of a trial's originals: which are there, and the next one.

A trial's secret is not replaced: its pseudonyms, UIDs and shifts of dates follow from it, and after another secret the
same subject would be somebody else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from compliance import access, audit, keys
from compliance.models import AuditEvent, User
from trials.models import Trial

_ROTATED = "trial.originals_key_made"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key of a trial's originals: by its file, by the record of its making, or by both."""

    number: int
    present: str = ""
    recorded: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether the key is there, and is the one that was made."""
        return bool(self.present) and self.recorded in ("", self.present)


def states_of_keys(trial: Trial) -> list[KeyState]:
    """Return each key of a trial's originals, the newest last.

    Raises
    ------
    KeyMissing
        The trial's secret, or a file beside it, cannot be read.
    """
    present = {key.number: key.fingerprint for key in keys.of_originals(trial.code)}
    recorded = _recorded(trial)
    numbers = sorted(present.keys() | recorded.keys())
    return [KeyState(number, present.get(number, ""), recorded.get(number, "")) for number in numbers]


def fault_of_keys(trial: Trial) -> str:
    """Return what is wrong with a trial's keys and what to do, in a sentence or two; nothing if all are there."""
    try:
        lost = [state for state in states_of_keys(trial) if not state.is_sound]
    except keys.KeyMissing as problem:
        return problem.message
    if not lost:
        return ""
    names = ", ".join(f"{state.number} ({state.recorded})" for state in lost)
    return f"Not there, so that what was locked with it cannot be opened: {names}. Restore the file from its back-up."


def rotate_key_of_originals(*, trial: Trial, actor: User, at: dt.datetime) -> keys.OriginalsKey:
    """Make the next key of a trial's originals; what comes from now on lies under it.

    What lies in quarantine already is stored once and stays under its own key, which must be kept.

    Raises
    ------
    KeyMissing
        The trial's secret, or a file beside it, cannot be read.
    OSError
        The file cannot be made.
    """
    access.require(actor, "trials.administer", trial)
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        latest = states_of_keys(trial)[-1].number
        made = keys.create_for_originals(trial.code, latest + 1)
        about = {"number": made.number, "fingerprint": made.fingerprint}
        audit.record(_ROTATED, trial, actor=actor, at=at, after=about)
    return made


def _recorded(trial: Trial) -> dict[int, str]:
    """Numbers and fingerprints of the keys that were made, as the trail has them."""
    about_trial = AuditEvent.objects.filter(object_type=audit.label_of(trial), object_id=str(trial.pk))
    events = about_trial.filter(action=_ROTATED).values_list("after", flat=True)
    return {after["number"]: after["fingerprint"] for after in events if after}
