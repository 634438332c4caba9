"""`manage.py iq`: the installation qualification: what the installation rests on is looked at, and a record is kept."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.models import User
from config.validation import inspecting, records
from config.validation.records import Outcome, Record


def person(username: str) -> User:
    """Return the person who runs a qualification."""
    found = User.objects.filter(username__iexact=username, is_active=True).first()
    if found is None:
        raise CommandError(f"Nobody who is active has the user name {username}. A qualification is somebody's act.")
    return found


class Command(BaseCommand):
    """Inspect the installation; end with 1 where a check failed."""

    help = (
        "Inspect this installation and keep a record (JSON, and a PDF sealed by its key); ends with 1 if a check fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take who runs it, and what it may compare with."""
        parser.add_argument(
            "--as", dest="username", required=True, metavar="USER", help="who runs it; stands in the trail"
        )
        parser.add_argument(
            "--output", metavar="FOLDER", help="where the record goes; qualification/ of the data folder"
        )
        parser.add_argument(
            "--expect-code", default="", metavar="SHA256", help="digest of the code, from the release's pack"
        )
        parser.add_argument("--ntp", default="", metavar="SERVER", help="time server to compare the clock with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Inspect, keep the record, note it in the trail, and say how it came out."""
        actor, began = person(options["username"]), timezone.now()
        asked = {"expected_code": options["expect_code"], "ntp": options["ntp"], "at": began}
        record = Record(
            kind="IQ",
            title="Installation qualification",
            about="What is installed, how it is set, and whether what it needs is within reach",
            by=f"{actor.full_name or actor.username} ({actor.username})",
            began=began,
            checks=records.numbered(inspecting.checks(**asked)),
            ended=timezone.now(),
        )
        marks = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_APPLICABLE: "n/a"}
        for check in record.checks:
            self.stdout.write(f"  {marks[check.outcome]:<5}{check.section}: {check.title}: {check.actual}")
        folder = Path(options["output"] or Path(settings.DATA_DIR) / "qualification")
        kept = records.keep(record, folder)
        records.note(record, kept, actor=actor, at=record.ended)
        self.stdout.write(f"{kept.json}  SHA-256 {kept.sha256}")
        self.stdout.write(str(kept.pdf) if kept.pdf else kept.why)
        if record.failed:
            raise CommandError(record.verdict)
        self.stdout.write(record.verdict)
