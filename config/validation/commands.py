"""What the commands of a qualification share: who runs it, where its record goes, and how it ends."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from compliance.models import User
from config.validation import records
from config.validation.records import Check, Outcome, Record

_MARKS = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_APPLICABLE: "n/a"}


class Qualification(BaseCommand):
    """A command that qualifies this installation; it ends with 1 where a check failed."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take who runs it, and where the record goes."""
        parser.add_argument(
            "--as", dest="username", required=True, metavar="USER", help="who runs it; stands in the trail"
        )
        parser.add_argument(
            "--output", metavar="FOLDER", help="where the record goes; qualification/ of the data folder"
        )

    def person(self, username: str) -> User:
        """Return the person who runs it."""
        found = User.objects.filter(username__iexact=username, is_active=True).first()
        if found is None:
            raise CommandError(f"Nobody who is active has the user name {username}. A qualification is somebody's act.")
        return found

    def say(self, check: Check) -> None:
        """Print how a check came out."""
        self.stdout.write(f"  {_MARKS[check.outcome]:<5}{check.section}: {check.title}: {check.actual}")
        self.stdout.flush()

    def conclude(self, record: Record, actor: User, options: dict[str, Any]) -> None:
        """Keep the record, note it in the trail, and say how it came out."""
        kept = records.keep(record, Path(options["output"] or Path(settings.DATA_DIR) / "qualification"))
        records.note(record, kept, actor=actor, at=record.ended)
        self.stdout.write(f"{kept.json}  SHA-256 {kept.sha256}")
        self.stdout.write(str(kept.pdf) if kept.pdf else kept.why)
        if record.failed:
            raise CommandError(record.verdict)
        self.stdout.write(f"{record.verdict} {record.counts}.")
