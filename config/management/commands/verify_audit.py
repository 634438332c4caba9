"""`manage.py verify_audit`: whether the audit trail is what was written, and which record is the first that is not."""

from __future__ import annotations

import datetime as dt
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from compliance import chain, checkpoints, guarding, verifying
from compliance.checkpoints import Checkpoint
from compliance.errors import HouseError
from trials.models import Trial

_DAMAGED = "The audit trail is damaged. Keep the database as it is, and tell who is responsible."


class Command(BaseCommand):
    """Follow the chains of the trail; end with 1 where a record is bad."""

    help = "Verify the hash chains of the audit trail; name the first bad record of each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what is to be verified."""
        parser.add_argument("--trial", metavar="CODE", help="this trial's chain alone")
        parser.add_argument(
            "--since", metavar="DATE", help="only what came after the last checkpoint up to a date or time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, and say what was found."""
        names = {trial.pk: f"Trial {trial.code}" for trial in Trial.objects.only("code")}
        names[chain.NO_TRIAL] = "Events of no trial"
        chains = _asked(options["trial"], names) if options["trial"] else None
        began = time.perf_counter()
        try:
            kept, forged = checkpoints.kept()
            since = checkpoints.marks([_before(kept, options["since"])]) if options["since"] else None
            report = verifying.verify(chains=chains, marks=checkpoints.marks(kept), since=since)
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        for name in forged:
            self.stdout.write(f"Not signed with a key of the trail, or changed: {name}.")
        for damage in report.damages:
            self.stdout.write(damage.said(_name(names, damage.chain)))
        if report.damages or forged:
            raise CommandError(_DAMAGED)
        for number, links in sorted(report.unkeyed.items()):
            self.stdout.write(
                f"{_name(names, number)}: the first {links} records were there before the chain was. "
                "It proves what became of them since."
            )
        for table in guarding.missing(connection):
            self.stdout.write(f"The table {table} can be written past the trail. Run manage.py migrate to close it.")
        seconds = time.perf_counter() - began
        self.stdout.write(
            f"{report.links} events and {len(kept)} checkpoints verified in {seconds:.1f} s: "
            "the audit trail is what was written."
        )


def _asked(code: str, names: dict[int, str]) -> list[int]:
    chains = [number for number, name in names.items() if name == f"Trial {code}"]
    if not chains:
        raise CommandError(f"No trial has the code {code}.")
    return chains


def _before(kept: list[Checkpoint], moment: str) -> Checkpoint:
    try:
        until = dt.datetime.fromisoformat(moment)
    except ValueError as problem:
        raise CommandError(f"{moment} is no date or time such as 2026-01-31 or 2026-01-31T18:00.") from problem
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    earlier = [checkpoint for checkpoint in kept if checkpoint.at <= until]
    if not earlier:
        raise CommandError(f"No checkpoint is as old as {moment}. Verify without --since.")
    return earlier[-1]


def _name(names: dict[int, str], number: int) -> str:
    return names.get(number, f"Trial number {number}")
