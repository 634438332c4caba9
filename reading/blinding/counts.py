"""How many target lesions a reader has chosen in a baseline, while it is read."""

from __future__ import annotations

from reading import derivation
from reading.criteria.form import TARGET
from reading.criteria.room import Room
from reading.models import Lesion, ReadTask


def room_in(task: ReadTask) -> Room | None:
    """Return the count of a baseline's targets with the limits of its criteria; None where none are chosen."""
    pack = derivation.pack_of(task.charter)
    if not derivation.is_baseline(task.timepoint) or pack.form().of(TARGET) is None:
        return None
    return pack.room(Lesion.every.filter(first_seen=task, category=TARGET).values_list("organ", "nodal"))
