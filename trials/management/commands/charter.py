"""`manage.py charter`: imaging charters as YAML documents."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.errors import HouseError
from compliance.models import User
from trials.charter import Charter, documents
from trials.charter.differences import differences
from trials.charter.reference import reference
from trials.charter.schema import schema
from trials.models import ImagingCharter, Trial
from trials.services import setting_up
from trials.terms.kinds import Problem

FAULTY, NOT_HERE = 1, 2
DIFFERENT = 1
_DESCRIPTION = """\
Charters as YAML: written from a trial, read into its draft, checked, and compared in their own words.

A charter is named by its trial, PLX-301, by trial and version, PLX-301:2, or by a file. Without a version it is the one
in force, or the draft of a trial that has none in force.

`validate` ends with 1 for a file that is no charter, with 2 for one that holds together but that this installation
cannot carry out. `diff` ends with 1 when something differs.
"""


class Command(BaseCommand):
    """Take charters out, bring them in, check and compare them."""

    help = _DESCRIPTION

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what is to be done, and with which charters."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write a trial's charter as YAML")
        export.add_argument("charter", metavar="TRIAL[:VERSION]")
        export.add_argument("--output", metavar="FILE", help="instead of standard output")
        bring = verbs.add_parser("import", help="make a file the content of the trial's draft; without one, open it")
        bring.add_argument("trial", metavar="TRIAL")
        bring.add_argument("file", metavar="FILE")
        bring.add_argument(
            "--as", dest="username", metavar="USER", required=True, help="in whose name; an administrator of the trial"
        )
        bring.add_argument("--summary", default="", help="what changes, and why")
        validate = verbs.add_parser("validate", help="tell everything that speaks against signing, with line and path")
        validate.add_argument("files", metavar="FILE", nargs="+")
        diff = verbs.add_parser("diff", help="tell what differs between two charters; exit code 1 if anything does")
        diff.add_argument("before", metavar="BEFORE")
        diff.add_argument("after", metavar="AFTER")
        verbs.add_parser("schema", help="write the JSON Schema of a charter")
        verbs.add_parser("reference", help="write what each term says and may be, as Markdown")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a refusal is one sentence."""
        verbs = {"export": self._export, "import": self._import, "validate": self._validate, "diff": self._diff}
        try:
            if options["verb"] == "schema":
                self.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False))
            elif options["verb"] == "reference":
                self.stdout.write(reference())
            else:
                verbs[options["verb"]](options)
        except HouseError as problem:
            raise CommandError(problem.message) from problem

    def _export(self, options: dict[str, Any]) -> None:
        text = documents.write(_charter(options["charter"]).terms.content())
        if options["output"]:
            try:
                Path(options["output"]).write_text(text, encoding="utf-8")
            except OSError as problem:
                raise CommandError(f"{options['output']} cannot be written: {problem.strerror}.") from problem
        else:
            self.stdout.write(text, ending="")

    def _import(self, options: dict[str, Any]) -> None:
        trial = _trial(options["trial"])
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        document = _document(options["file"])
        if problems := document.faults():
            raise CommandError(_told(options["file"], document, problems))
        draft = setting_up.import_charter(
            trial=trial,
            content=document.content,
            change_summary=options["summary"],
            actor=user,
            at=timezone.now(),
        )
        self.stdout.write(
            f"Version {draft.version} of {trial.code} is a draft with this content. Read it, then sign it."
        )

    def _validate(self, options: dict[str, Any]) -> None:
        code = 0
        for path in options["files"]:
            document = _document(path)
            problems = [*document.problems, *setting_up.objections(document.content)]
            if not problems:
                self.stdout.write(f"{path}: nothing speaks against it.")
            elif document.faults():
                code = FAULTY
                self.stdout.write(_told(path, document, problems))
            else:
                code = code or NOT_HERE
                self.stdout.write(f"{path} holds together, but cannot be signed here:")
                self.stdout.write("\n".join(f"  {document.say(problem)}" for problem in problems))
        if code:
            sys.exit(code)

    def _diff(self, options: dict[str, Any]) -> None:
        before, after = (_terms(options[name]) for name in ("before", "after"))
        found = differences(before, after)
        for difference in found:
            self.stdout.write(str(difference))
        if found:
            sys.exit(DIFFERENT)
        self.stdout.write("The two charters say the same.")


def _told(path: str, document: documents.Document, problems: list[Problem]) -> str:
    return "\n".join(
        [
            f"{path} has {len(problems)} fault{'s' * (len(problems) != 1)}:",
            *(f"  {document.say(one)}" for one in problems),
        ]
    )


def _document(path: str) -> documents.Document:
    try:
        with Path(path).open("rb") as file:
            return documents.read(file.read(documents.MOST_BYTES + 1))
    except OSError as problem:
        raise CommandError(f"{path} cannot be read: {problem.strerror}.") from problem


def _terms(name: str) -> Charter:
    if not Path(name).is_file():
        return _charter(name).terms
    document = _document(name)
    if problems := document.faults():
        raise CommandError(_told(name, document, problems))
    return Charter.parse(document.content)


def _trial(code: str) -> Trial:
    trial = Trial.objects.filter(code=code).first()
    if trial is None:
        raise CommandError(f"There is no trial {code}, and no file of that name. Check it.")
    return trial


def _charter(name: str) -> ImagingCharter:
    code, _, version = name.partition(":")
    trial = _trial(code)
    if version:
        charter = trial.charters.filter(version=version).first() if version.isdecimal() else None
    else:
        charter = trial.charter_in_force or trial.charters.first()
    if charter is None:
        raise CommandError(f"Trial {code} has no charter version {version}. Its page lists those there are.")
    return charter
