"""How the commands that go through folders speak: their help, their refusals, their bar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from tqdm import tqdm

from imaging.dicom.walking import Found


class _Help(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options, and the exit codes as they are written."""


class FolderCommand(BaseCommand):
    """A command whose exit codes are its own, and in its help."""

    #: What the exit codes say, below the options.
    codes = ""
    #: The code for a command line that is not understood.
    usage = 2

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let a command line that is not understood end with our code for it, which argparse may use otherwise."""
        parser = super().create_parser(prog_name, subcommand, formatter_class=_Help, epilog=self.codes, **kwargs)

        def refuse(message: str) -> NoReturn:
            if not parser.called_from_command_line:
                raise CommandError(f"Error: {message}", returncode=self.usage)
            parser.print_usage(sys.stderr)
            parser.exit(self.usage, f"{parser.prog}: {message}\n")

        parser.error = refuse  # type: ignore[method-assign]
        return parser


def with_bar(files: Sequence[Found], doing: str = "") -> Iterator[Found]:
    """Go through the files, with a bar of their bytes on a terminal."""
    total = sum(one.size for one in files)
    with tqdm(desc=doing or None, total=total, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        for number, found in enumerate(files, start=1):
            bar.set_postfix_str(f"file {number:,} of {len(files):,}", refresh=False)
            yield found
            bar.update(found.size)


def shown(path: Path) -> str:
    """Return a path as a terminal may show it: old discs hold names in unknown encodings, and worse."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
