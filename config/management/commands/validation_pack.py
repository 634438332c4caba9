"""`manage.py validation_pack`: the validation pack of this release from the report of a run, for `make validation`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.errors import HouseError
from config.validation import pack
from config.validation.results import Result


class Command(BaseCommand):
    """Build the pack; end with 1 where a requirement has no passing test, or a regulated test no requirement."""

    help = "Build the validation pack from JUnit reports of a run of the tests; needs no database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reports, and where to write."""
        parser.add_argument(
            "--report", action="append", default=[], metavar="FILE", help="a JUnit report; several may be given"
        )
        parser.add_argument(
            "--output", default="build/validation", metavar="FOLDER", help="emptied before; build/validation"
        )
        parser.add_argument(
            "--records", metavar="FOLDER", help="records of IQ and OQ; qualification/ of the data folder"
        )
        parser.add_argument(
            "--list-tests", action="store_true", help="print the files that a run for the pack runs, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Build, and say what stands against the release."""
        root = Path(settings.ROOT)
        if options["list_tests"]:
            self.stdout.write("\n".join(pack.traced_files(root)))
            return
        reports = [Path(path) for path in options["report"]]
        if not reports or not all(path.is_file() for path in reports):
            raise CommandError("Name the report of a run with --report, or run make validation, which makes one.")
        records = Path(options["records"] or Path(settings.DATA_DIR) / "qualification")
        try:
            made = pack.build(root, Path(options["output"]), reports, records, at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        passed = len(made.lines) - len(made.open)
        self.stdout.write(f"{made.folder}: {passed} of {len(made.lines)} requirements have passing tests alone.")
        for line in made.open:
            bad = [test.identifier for test, result, _ in line.tests if result is Result.FAILED]
            self.stdout.write(f"  {line.requirement.id} {line.outcome}: {', '.join(bad) or line.counts}")
        for test in made.bare:
            self.stdout.write(f"  no requirement: {test}")
        if made.open or made.bare:
            raise CommandError("The pack says what is open; the release is not to be used as validated by it.")
