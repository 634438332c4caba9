"""Redrawing: every subject's readers drawn anew from what the draw knew, and what became of them since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compliance.errors import HouseError
from reading import selectors
from reading.assignment import Chance, draw
from reading.models import Draw, Handover, ReadTask
from reading.services.drawing import chance_of
from trials.models import Subject, Trial


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A subject's readers by place: as drawn, drawn anew, and now.

    Attributes
    ----------
    kept
        The draw as it was kept; None: the subject had its readers before draws were kept.
    again
        Whom the seed gives now from what the draw knew; without a kept draw, from today's readers.
    fault
        What does not agree, as a sentence; empty where everything does.
    """

    subject: Subject
    kept: Draw | None
    pools: tuple[tuple[str, ...], ...]
    drawn: tuple[str, ...]
    again: tuple[str, ...]
    now: tuple[str, ...]
    handovers: tuple[Handover, ...]
    fault: str

    @property
    def said(self) -> str:
        """What the replay showed, in a few words."""
        if self.fault:
            return self.fault
        same = "Drawn again: the same" if self.kept else "Drawn before draws were kept"
        if not self.kept:
            same += "; today’s readers give the same" if self.again == self.drawn else "; today’s readers give others"
        return same + (", then handed on" if self.handovers else "")


def redraw(trial: Trial) -> tuple[Redrawn, ...]:
    """Draw the readers of every subject that has any anew, in the order of their codes; nothing is written."""
    standing: dict[int, dict[int, str]] = {}
    tasks = ReadTask.objects.filter(timepoint__subject__trial=trial).order_by("order")
    for subject, slot, username in tasks.values_list("timepoint__subject", "slot", "reader__username"):
        standing.setdefault(subject, {})[slot] = username
    kept = {one.subject_id: one for one in Draw.objects.filter(subject__trial=trial).select_related("charter")}
    handovers: dict[int, list[Handover]] = {}
    made = Handover.objects.filter(subject__trial=trial).select_related("giver", "taker", "made_by")
    for one in made.order_by("made_at", "pk"):
        handovers.setdefault(one.subject_id, []).append(one)
    found = trial.subjects.filter(pk__in=standing).select_related("trial", "site").order_by("code")
    return tuple(
        _redrawn(subject, kept.get(subject.pk), standing[subject.pk], handovers.get(subject.pk, []))
        for subject in found
    )


def _redrawn(subject: Subject, kept: Draw | None, standing: dict[int, str], handovers: Sequence[Handover]) -> Redrawn:
    now = tuple(standing[slot] for slot in sorted(standing))
    drawn = tuple(kept.readers) if kept else _before(now, handovers)
    chance: Chance | None = None
    again: tuple[str, ...] = ()
    try:
        chance = Chance.of_json(kept.chance) if kept else _chance_today(subject)
        again = draw(chance, seed=subject.trial.seed) if chance else ()
    except HouseError:
        # Today's readers need not be enough; what a kept draw knew was.
        pass
    fault = ""
    if kept and again != drawn:
        fault = f"Drawn again: {' and '.join(again) or 'nobody'}, not {' and '.join(drawn)}"
    elif _after(drawn, handovers) != now:
        fault = f"Read by {' and '.join(now)}, which neither draw nor hand-over explains"
    return Redrawn(subject, kept, chance.pools if kept and chance else (), drawn, again, now, tuple(handovers), fault)


def _chance_today(subject: Subject) -> Chance | None:
    charter = selectors.reading_charter(subject)
    return chance_of(subject, charter) if charter else None


def _before(now: tuple[str, ...], handovers: Sequence[Handover]) -> tuple[str, ...]:
    """Who had the places before they were handed on."""
    readers = list(now)
    for one in reversed(handovers):
        readers[one.slot - 1] = one.giver.username
    return tuple(readers)


def _after(drawn: tuple[str, ...], handovers: Sequence[Handover]) -> tuple[str, ...]:
    """Who has the places when what was drawn is handed on; nobody, where a hand-over does not follow."""
    readers = list(drawn)
    for one in handovers:
        if one.slot > len(readers) or readers[one.slot - 1] != one.giver.username:
            return ()
        readers[one.slot - 1] = one.taker.username
    return tuple(readers)
