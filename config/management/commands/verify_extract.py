"""`manage.py verify_extract`: whether an extract of the audit trail says what the trail says, and where it does not."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance import checkpoints, verifying, verifying_extracts
from compliance.errors import HouseError
from compliance.verifying_extracts import Compared
from trials.models import Trial


class Command(BaseCommand):
    """Changes nothing; ends with 1 where the extract or the trail is not what it was."""

    help = "Compare an extract of the audit trail with the trail; name the first record that differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the extract."""
        parser.add_argument("file", metavar="FILE", type=Path, help="the ZIP as it was downloaded")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, and say what was found."""
        try:
            found = verifying_extracts.compare(options["file"])
            damages = verifying.verify(chains=[found.chain], marks=checkpoints.marks(checkpoints.kept()[0])).damages
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        wrong = [*_of_trial(found), *found.faults, *(damage.said(f"Trial {found.trial}") for damage in damages)]
        for sentence in wrong:
            self.stdout.write(sentence)
        if damages:
            raise CommandError("The audit trail itself is damaged. Keep the database as it is.")
        if wrong:
            raise CommandError(f"The extract is not what the trail says; {found.records} records before that are.")
        if found.redacted:
            numbers = ", ".join(map(str, found.redacted[:20])) + (" and more" if len(found.redacted) > 20 else "")
            self.stdout.write(f"Text was taken out of the trail since, by two signatures each, at record {numbers}.")
        self.stdout.write(
            f"{found.records} records compared: the extract is what the trail of trial {found.trial} says."
        )


def _of_trial(found: Compared) -> list[str]:
    trial = Trial.objects.filter(pk=found.chain).only("code").first()
    if trial is not None and trial.code == found.trial:
        return []
    return [f"The extract is of trial {found.trial}, which has another chain here, or none."]
