"""`manage.py rotate_audit_key`: another key for the audit trail, from now on; each chain says so."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance import keys
from compliance.errors import HouseError
from trials.services.rekeying import change_audit_key


class Command(BaseCommand):
    """Change the key of the trail."""

    help = "Make the next key of the audit trail; what was recorded before is verified with the keys before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason."""
        parser.add_argument("--reason", required=True, help="why, as the trail keeps it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Change it, and say what to do next."""
        try:
            key = change_audit_key(reason=options["reason"], actor=None, at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        except OSError as problem:
            raise CommandError(
                f"A file could not be written: {problem.strerror}. The newest key is number "
                f"{keys.of_audit()[-1].number}; run checkpoint_audit if that is the new one, otherwise do it again."
            ) from problem
        self.stdout.write(
            f"What is recorded from now on is chained with key {key.number} ({key.fingerprint}). "
            f"Back up audit/{key.number}.key, and keep the keys before it: what was recorded is verified with them."
        )
