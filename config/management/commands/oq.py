"""`manage.py oq`: the operational qualification, on this very installation, in a scratch trial with synthetic scans."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from config.management.commands.serve import make_broker_folders
from config.validation import operating, records
from config.validation.commands import Qualification
from config.validation.records import Record


class Command(Qualification):
    """Play the regulated scenarios; end with 1 where a step did not come out as expected."""

    help = (
        "Play the regulated scenarios on this installation in a scratch trial with synthetic scans, and keep a record "
        "(JSON, and a PDF signed by the installation). The trial stays, locked, as its audit trail does."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Play, and keep the record."""
        actor, began = self.person(options["username"]), timezone.now()
        make_broker_folders()
        run = operating.play(by=actor, say=self.say)
        record = Record(
            kind="OQ",
            title="Operational qualification",
            about="The regulated scenarios on this installation, with synthetic scans in a scratch trial",
            by=f"{actor.full_name or actor.username} ({actor.username})",
            began=began,
            checks=records.numbered(run.checks),
            ended=timezone.now(),
            notes=(
                f"Scratch trial {run.trial.code or 'none'}: {operating.TITLE}. It stays, locked, because no trail "
                "is ever cut; its accounts are closed.",
                "Scans, people and reads are synthetic; reads are marked as simulated.",
            ),
        )
        self.conclude(record, actor, options)
