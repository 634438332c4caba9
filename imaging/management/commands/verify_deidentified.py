"""`manage.py verify_deidentified`: a folder searched for what is known of people, whoever de-identified it."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from imaging.deid.identifiers import Known, UnreadableList, read_list
from imaging.dicom.walking import find_files
from imaging.management.terminal import FolderCommand, counted, shown, with_bar, write_anew
from imaging.services.verifying import Verification, Verified

CLEAN, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130
CODES = """\
exit codes:
  0    nothing was found, and every instance says that and how it was de-identified
  1    something was found, an instance does not say so, or a file could not be searched whole
  2    the command line or the list is wrong; nothing was searched
  4    the report could not be written
  130  interrupted (Ctrl-C)

Identifiers are named by their row and column in the list, and never printed.
"""
FORMAT = {"name": "parallax verification", "version": 1}
#: Places named for each identifier on the terminal.
_EXAMPLES = 3


@dataclass
class Tally:
    """What was found so far."""

    known: Known
    pixels: bool
    files: int = 0
    instances: int = 0
    places: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unread: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.places or self.missing or self.unread)

    def add(self, verified: Verified) -> None:
        """Take one file."""
        self.files += 1
        self.instances += verified.instance
        for number, place in verified.hits:
            self.places[number].append((verified.path, place))
        for keyword in verified.missing:
            self.missing[keyword].append(verified.path)
        self.unread += [(verified.path, reason) for reason in verified.unread]


class Command(FolderCommand):
    """Search a folder for known identifiers; no database is asked."""

    help = (
        "Search the files of a folder for what is known of people: in text of any depth, documents, bytes, pixels, and "
        "the names of files and folders, in every usual spelling, alphabet and encoding."
    )
    codes = CODES
    usage = USAGE
    # It runs where nothing else of the application does.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder, the list, and where to write what was found."""
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="a folder of any depth, or a file")
        parser.add_argument(
            "--known",
            metavar="FILE",
            type=Path,
            required=True,
            help="a CSV whose first row names the columns: identifier and perhaps kind, or one for each thing known of "
            "a person (name, patient id, birth date, phone, address, e-mail)",
        )
        parser.add_argument("--report", metavar="FILE", type=Path, help="write what was found as JSON")
        parser.add_argument("--no-ocr", action="store_true", help="do not read what is written in the pixels")
        self.add_workers(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, say what was found, and end with the code that says the same."""
        folder, known = options["folder"], _known(options["known"])
        if not folder.exists():
            raise CommandError("FOLDER is not there.", returncode=USAGE)
        if Path(os.path.realpath(options["known"])).is_relative_to(os.path.realpath(folder)):
            raise CommandError("The list lies in FOLDER, and would be found there. Move it.", returncode=USAGE)
        tally = Tally(known, pixels=not options["no_ocr"])
        files = list(find_files([folder], everything=True))
        top = folder if folder.is_dir() else folder.parent
        work = Verification(
            files,
            top=top,
            identifiers=known.identifiers,
            workers=options["workers"],
            pixels=not options["no_ocr"],
        )
        try:
            with closing(work.verify()) as verified:
                for _, one in zip(with_bar(files, "searching"), verified, strict=True):
                    tally.add(one)
            tally.complete = True
        except KeyboardInterrupt:
            self.stdout.write("You interrupted it; not all files were searched.")
        if options["report"]:
            write_anew(options["report"], [json.dumps(_report(tally), indent=1, sort_keys=True) + "\n"])
        self._say(tally)
        if not (tally.complete and tally.is_clean):
            raise SystemExit(FOUND if tally.complete else INTERRUPTED)

    def _say(self, tally: Tally) -> None:
        searched, rows = len(tally.known.identifiers), {one.row for one in tally.known.identifiers}
        self.stdout.write(
            f"{counted(tally.files, 'file')}, {tally.instances:,} of them instances, searched for "
            f"{counted(searched, 'identifier')} of {counted(len(rows), 'row')}"
        )
        for row, column in tally.known.too_short:
            self.stdout.write(f"{'':11}row {row}, {column}: too short to be searched for")
        self.stdout.write(f"{len(tally.places):>9,}  identifiers found")
        for number in sorted(tally.places):
            one, places = tally.known.identifiers[number], tally.places[number]
            self.stdout.write(f"{len(places):>13,}  row {one.row}, {one.column}")
            self._examples([f"{place} of {path}" for path, place in places])
        for keyword, paths in sorted(tally.missing.items()):
            self.stdout.write(f"{len(paths):>9,}  instances without {keyword}")
            self._examples(paths)
        for reason, count in sorted(Counter(reason for _, reason in tally.unread).items()):
            self.stdout.write(f"{count:>9,}  not searched whole: {reason}")
            self._examples([path for path, why in tally.unread if why == reason])

    def _examples(self, lines: Sequence[str]) -> None:
        for line in lines[:_EXAMPLES]:
            self.stdout.write(f"{'':15}{shown(Path(line))}")
        if len(lines) > _EXAMPLES:
            self.stdout.write(f"{'':15}and {len(lines) - _EXAMPLES:,} more")


def _known(path: Path) -> Known:
    try:
        return read_list(path.read_bytes())
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise CommandError(f"The list cannot be read ({why}).", returncode=USAGE) from problem
    except UnreadableList as problem:
        raise CommandError(problem.message, returncode=USAGE) from problem


def _report(tally: Tally) -> dict[str, Any]:
    identifiers = tally.known.identifiers
    return {
        "format": FORMAT,
        "complete": tally.complete,
        "pixels_read": tally.pixels,
        "clean": tally.complete and tally.is_clean,
        "files": tally.files,
        "instances": tally.instances,
        "identifiers": len(identifiers),
        "too_short": [{"row": row, "column": column} for row, column in tally.known.too_short],
        "found": [
            {"row": identifiers[number].row, "column": identifiers[number].column, "path": path, "place": place}
            for number in sorted(tally.places)
            for path, place in tally.places[number]
        ],
        "unmarked": [
            {"path": path, "missing": keyword} for keyword, paths in sorted(tally.missing.items()) for path in paths
        ],
        "unread": [{"path": path, "reason": reason} for path, reason in tally.unread],
    }
