"""`manage.py access_matrix`: who may do what, as the page of docs/ that is kept with the code."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.access_table import left_out, markdown


class Command(BaseCommand):
    """Write docs/access.md, or compare it with the rights."""

    help = "Write the table of rights to docs/access.md; with --check say whether it is written as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer to compare alone."""
        parser.add_argument("--check", action="store_true", help="write nothing; ends with 1 where the page is another")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, or compare it."""
        if problems := left_out():
            raise CommandError("\n".join(problems))
        page, text = Path(settings.ROOT) / "docs" / "access.md", markdown()
        if not options["check"]:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            raise CommandError("docs/access.md is not what the rights say. Write it anew: manage.py access_matrix")
