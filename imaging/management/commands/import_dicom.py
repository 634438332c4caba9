"""`manage.py import_dicom`: files, folders, discs and ZIPs of this machine, for a site."""

from __future__ import annotations

import getpass
import json
import math
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.utils import timezone

from compliance import context
from compliance.errors import HouseError
from compliance.models import User
from imaging.dicom.walking import find_files
from imaging.management.terminal import FolderCommand, shown, with_bar
from imaging.models import Transfer
from imaging.quality import SeriesFacts
from imaging.services.consenting import require_consent
from imaging.services.following import Followed, follow
from imaging.services.importing import Fate, Import, Outcome
from imaging.services.rehearsing import Forecast, Rehearsal
from imaging.services.staging import NotStored
from imaging.tasks import ring_index
from trials.models import Site, Timepoint
from trials.selectors import said_of_codes

TAKEN, USAGE, SOME_REFUSED, NOT_STORED, INTERRUPTED = 0, 1, 2, 3, 130
CODES = """\
exit codes:
  0    every file was taken, or is here already
  1    the command line is wrong, or names a trial, site, subject, timepoint or user that is not there
  2    some files were refused; all others were taken, or are here already
  3    stopped: the disk did not take a file, or the database did not answer. What was taken before is safe
  130  interrupted (Ctrl-C), perhaps while waiting. What was taken before is safe

The same command may be run again at any time: it takes the rest, and knows everything else by its content.
"""
_INTERRUPTED = "You interrupted it."
_NO_DATABASE = "The database did not answer."
_GO_ON = "What was taken is safe. Run the same command again for the rest."
#: Paths named for each reason of refusal.
_EXAMPLES = 5
#: Seconds between two looks at a delivery that is waited for.
_PAUSE = 0.5
#: Seconds of waiting after which a worker may be missing.
_WORRY = 60


@dataclass
class Reason:
    """Why files were refused, how many, and where the first of them lie."""

    code: str
    sentence: str
    count: int = 0
    paths: list[str] = field(default_factory=list)


@dataclass
class Tally:
    """What became of the files so far."""

    only_dicom: bool
    taken: int = 0
    taken_bytes: int = 0
    known: int = 0
    passed_over: int = 0
    elsewhere: dict[str, int] = field(default_factory=dict)
    refused: dict[tuple[str, str], Reason] = field(default_factory=dict)

    def add(self, outcome: Outcome, chosen: Timepoint | None) -> None:
        """Count one file."""
        if outcome.fate is Fate.TAKEN:
            self.taken += 1
            self.taken_bytes += outcome.size
        elif outcome.fate is Fate.KNOWN:
            self.known += 1
            if chosen and outcome.lies_at and outcome.lies_at != chosen:
                place = str(outcome.lies_at)
                self.elsewhere[place] = self.elsewhere.get(place, 0) + 1
        elif outcome.code == "media_directory" or (self.only_dicom and outcome.code == "not_dicom"):
            self.passed_over += 1
        else:
            reason = self.refused.setdefault((outcome.code, outcome.sentence), Reason(outcome.code, outcome.sentence))
            reason.count += 1
            if len(reason.paths) < _EXAMPLES:
                reason.paths.append(shown(outcome.path) + (f", file {outcome.entry}" if outcome.entry else ""))


