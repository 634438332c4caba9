"""How the commands that go through folders speak: their help, their refusals, their bar."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from tqdm import tqdm

from compliance import storage
from imaging.dicom.walking import Found

#: The code when a file that was asked for could not be written.
NOT_WRITTEN = 4


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

    def add_workers(self, parser: ArgumentParser) -> None:
        """Take how many files are worked on at a time."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        said = "files that are worked on at a time; one per processor core without it"
        parser.add_argument("--workers", type=_positive, metavar="N", default=cores, help=said)


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


def counted(number: int, what: str) -> str:
    """Return a number of things in words, such as `1 file` or `1,000 files`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def write_anew(path: Path, pieces: Iterable[str], *, mode: int = 0o644) -> None:
    """Write a file of the operator's, whole or not at all."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        storage.sync_directory(path.parent)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        why = os.strerror(problem.errno or 0)
        raise CommandError(f"{path.name} cannot be written ({why}).", returncode=NOT_WRITTEN) from problem


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
