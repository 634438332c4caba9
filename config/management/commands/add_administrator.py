"""`manage.py add_administrator`: the first account of an installation, who may create trials."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from compliance import audit
from compliance.models import User


class Command(BaseCommand):
    """Make an account that may create trials; everything else is set up in the browser."""

    help = "Make an account that may create trials. The password is asked for, or read from standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user name and the printed name."""
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="printed name, as it shall appear in signatures")
        parser.add_argument("--email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the account, and say what to do next."""
        if User.objects.filter(username__iexact=options["username"]).exists():
            raise CommandError(f"The user name {options['username']} is taken. Choose another.")
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        user = User(username=options["username"], full_name=options["name"], email=options["email"], is_staff=True)
        user.password_given_at = timezone.now()
        try:
            validate_password(password, user)
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from problem
        user.set_password(password)
        with transaction.atomic():
            user.save()
            audit.record("user.created", user, actor=None, at=timezone.now(), after={"username": user.username})
        self.stdout.write(f"{user.full_name} can sign in as {user.username} and create a trial.")
