"""Deriving every signed read of a trial anew: what was signed must come out again, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from compliance import audit
from compliance.models import User
from reading import derivation
from reading.models import ReadTask
from reading.selectors import SIGNED
from trials.models import Trial


@dataclass(frozen=True, slots=True)
class Difference:
    """A signed read whose derivation comes out otherwise: its code, and the first of its values that differs."""

    read: str
    value: str
    signed: str
    derived: str

    def __str__(self) -> str:
        return f"Read {self.read}: “{self.value}” was signed as {self.signed} and is derived as {self.derived}."


@dataclass(frozen=True, slots=True)
class Rederived:
    """How many reads were derived anew, and which of them differ."""

    reads: int
    differences: tuple[Difference, ...]


def rederive(*, trial: Trial, actor: User | None, at: dt.datetime) -> Rederived:
    """Derive every signed read of a trial from its entries, hidden re-reads too, and compare with what was signed.

    Nothing is changed; that it was done is recorded, with the number of differences.
    """
    differences: list[Difference] = []
    reads = 0
    for tasks in _by_reader_and_subject(trial):
        reads += len(tasks)
        for task, derived in zip(tasks, derivation.derivations_of(tasks), strict=True):
            if (difference := _difference(task, derived)) is not None:
                differences.append(difference)
    after = {"reads": reads, "differences": len(differences)}
    audit.record("derivations.verified", trial, actor=actor, at=at, after=after)
    return Rederived(reads, tuple(differences))


def _by_reader_and_subject(trial: Trial) -> Iterator[list[ReadTask]]:
    signed = (
        ReadTask.every.filter(timepoint__subject__trial=trial, state__in=SIGNED)
        .select_related("timepoint__subject", "charter", "assessment")
        .order_by("timepoint__subject", "slot", "order")
    )
    for _, tasks in groupby(signed.iterator(chunk_size=500), key=lambda task: (task.timepoint.subject_id, task.slot)):
        yield list(tasks)


def _difference(task: ReadTask, derived: dict[str, object]) -> Difference | None:
    signed = task.assessment.derivation
    for name in sorted(signed.keys() | derived.keys()):
        before, now = (json.dumps(each.get(name), sort_keys=True) for each in (signed, derived))
        if before != now:
            return Difference(task.blinded_code, name, before[:200], now[:200])
    return None
