"""`manage.py deidentify`: a folder of this machine into another one, without the web application."""

from __future__ import annotations

import csv
import io
import os
import secrets
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError
from django.db import DatabaseError

from compliance import keys
from compliance.errors import HouseError
from imaging.deid.recipe import InvalidRecipe, Recipe, standard_terms
from imaging.deid.reports import Report
from imaging.dicom.walking import find_files
from imaging.management.terminal import FolderCommand, counted, with_bar, write_anew
from imaging.services.cleaning import Busy, Cleaning, Fate, Means, Outcome, Stopped, Target
from trials.models import Trial

#: The recipe without --trial and --recipe.
DEFAULT = "trial-default"
CLEANED, NOTHING, USAGE, SOME_HELD, STOPPED, INTERRUPTED = 0, 1, 2, 3, 4, 130
CODES = """\
exit codes:
  0    every file was cleaned, and is in OUT
  1    nothing was cleaned: no file could be, or the trial's charter or key cannot be read
  2    the command line, the recipe or the key is wrong; nothing was read
  3    some files were held and are not in OUT (reasons and counts are printed); all others were cleaned
  4    stopped: the disk did not take an output. What is in OUT is whole
  130  interrupted (Ctrl-C). What is in OUT is whole

With the same key the same command may be run again at any time: what is in OUT already and equal stays.
"""
_PRIVATE_COLUMNS = ("path", "outcome", "reason", "new path", "subject", "sha256", "output sha256")


@dataclass
class Tally:
    """What became of the files so far."""

    fates: Counter[Fate] = field(default_factory=Counter)
    there: int = 0
    subjects: set[str] = field(default_factory=set)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    private: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """Files that are in the output now."""
        return self.fates[Fate.CLEANED] + self.fates[Fate.UNCHANGED]

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        self.fates[outcome.fate] += 1
        self.there += outcome.there
        if outcome.fate is Fate.HELD:
            self.held[outcome.reason, outcome.sentence] += 1
        elif outcome.subject:
            self.subjects.add(outcome.subject)
        original = os.fsencode(outcome.original).decode("utf-8", "backslashreplace")
        new = outcome.path if outcome.output_sha256 else ""
        known = (outcome.reason, new, outcome.subject, outcome.sha256, outcome.output_sha256)
        self.private.append((original, str(outcome.fate), *known))


