"""`manage.py reset_second_factor`: for an administrator who lost it, where nobody else may reset it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance import factors
from compliance.errors import HouseError
from compliance.models import User


class Command(BaseCommand):
    """Take somebody's second factor away; it is recorded, and the person is told."""

    help = "Take somebody's second factor away. It is recorded with the reason, and the person is told by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user name and why."""
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="who asked, and how you know that it was they")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"Nobody is called {options['username']}.")
        try:
            factors.reset(user=user, actor=None, reason=options["reason"], at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(f"{user} has no second factor now, and sets up a new one after the password.")
