"""`manage.py verify_derivations`: every signed response derived anew, and compared with what was signed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reading.services.rederiving import rederive
from trials.models import Trial


class Command(BaseCommand):
    """Changes nothing; ends with an error where a read comes out otherwise than it was signed."""

    help = (
        "Derive every signed read of a trial anew from what its reader entered, and compare with what was signed: "
        "response, sums, rule steps and digests of the rules. Names each read that differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the trial."""
        parser.add_argument("trial", help="code of the trial")

    def handle(self, *args: Any, trial: str, **options: Any) -> None:
        """Verify one trial."""
        found = Trial.objects.filter(code=trial).first()
        if found is None:
            raise CommandError(f"There is no trial “{trial}”. Codes are those of the trials' pages.")
        result = rederive(trial=found, actor=None, at=timezone.now())
        for difference in result.differences:
            self.stderr.write(str(difference))
        if result.differences:
            raise CommandError(f"{len(result.differences)} of {result.reads} reads are derived otherwise than signed.")
        self.stdout.write(f"{result.reads} reads were derived anew, each as it was signed.")
