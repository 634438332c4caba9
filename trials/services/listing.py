"""Enrolling from a list: each row is checked and answered, and then all new subjects are enrolled, or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from compliance import access, audit, confined
from compliance.errors import HouseError
from compliance.models import User
from trials.models import Site, Subject, Trial
from trials.schedule import date_of
from trials.selectors import sites_seen_by
from trials.selectors_sites import standings
from trials.services.enrolling import NotRunning, fault_of_code
from trials.services.planning import planned_timepoints
from trials.services.qualifying import refusal
from trials.states import SubjectState

#: Days that a day 1 may be away; further away it is a typing error.
_FURTHEST_DAYS = 20 * 365


class ListRefused(HouseError):
    """A row of the list does not hold, or no longer holds; nobody was enrolled."""

    code = "list_refused"
    status = 409


class Fate(StrEnum):
    """What would become of a row."""

    NEW = "new"
    ENROLLED = "enrolled"
    WRONG = "wrong"


@dataclass(slots=True)
class Row:
    """One row of a list: its number, what it says as text, and what is wrong with it."""

    number: int
    site: str
    subject: str
    arm: str
    day_1: str
    problems: list[str] = field(default_factory=list)
    fate: Fate = Fate.WRONG

    @property
    def reference_date(self) -> dt.date:
        """The subject's day 1, of a row in which nothing is wrong."""
        return dt.date.fromisoformat(self.day_1)

    def as_said(self) -> list[Any]:
        """What the row says, as plain values."""
        return [self.number, self.site, self.subject, self.arm, self.day_1]


@dataclass(frozen=True, slots=True)
class Checked:
    """A list as it was read and checked. `notes` are sentences on how it was read."""

    rows: Sequence[Row]
    notes: Sequence[str]

    def of(self, fate: Fate) -> list[Row]:
        """The rows of one fate."""
        return [row for row in self.rows if row.fate is fate]

    @property
    def holds(self) -> bool:
        """Tell whether nothing in it is wrong."""
        return not self.of(Fate.WRONG)


def read_list(*, trial: Trial, content: bytes, actor: User, at: dt.datetime) -> Checked:
    """Read a list of subjects from a file, in a child process, and check it row by row.

    Raises
    ------
    NotRunning
        The trial has no charter in force, so nobody can be enrolled.
    compliance.confined.Refused, compliance.confined.NotRead
        The file cannot be read as a list.
    """
    found = confined.call("trials.subject_list:read", content)
    rows = [
        Row(
            one["row"],
            one["site"],
            one["subject"],
            one.get("arm", ""),
            one["day_1"],
            [f"{cell}: {why}" for cell, why in one["problems"]],
        )
        for one in found["rows"]
    ]
    return check_rows(trial=trial, rows=rows, notes=found["notes"], actor=actor, at=at)


def check_rows(
    *, trial: Trial, rows: Sequence[Row], actor: User, at: dt.datetime, notes: Sequence[str] = ()
) -> Checked:
    """Say of each row whether its subject is new, enrolled already with the same data, or what is wrong.

    Raises
    ------
    NotRunning
    """
    charter = trial.charter_in_force
    if charter is None:
        raise NotRunning(f"Trial {trial.code} has no charter in force yet, so no subject can be enrolled.")
    sites = {site.code: site for site in sites_seen_by(actor).filter(trial=trial)}
    allowed = {code for code, site in sites.items() if access.may(actor, "trials.enrol", site)}
    closed = _closed(trial, [sites[code] for code in {row.site for row in rows} & allowed], at)
    subjects = list(trial.subjects.select_related("site"))
    known = {one.code: one for one in subjects} | {one.screening_code: one for one in subjects if one.screening_code}
    knows_arms = access.may(actor, "trials.see_arms", trial)
    seen: dict[str, int] = {}
    for row in rows:
        if row.arm and not knows_arms:
            row.problems.append("Arms are entered by the trial administrator alone. Leave the column out.")
        if row.site and row.site not in allowed:
            row.problems.append(f"There is no site {row.site} of this trial at which you may enrol.")
        _check_values(row, at.date())
        first = seen.setdefault(row.subject, row.number)
        if row.subject and first != row.number:
            row.problems.append(f"Subject {row.subject} stands in row {first} already.")
        enrolled = known.get(row.subject)
        if not row.problems and enrolled is not None:
            row.problems += _differences(row, enrolled, seen_by=sites)
        elif not row.problems and (
            fault := fault_of_code(row.subject, sites[row.site], charter, screened=charter.terms.subjects.screening)
        ):
            row.problems.append(f"The subject code cannot be used at site {row.site}. {fault}")
        if not row.problems and enrolled is None and row.site in closed:
            row.problems.append(closed[row.site])
        row.fate = Fate.WRONG if row.problems else Fate.ENROLLED if enrolled else Fate.NEW
    return Checked(rows, notes)


