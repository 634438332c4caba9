"""`manage.py oq`: the operational qualification, on this very installation, in a scratch trial with synthetic scans."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.management.commands.iq import person
from config.management.commands.serve import make_broker_folders
from config.validation import operating, records
from config.validation.records import Check, Outcome, Record


class Command(BaseCommand):
    """Play the regulated scenarios; end with 1 where a step did not come out as expected."""

    help = (
        "Play the regulated scenarios on this installation in a scratch trial with synthetic scans, and keep a record "
        "(JSON, and a PDF signed by the installation). The trial stays, locked, as its audit trail does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take who runs it, and what becomes of the accounts."""
        parser.add_argument(
            "--as", dest="username", required=True, metavar="USER", help="who runs it; stands in the trail"
        )
        parser.add_argument(
            "--output", metavar="FOLDER", help="where the record goes; qualification/ of the data folder"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Play, keep the record, note it in the trail, and say how it came out."""
        actor, began = person(options["username"]), timezone.now()
        make_broker_folders()
        run = operating.play(by=actor, say=self._say)
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
        folder = Path(options["output"] or Path(settings.DATA_DIR) / "qualification")
        kept = records.keep(record, folder)
        records.note(record, kept, actor=actor, at=record.ended)
        self.stdout.write(f"{kept.json}  SHA-256 {kept.sha256}")
        self.stdout.write(str(kept.pdf) if kept.pdf else kept.why)
        if record.failed:
            raise CommandError(record.verdict)
        self.stdout.write(f"{record.verdict} {record.counts}.")

    def _say(self, check: Check) -> None:
        mark = "pass" if check.outcome is Outcome.PASS else "FAIL"
        self.stdout.write(f"  {mark} {check.section}: {check.title}: {check.actual}")
        self.stdout.flush()
