"""`manage.py iq`: the installation qualification: what the installation rests on is looked at, and a record is kept."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from config.validation import inspecting, records
from config.validation.commands import Qualification
from config.validation.records import Record


class Command(Qualification):
    """Inspect the installation; end with 1 where a check failed."""

    help = (
        "Inspect this installation and keep a record (JSON, and a PDF sealed by its key); ends with 1 if a check fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what it may compare with, besides."""
        super().add_arguments(parser)
        parser.add_argument(
            "--expect-code", default="", metavar="SHA256", help="digest of the code, from the release's pack"
        )
        parser.add_argument("--ntp", default="", metavar="SERVER", help="time server to compare the clock with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Inspect, and keep the record."""
        actor, began = self.person(options["username"]), timezone.now()
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
        for check in record.checks:
            self.say(check)
        self.conclude(record, actor, options)