class Command(FolderCommand):
    """De-identify a folder into another one; no database is asked unless a trial is named."""

    help = (
        "De-identify the DICOM files of a folder of any depth, or one file, into another folder, under new names and "
        "by PS3.15 Annex E. What cannot be cleaned is not written."
    )
    codes = CODES
    usage = USAGE
    # It runs where nothing else of the application does.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the two folders, the recipe, the key, and where to write what was done."""
        parser.add_argument("source", metavar="IN", type=Path, help="a folder, or a file")
        parser.add_argument("target", metavar="OUT", type=Path, help="a folder; made if it is not there")
        recipe = parser.add_mutually_exclusive_group()
        recipe.add_argument("--trial", metavar="CODE", help="take the recipe and the key of a trial")
        recipe.add_argument(
            "--recipe", metavar="FILE", type=Path, help=f"take the recipe of a YAML or JSON file; without it {DEFAULT}"
        )
        parser.add_argument(
            "--key",
            metavar="FILE",
            type=Path,
            help="the secret behind pseudonyms, names and shifts of dates: at least 16 bytes in hexadecimal digits; "
            "made if it is not there. Without it the key is thrown away at the end",
        )
        parser.add_argument("--report", metavar="FILE", type=Path, help="write what was done as JSON; names nobody")
        parser.add_argument(
            "--private-list",
            metavar="FILE",
            type=Path,
            help="write a CSV of original path, outcome and new path. It stays where the originals are",
        )
        parser.add_argument(
            "--only-dicom", action="store_true", help="pass over files that are no DICOM (the viewer on a disc)"
        )
        parser.add_argument("--dry-run", action="store_true", help="do everything but write into OUT")
        self.add_workers(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """De-identify, say what became of it, and end with the code that says the same."""
        _refuse_mixed(options)
        means, kept = _means(options)
        report = Report(means.recipe, protocol=means.protocol, secret=means.secret, key_is_kept=kept)
        tally, end = Tally(), ""
        dry = options["dry_run"]
        try:
            with nullcontext() if dry else Target.opened(options["target"]) as target:
                end = _run(options, means, target, tally, report)
        except Busy as problem:
            raise CommandError(problem.message, returncode=NOTHING) from problem
        except OSError as problem:
            raise CommandError(f"OUT cannot be written ({os.strerror(problem.errno or 0)}).", returncode=NOTHING) from (
                problem
            )
        if options["report"]:
            write_anew(options["report"], report.lines(complete=not end))
        if options["private_list"]:
            write_anew(options["private_list"], _private(tally), mode=0o600)
        self._say(tally, end, means, dry=dry, kept=kept)
        if code := _code(tally, end):
            raise SystemExit(code)

    def _say(self, tally: Tally, end: str, means: Means, *, dry: bool, kept: bool) -> None:
        would = "would be " if dry else ""
        recipe = f"{means.recipe.identifier} {means.recipe.version}"
        people = counted(len(tally.subjects), "subject")
        self.stdout.write(f"Recipe {recipe}, {people}" + (": a dry run" if dry else ""))
        there = f", {tally.there:,} of them there already" if tally.there else ""
        self.stdout.write(f"{tally.fates[Fate.CLEANED]:>9,}  {would}cleaned{there}")
        if tally.fates[Fate.UNCHANGED]:
            self.stdout.write(f"{tally.fates[Fate.UNCHANGED]:>9,}  were our own output, and stay as they are")
        if tally.fates[Fate.PASSED_OVER]:
            self.stdout.write(f"{tally.fates[Fate.PASSED_OVER]:>9,}  passed over, as they hold no images")
        self.stdout.write(f"{tally.fates[Fate.HELD]:>9,}  {would}held")
        for (reason, sentence), count in sorted(tally.held.items(), key=lambda one: (-one[1], one[0])):
            self.stdout.write(f"{count:>13,}  {reason}: {sentence}")
        if end:
            self.stdout.write(f"{end} What is in OUT is whole.")
        if not kept and not dry:
            self.stdout.write("The key was thrown away: another run will give other pseudonyms. --key keeps one.")


def _run(options: dict[str, Any], means: Means, target: Target | None, tally: Tally, report: Report) -> str:
    """Go through the files twice; return why it stopped, if it did."""
    source = options["source"]
    try:
        files = list(find_files([source], everything=True))
        work = Cleaning(
            files,
            top=source if source.is_dir() else source.parent,
            means=means,
            workers=options["workers"],
            only_dicom=options["only_dicom"],
        )
        with closing(work.survey()) as looked:
            for _ in zip(with_bar(files, "1 of 2, looking"), looked, strict=True):
                pass
        with closing(work.clean(target)) as outcomes:
            for _, outcome in zip(with_bar(files, "2 of 2, cleaning"), outcomes, strict=True):
                tally.add(outcome)
                _note(report, outcome)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Stopped as problem:
        return problem.message
    return ""


_INTERRUPTED = "You interrupted it."


def _note(report: Report, outcome: Outcome) -> None:
    written = bool(outcome.output_sha256)
    report.add(
        outcome.path,
        outcome=str(outcome.fate),
        subject=outcome.subject,
        reason=outcome.reason,
        # Of a file that is not cleaned the digest stays here: small texts can be guessed.
        input_sha256=outcome.sha256 if written else "",
        output_sha256=outcome.output_sha256,
        actions=outcome.actions,
        counters=outcome.counters,
    )


def _code(tally: Tally, end: str) -> int:
    if end:
        return INTERRUPTED if end == _INTERRUPTED else STOPPED
    if not tally.written:
        return NOTHING
    return SOME_HELD if tally.fates[Fate.HELD] else CLEANED


def _refuse_mixed(options: dict[str, Any]) -> None:
    """Refuse paths of which one would end up in the other."""
    source, target = (Path(os.path.realpath(options[name])) for name in ("source", "target"))
    if not source.exists():
        raise CommandError("IN is not there.", returncode=USAGE)
    if target.exists() and not target.is_dir():
        raise CommandError("OUT is no folder.", returncode=USAGE)
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise CommandError("IN and OUT lie one in the other. Choose folders apart from each other.", returncode=USAGE)
    for name in ("key", "report", "private_list"):
        given = options[name] and Path(os.path.realpath(options[name]))
        flag = "--" + name.replace("_", "-")
        if given and not given.parent.is_dir():
            raise CommandError(f"The folder for {flag} is not there. Make it.", returncode=USAGE)
        if given and given.is_relative_to(source):
            raise CommandError(f"{flag} would lie in IN. Choose another place.", returncode=USAGE)
        if given and given.is_relative_to(target) and name != "report":
            raise CommandError(f"{flag} would lie in OUT, and leave with it. Choose another place.", returncode=USAGE)


def _means(options: dict[str, Any]) -> tuple[Means, bool]:
    """Recipe and key of the run; and whether the key is kept."""
    if options["trial"]:
        if options["key"]:
            raise CommandError("--trial brings its own key; leave out --key.", returncode=USAGE)
        return _means_of_trial(options["trial"]), True
    terms = _terms(options["recipe"]) if options["recipe"] else standard_terms(DEFAULT)
    try:
        recipe = Recipe.parse(terms)
    except InvalidRecipe as problem:
        raise CommandError(problem.message, returncode=USAGE) from problem
    dry, key, target = options["dry_run"], options["key"], options["target"]
    if not (dry or (key and key.exists())) and target.exists() and any(target.iterdir()):
        raise CommandError(
            "OUT holds something, and with a new key nothing of it could be known again. "
            "Choose an empty folder, or give the key of the run before.",
            returncode=USAGE,
        )
    secret = _secret(key, make=not dry)
    return Means(terms, recipe, secret or secrets.token_bytes(32), recipe.identifier), secret is not None


def _means_of_trial(code: str) -> Means:
    try:
        trial = Trial.objects.filter(code=code).first()
        charter = trial.charter_in_force if trial else None
    except DatabaseError as problem:
        raise CommandError("The database did not answer.", returncode=NOTHING) from problem
    if trial is None:
        raise CommandError(f"There is no trial {code}.", returncode=USAGE)
    if charter is None:
        raise CommandError(f"Trial {code} has no charter in force.", returncode=NOTHING)
    try:
        terms = charter.terms.deidentification
        return Means(terms, Recipe.parse(terms), keys.of_trial(code), code)
    except HouseError as problem:
        raise CommandError(problem.message, returncode=NOTHING) from problem


def _terms(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_bytes())
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise CommandError(f"The recipe's file cannot be read ({why}).", returncode=USAGE) from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise CommandError("The recipe's file is neither YAML nor JSON.", returncode=USAGE) from problem


def _secret(path: Path | None, *, make: bool) -> bytes | None:
    """The key in a file, which is made if it is not there; nothing without one."""
    if path is None:
        return None
    try:
        if make and not path.exists():
            keys.create_file(path)
        return keys.of_file(path) if make or path.exists() else None
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise CommandError(f"The key's file cannot be read or made ({why}).", returncode=USAGE) from problem
    except ValueError as problem:
        raise CommandError(
            f"The key's file holds no key: write at least {keys.SHORTEST} bytes as hexadecimal digits, "
            "or name a file that is not there, and it is made.",
            returncode=USAGE,
        ) from problem


def _private(tally: Tally) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_PRIVATE_COLUMNS)
    writer.writerows(tally.private)
    yield buffer.getvalue()
