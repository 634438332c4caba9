"""`manage.py replay_assignment`: every subject's readers drawn anew from the trial's seed, and compared."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reading.services.redrawing import Redrawn, redraw
from trials.models import Trial


class Command(BaseCommand):
    """Changes nothing; ends with an error where a draw comes out otherwise, or a reader is not explained."""

    help = (
        "Draw the readers of every subject of a trial anew, from the trial's seed and what the draw knew, and compare "
        "with who reads now; hand-overs are listed with their reasons. Names each subject that differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the trial."""
        parser.add_argument("trial", help="code of the trial")

    def handle(self, *args: Any, trial: str, **options: Any) -> None:
        """Replay one trial."""
        found = Trial.objects.filter(code=trial).first()
        if found is None:
            raise CommandError(f"There is no trial “{trial}”. Codes are those of the trials' pages.")
        redrawn = redraw(found)
        self.stdout.write(f"Trial {found.code}, seed {found.seed}")
        for one in redrawn:
            (self.stderr if one.fault else self.stdout).write(_said(one))
        if faults := [one for one in redrawn if one.fault]:
            raise CommandError(f"{len(faults)} of {len(redrawn)} subjects have other readers than the seed draws.")
        self.stdout.write(f"{len(redrawn)} subjects have the readers that were drawn for them, or were handed on to.")


def _said(one: Redrawn) -> str:
    pools = [f" from {', '.join(names)}" if names else "" for names in one.pools] or [""] * len(one.drawn)
    readers = " and ".join(name + pool for name, pool in zip(one.drawn, pools, strict=False))
    lines = [f"{one.subject.code}: {readers}. {one.said}."]
    lines += [
        f"    {made.made_at:%Y-%m-%d %H:%M} UTC: reader {made.slot}, {made.giver.username} to {made.taker.username}, "
        f"by {made.made_by.username}: {made.reason}"
        for made in one.handovers
    ]
    return "\n".join(lines)
