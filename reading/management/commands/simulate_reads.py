"""`manage.py simulate_reads`: a charter rehearsed by simulated readers, before its trial starts."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.errors import HouseError
from reading.derivation import pack_of
from reading.rehearsal.readers import Manner
from reading.rehearsal.trials import Plan, Rehearsal, rehearse
from reading.variability.causes import SAID, Cause
from trials.charter import TRIGGERS
from trials.models import ImagingCharter, Trial

DEPARTURES = tuple(cause for cause in Cause if cause is not Cause.UNCLASSED)


def departure(text: str) -> tuple[Cause, float]:
    """Read a departure such as `new_lesion=0.1`."""
    name, _, chance = text.partition("=")
    try:
        share = float(chance)
    except ValueError:
        share = -1.0
    if name not in DEPARTURES or not 0 <= share <= 1:
        known = ", ".join(DEPARTURES)
        raise ArgumentTypeError(f"{text} is none; a cause ({known}), = and a probability from 0 to 1 are expected")
    return Cause(name), share


class Command(BaseCommand):
    """Draws subjects and two readers, reads them by the charter's own rules, and writes nothing to any trial."""

    help = (
        "Let two simulated readers read cases by a trial's charter, and say how many would be adjudicated, over what "
        "and why. Nothing is stored; the newest version of the charter counts, a draft too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what can be asked."""
        parser.add_argument("trial", help="protocol identifier")
        parser.add_argument("--subjects", type=int, default=100, help="subjects of the trial (100)")
        parser.add_argument("--cases", type=int, default=1000, help="cases to simulate (1000)")
        parser.add_argument(
            "--bias", type=float, nargs=2, default=[0.0, 0.0], metavar="PERCENT", help="of each reader's sizes (0 0)"
        )
        parser.add_argument(
            "--precision", type=float, nargs=2, default=[5.0, 5.0], metavar="PERCENT", help="SD of one size (5 5)"
        )
        parser.add_argument(
            "--departure",
            type=departure,
            action="append",
            default=[],
            metavar="CAUSE=PROBABILITY",
            help=f"for each case and reader; may be given again. Causes: {', '.join(DEPARTURES)}",
        )
        parser.add_argument("--seed", default="", help="draws other cases; the trial's own seed if left out")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate, and report."""
        trial = Trial.objects.filter(code=options["trial"]).first()
        charter = trial.charters.order_by("-version").first() if trial else None
        if trial is None or charter is None:
            raise CommandError(f"There is no trial {options['trial']} with a charter.")
        if charter.terms.readers_per_timepoint != 2:
            raise CommandError(f"By its charter trial {trial.code} has one reader, so nothing is ever adjudicated.")
        departures = dict(options["departure"])
        first, second = (
            Manner(bias, precision, departures)
            for bias, precision in zip(options["bias"], options["precision"], strict=True)
        )
        try:
            found = rehearse(
                plan_of(charter, (first, second)),
                cases=options["cases"],
                subjects=options["subjects"],
                seed=options["seed"] or trial.seed,
            )
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        said = json.dumps(found.to_json(), indent=2) if options["json"] else words(trial, charter, found)
        self.stdout.write(said)


def plan_of(charter: ImagingCharter, manners: tuple[Manner, Manner]) -> Plan:
    """Return what a version of a charter asks of two readers."""
    terms = charter.terms
    # Study days have no 0 (SDTMIG 4.4.4); a pack counts day 1 as 0.
    days = {visit.code: visit.day - 1 if visit.day > 0 else visit.day for visit in terms.schedule}
    return Plan(
        pack=pack_of(charter),
        days=days,
        triggers=terms.adjudication.triggers,
        manners=manners,
        date_window_days=terms.adjudication.date_window_days,
        by_timepoint=terms.adjudication.by == "timepoint",
    )


def words(trial: Trial, charter: ImagingCharter, found: Rehearsal) -> str:
    """Return a rehearsal as lines of text."""

    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    rate, (low, high) = found.rate, found.expected
    lines = [
        f"SIMULATED: {found.cases} cases of trial {trial.code} by version {charter.version} of its charter",
        f"Adjudicated: {percent(rate.value)} (95 % interval {percent(rate.ci[0])} to {percent(rate.ci[1])})",
        f"Expected in a trial of {found.subjects} subjects: {percent(low)} to {percent(high)}",
        *(f"  {TRIGGERS[name]}: {percent(n / found.cases)} of cases" for name, n in found.by_trigger.items()),
        *(f"  {SAID[cause]}: {percent(n / found.cases)} of cases" for cause, n in found.by_cause.items()),
    ]
    return "\n".join(lines)
