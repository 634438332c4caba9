"""`manage.py import_edc`: subjects and visits out of a file of an EDC system."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.errors import HouseError
from compliance.models import User
from trials.models import Trial
from trials.services import exchanging
from trials.services.exchanging import Exchange
from trials.services.listing import Fate


class Command(BaseCommand):
    """Look at a file of an EDC system, and take it as a whole where that is asked for."""

    help = (
        "Looks at an ODM 1.3.2 file of an EDC system and says what would change; with --take it is taken, or nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the trial, the file, and in whose name."""
        parser.add_argument("trial", metavar="TRIAL")
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--as", dest="username", metavar="USER", required=True, help="in whose name; may enrol")
        parser.add_argument("--take", action="store_true", help="take it, if nothing in it is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; what is wrong is told line by line, and ends with a refusal."""
        trial = Trial.objects.filter(code=options["trial"]).first()
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if trial is None:
            raise CommandError(f"There is no trial {options['trial']}.")
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        try:
            content = Path(options["file"]).read_bytes()
        except OSError as problem:
            raise CommandError(f"{options['file']} cannot be read: {problem.strerror}.") from problem
        try:
            found = exchanging.read_exchange(trial=trial, content=content, actor=user, at=timezone.now())
            self._tell(found)
            if not found.holds:
                raise CommandError("Nothing was taken. Correct this in the EDC system, and export again.")
            if options["take"]:
                rows, visits = exchanging.as_said(found)
                exchanging.take_exchange(trial=trial, rows=rows, visits=visits, actor=user, at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        done = "were taken" if options["take"] else "would be taken; give --take"
        self.stdout.write(f"{found.changes} changes {done}.")

    def _tell(self, found: Exchange) -> None:
        for note in found.subjects.notes:
            self.stderr.write(note)
        for row in found.subjects.rows:
            said = "; ".join(row.problems) if row.fate is Fate.WRONG else f"{row.fate}"
            self.stdout.write(f"{row.subject}: {said}")
        for visit in found.visits:
            said = "; ".join(visit.problems) if visit.fate is Fate.WRONG else visit.act or "known"
            self.stdout.write(f"{visit.subject} {visit.visit}: {said}")