def _closed(trial: Trial, sites: Sequence[Site], at: dt.datetime) -> dict[str, str]:
    """Why nobody can be enrolled at some of these sites, by the site's code."""
    return {one.site.code: refusal(one) for one in standings(trial, sites, at) if not one.is_open}


def _check_values(row: Row, today: dt.date) -> None:
    """Check a row's texts as the models would; what the reader found already is not said again."""
    if row.problems:
        return
    subject = Subject(code=row.subject, arm=row.arm)
    try:
        subject.clean_fields(exclude={field.name for field in subject._meta.fields} - {"code", "arm"})
    except ValidationError as problem:
        for name, sentences in problem.message_dict.items():
            what = "subject code" if name == "code" else name
            row.problems += [f"The {what} cannot be used. {sentence}" for sentence in sentences]
    if not row.problems and abs((row.reference_date - today).days) > _FURTHEST_DAYS:
        row.problems.append("Day 1 is more than 20 years away. Check the year.")


def _differences(row: Row, enrolled: Subject, *, seen_by: Mapping[str, object]) -> list[str]:
    """What a row says otherwise than the subject's record does."""
    if enrolled.site.code != row.site:
        where = f"at site {enrolled.site.code}" if enrolled.site.code in seen_by else "at another site"
        return [f"Subject {row.subject} is enrolled {where}."]
    wrong = []
    if enrolled.reference_date != row.reference_date:
        wrong.append(f"Subject {row.subject} is enrolled with day 1 on {enrolled.reference_date.isoformat()}.")
    if row.arm and enrolled.arm != row.arm:
        wrong.append(f"Subject {row.subject} is enrolled in another arm.")
    return wrong


def enrol_rows(*, trial: Trial, rows: Sequence[Row], actor: User, at: dt.datetime) -> list[Subject]:
    """Enrol the new subjects of a list with the timepoints that the charter plans, all or none; return them.

    Where the charter asks for screening, they are screened.

    Raises
    ------
    ListRefused
        Something in the list is wrong, perhaps since it was last looked at.
    NotRunning
    """
    with transaction.atomic():
        # One list of a trial at a time, so that two do not enrol the same subject.
        trial = Trial.objects.select_for_update().get(pk=trial.pk)
        checked = check_rows(trial=trial, rows=rows, actor=actor, at=at)
        if not checked.holds:
            first = checked.of(Fate.WRONG)[0]
            raise ListRefused(
                f"Nobody was enrolled, because row {first.number} of the list does not hold: {first.problems[0]} "
                "Choose the file again to see all of it."
            )
        charter = trial.charter_in_force
        assert charter is not None
        sites = {site.code: site for site in trial.sites.all()}
        screens = charter.terms.subjects.screening
        state = SubjectState.SCREENED if screens else SubjectState.ENROLLED
        since = {"screened_at" if screens else "enrolled_at": at}
        subjects = [
            Subject(
                trial=trial,
                site=sites[row.site],
                code=row.subject,
                arm=row.arm,
                reference_date=row.reference_date,
                state=state,
                **since,
            )
            for row in checked.of(Fate.NEW)
        ]
        audit.save_batch(subjects, action=f"subject.{state}", about=trial, of="code", actor=actor, at=at)
        for subject in subjects:
            audit.save_batch(
                planned_timepoints(subject, charter),
                action="timepoint.planned",
                about=subject,
                of="code",
                actor=actor,
                at=at,
            )
    return subjects


def planned_dates(trial: Trial, row: Row) -> list[tuple[str, dt.date]]:
    """When the charter in force expects the visits of a row's subject, those of screening included."""
    charter = trial.charter_in_force
    visits = charter.terms.visits_for(row.arm) if charter else []
    return [(visit.code, date_of(visit.day, row.reference_date)) for visit in visits]
