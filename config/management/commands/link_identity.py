"""`manage.py link_identity`: for an administrator without a colleague who could link them on the page."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance import identities
from compliance.errors import HouseError
from compliance.models import User


class Command(BaseCommand):
    """Link somebody with the identity provider, or end that; it is recorded, and the person is told."""

    help = (
        "Let somebody sign in at the identity provider, and nowhere else. Recorded with the reason; the person is told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take who it is, here and there, and why."""
        parser.add_argument("username")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--subject", help="what the provider calls the person (its claim “sub”)")
        what.add_argument("--end", action="store_true", help="end the link; give a password with changepassword then")
        parser.add_argument("--reason", required=True, help="who asked, and how you know that it was they")

    def handle(self, *args: Any, **options: Any) -> None:
        """Link, or end the link."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"Nobody is called {options['username']}.")
        said: dict[str, Any] = {"user": user, "actor": None, "reason": options["reason"], "at": timezone.now()}
        try:
            if options["end"]:
                identities.end(**said)
            else:
                identities.link(subject=options["subject"], **said)
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(
            f"{user} {'is linked no more' if options['end'] else 'signs in at the provider from now on'}."
        )
