"""`manage.py changepassword`: a new password for somebody who lost theirs; they are told, and cannot sign with it."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.accounts import give_password
from compliance.errors import HouseError
from compliance.models import User


class Command(BaseCommand):
    """In the place of Django's command of this name, which would leave no trace."""

    help = "Give a person a new password, asked for or read from standard input. The person is told by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose password, and in whose name."""
        parser.add_argument("username")
        parser.add_argument("--as", dest="giver", metavar="USER", help="in whose name; else it is the server's keeper")

    def handle(self, *args: Any, username: str, giver: str | None, **options: Any) -> None:
        """Set the password, and say what the person has to do next."""
        user = User.objects.filter(username=username).first()
        actor = User.objects.filter(username=giver, is_active=True).first() if giver else None
        if user is None or (giver and actor is None):
            raise CommandError(f"No user is named {username if user is None else giver}.")
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, user)
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from problem
        try:
            give_password(user=user, password=password, actor=actor, at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        self.stdout.write(f"{user} can sign in as {user.username}, and signs after choosing a password of their own.")
