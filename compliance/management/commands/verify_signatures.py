"""`manage.py verify_signatures`: does each signature hold, for this record, by this person, over this content?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance.signature_seals import SealKeyMissing
from compliance.verifying_signatures import verify

#: Faults that are told one by one.
_TOLD = 20


class Command(BaseCommand):
    """Changes nothing; ends with 1 where a signature does not hold, and with 2 where that cannot be told."""

    help = (
        "Recompute every electronic signature: the digest of its record as it is now, its seal, and its entry in the "
        "trail. Names the first that does not hold, and why."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, and say what was found."""
        try:
            found = verify()
        except SealKeyMissing as problem:
            raise CommandError(problem.message, returncode=2) from problem
        total = found.standing + found.superseded
        for fault in found.faults[:_TOLD]:
            self.stderr.write(str(fault))
        if found.first is not None:
            raise CommandError(
                f"{len(found.faults)} of {total} signatures do not hold. The first is {found.first.signature}: "
                f"{found.first.sentence}"
            )
        old = f" {found.unsealed} are older than the seals." if found.unsealed else ""
        self.stdout.write(
            f"{total} signatures were verified, and all hold: {found.standing} stand, "
            f"{found.superseded} are superseded.{old}"
        )
