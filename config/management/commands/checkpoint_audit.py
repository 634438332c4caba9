"""`manage.py checkpoint_audit`: sign where the chains of the audit trail end, now; otherwise it is done each hour."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance import checkpoints
from compliance.errors import HouseError


class Command(BaseCommand):
    """Make a checkpoint."""

    help = "Sign where the chains of the audit trail end, into the folder of checkpoints and the database."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say where it lies."""
        try:
            made = checkpoints.make(at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        except OSError as problem:
            raise CommandError(f"The checkpoint could not be written: {problem.strerror}. None was made.") from problem
        if made is None:
            self.stdout.write("Nothing was recorded since the last checkpoint.")
        else:
            self.stdout.write(f"Signed, with the key {made.public_key[:16]}…, in {checkpoints.folder()}.")