class Command(FolderCommand):
    """Import files for a site through the same spool as every other door."""

    codes = CODES
    usage = USAGE
    help = (
        "Import DICOM files, folders of any depth, discs and ZIPs of this machine for a site. Each file is proven and "
        "taken as by any other door; what the site has sent before is known by its content."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the paths, where they belong, and how to speak."""
        parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a file, a folder, or a ZIP")
        parser.add_argument("--site", required=True, help="code of the site that the scans come from")
        parser.add_argument("--trial", help="code of the trial, if several have a site of this code")
        parser.add_argument("--subject", help="subject code; without it each image is matched by itself")
        parser.add_argument("--timepoint", help="code of the subject's visit; goes with --subject")
        parser.add_argument("--as", dest="username", metavar="USER", help="in whose name; who may upload for the site")
        parser.add_argument(
            "--only-dicom", action="store_true", help="pass over files that are no DICOM (the viewer on a disc)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="read and prove, say what would happen, take nothing"
        )
        parser.add_argument("--wait", action="store_true", help="wait until the delivery is worked on, and say how")
        parser.add_argument("--json", action="store_true", help="write the result as JSON, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, say what became of it, and end with the code that says the same."""
        try:
            self._run(options)
        except DatabaseError as problem:
            raise CommandError(f"{_NO_DATABASE} {_GO_ON}", returncode=NOT_STORED) from problem

    def _run(self, options: dict[str, Any]) -> None:
        site = _site(options["site"], options["trial"])
        timepoint = _timepoint(site, options["subject"], options["timepoint"])
        rehearsal = Rehearsal(site, timepoint) if options["dry_run"] else None
        operator = _operator()
        with context.surroundings("", f"import_dicom, {operator}"[:80]):
            try:
                work = Import(
                    site=site,
                    timepoint=timepoint,
                    operator=operator,
                    actor=_user(options["username"]),
                    rehearsal=rehearsal,
                )
            except HouseError as problem:
                raise CommandError(problem.message) from problem
            tally, stopped = self._import(work, options)
        result = _result(work, tally, stopped, rehearsal)
        if options["wait"] and work.transfer and tally.taken:
            whole, result["series"] = self._waited(work.transfer, tally.taken)
            result["exit_code"] = result["exit_code"] if whole else INTERRUPTED
        if options["json"]:
            self.stdout.write(json.dumps(result, indent=2))
        else:
            self._say(result)
        if result["exit_code"]:
            raise SystemExit(result["exit_code"])

    def _import(self, work: Import, options: dict[str, Any]) -> tuple[Tally, str]:
        """Take file after file; return what became of them, and why it stopped if it did."""
        tally, stopped = Tally(options["only_dicom"]), ""
        try:
            files = list(find_files(options["paths"]))
            for found in with_bar(files):
                with closing(work.take(found, at=timezone.now())) as outcomes:
                    for outcome in outcomes:
                        tally.add(outcome, work.timepoint)
        except KeyboardInterrupt:
            stopped = _INTERRUPTED
        except NotStored as problem:
            stopped = problem.message
        except DatabaseError:
            stopped = _NO_DATABASE
        try:
            work.finish(at=timezone.now())
        except DatabaseError:
            stopped = stopped or _NO_DATABASE
        if work.transfer:
            ring_index()
        return tally, stopped

    def _say(self, result: dict[str, Any]) -> None:
        """Write the result for a person."""
        for line in (*_counted(result), *_refused(result), *_foretold(result), *_became(result)):
            self.stdout.write(line)
        if result["delivery"]:
            self.stdout.write(f"Delivery {result['delivery']}")
        if result["stopped"]:
            self.stdout.write(f"{result['stopped']} {_GO_ON}")

    def _waited(self, transfer: Transfer, taken: int) -> tuple[bool, list[dict[str, Any]]]:
        """Wait until a delivery is worked on; tell whether it is, and what became of its series so far."""
        worry = time.monotonic() + _WORRY
        try:
            while not _is_worked_on(now := follow(transfer), taken):
                if time.monotonic() > worry:
                    self.stderr.write("Still waiting. Do the workers run (manage.py serve)? Ctrl-C ends the waiting.")
                    worry = math.inf
                time.sleep(_PAUSE)
        except KeyboardInterrupt:
            now = follow(transfer)
        return _is_worked_on(now, taken), [
            {
                "modality": series.modality,
                "timepoint": str(series.timepoint) if series.timepoint else None,
                "received": series.received,
                "archived": series.archived,
                "known": series.duplicate,
                "held": series.held,
                "sentences": series.sentences,
            }
            for series in now.recognised.series
        ]


def _is_worked_on(now: Followed, taken: int) -> bool:
    return now.settled and now.total >= taken


def _result(work: Import, tally: Tally, stopped: str, rehearsal: Rehearsal | None) -> dict[str, Any]:
    """Everything that is said at the end, as plain values."""
    code = NOT_STORED if stopped else SOME_REFUSED if tally.refused else TAKEN
    return {
        "site": work.site.code,
        "trial": work.site.trial.code,
        "timepoint": str(work.timepoint) if work.timepoint else None,
        "dry_run": rehearsal is not None,
        "delivery": str(work.transfer.public_id) if work.transfer else None,
        "taken": tally.taken,
        "taken_bytes": tally.taken_bytes,
        "known": tally.known,
        "passed_over": tally.passed_over,
        "refused": [asdict(reason) for reason in tally.refused.values()],
        "elsewhere": tally.elsewhere,
        "forecast": [_plain(forecast) for forecast in rehearsal.forecasts()] if rehearsal else [],
        "held": [{"count": n, "sentence": why} for why, n in rehearsal.held.items()] if rehearsal else [],
        "stopped": stopped,
        "exit_code": INTERRUPTED if stopped == _INTERRUPTED else code,
    }


def _plain(forecast: Forecast) -> dict[str, Any]:
    return {
        "timepoint": str(forecast.timepoint),
        "series": [{"images": one.n_instances, "description": ", ".join(_described(one))} for one in forecast.series],
        "findings": [{"severity": str(one.severity), "sentence": one.sentence} for one in forecast.findings],
    }


def _described(series: SeriesFacts) -> Iterator[str]:
    yield series.modality or "no modality"
    if series.orientation:
        yield series.orientation
    if series.slice_thickness_mm:
        yield f"{series.slice_thickness_mm:g} mm"


def _counted(result: dict[str, Any]) -> Iterator[str]:
    place = f", {result['timepoint']}" if result["timepoint"] else ""
    yield f"Site {result['site']} of {result['trial']}{place}" + (": a dry run" if result["dry_run"] else "")
    would = "would be " if result["dry_run"] else ""
    yield f"{result['taken']:>9,}  {would}taken ({result['taken_bytes'] / 1e6:,.1f} MB)"
    yield f"{result['known']:>9,}  here already"
    if result["passed_over"]:
        yield f"{result['passed_over']:>9,}  passed over, as they hold no images"
    yield f"{sum(reason['count'] for reason in result['refused']):>9,}  {would}refused"


def _refused(result: dict[str, Any]) -> Iterator[str]:
    for reason in result["refused"]:
        yield f"{reason['count']:>13,}  {reason['code']}: {reason['sentence']}"
        for path in reason["paths"]:
            yield f"{'':15}{path}"
        if more := reason["count"] - len(reason["paths"]):
            yield f"{'':15}and {more:,} more"
    for place, count in result["elsewhere"].items():
        yield f"{count:,} of those here already lie at {place}. Check that they belong to the timepoint chosen."


def _foretold(result: dict[str, Any]) -> Iterator[str]:
    for forecast in result["forecast"]:
        yield f"{forecast['timepoint']} would get these series; of them alone the charter's checks would say:"
        for series in forecast["series"]:
            yield f"{series['images']:>9,}  {series['description']}"
        for finding in forecast["findings"]:
            yield f"{finding['severity']:>9}  {finding['sentence']}"
    for held in result["held"]:
        yield f"{held['count']:>9,}  would be held: {held['sentence']}"


def _became(result: dict[str, Any]) -> Iterator[str]:
    for series in result.get("series", []):
        counts = ", ".join(f"{series[name]:,} {name}" for name in ("archived", "known", "held"))
        yield f"{series['received']:>9,}  {series['modality'] or 'unread'}, {series['timepoint'] or '-'}: {counts}"
        for sentence in series["sentences"]:
            yield f"{'':11}{sentence}"


def _site(code: str, trial: str | None) -> Site:
    sites = Site.objects.filter(code=code).select_related("trial").order_by("trial__code")
    found = list(sites.filter(trial__code=trial) if trial else sites)
    if not found:
        raise CommandError(f"There is no site {code}" + (f" in a trial {trial}." if trial else "."))
    if len(found) > 1:
        trials = ", ".join(site.trial.code for site in found)
        raise CommandError(f"Several trials have a site {code}. Choose one with --trial: {trials}.")
    return found[0]


def _timepoint(site: Site, subject: str | None, timepoint: str | None) -> Timepoint | None:
    if subject is None and timepoint is None:
        return None
    if subject is None or timepoint is None:
        raise CommandError("--subject and --timepoint go together.")
    timepoints = Timepoint.objects.select_related("subject__site", "subject__trial", "charter")
    found = timepoints.filter(subject__site=site, subject__code=subject, code=timepoint).first()
    if found is None:
        said = said_of_codes(site)
        raise CommandError(f"Site {site.code} has no subject {subject} with a timepoint {timepoint}.{said}")
    try:
        require_consent(found.subject)
    except HouseError as problem:
        raise CommandError(problem.message) from None
    return found


def _user(username: str | None) -> User | None:
    if username is None:
        return None
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no user {username}.")
    return user


def _operator() -> str:
    """Return the account of this machine that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
