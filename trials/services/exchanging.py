"""Exchange with an EDC system: what a file says of subjects and visits is looked at, answered line by line, and taken.

A file changes nothing that is here: it enrols who is new, adds visits that no schedule plans, and notes that a visit
did not take place. What it says otherwise than the records do is refused with a sentence, and so is everything else
then: all of a file is taken or nothing. Taken again it does nothing. No free text of a file is kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from compliance import access, confined
from compliance.errors import HouseError
from compliance.models import User
from trials.models import Subject, Timepoint, Trial
from trials.schedule import study_day
from trials.services.enrolling import mark_missed
from trials.services.listing import Checked, Fate, Row, check_rows, enrol_rows
from trials.services.visiting import add_visit
from trials.states import ImageState, SubjectState

#: What stands in the trail as the reason; the file's own words are not taken.
REASON = "As the EDC system says"


class ExchangeRefused(HouseError):
    """Something in the file does not hold, or no longer holds; nothing of it was taken."""

    code = "exchange_refused"
    status = 409


@dataclass(slots=True)
class VisitRow:
    """What a file says of one visit, and what would become of it.

    Attributes
    ----------
    act
        What there is to do: "missed", "added", or "" for nothing.
    """

    number: int
    subject: str
    visit: str
    date: str
    took_place: bool | None
    problems: list[str] = field(default_factory=list)
    fate: Fate = Fate.WRONG
    act: str = ""

    def as_said(self) -> list[Any]:
        """What the row says, as plain values."""
        return [self.number, self.subject, self.visit, self.date, self.took_place]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A file as it was read and looked at."""

    subjects: Checked
    visits: Sequence[VisitRow]

    @property
    def holds(self) -> bool:
        """Tell whether nothing in it is wrong."""
        return self.subjects.holds and not self.of(Fate.WRONG)

    @property
    def changes(self) -> int:
        """How many records would be made or changed."""
        return len(self.subjects.of(Fate.NEW)) + len(self.of(Fate.NEW))

    def of(self, fate: Fate) -> list[VisitRow]:
        """The visits of one fate."""
        return [visit for visit in self.visits if visit.fate is fate]


def read_exchange(*, trial: Trial, content: bytes, actor: User, at: dt.datetime) -> Exchange:
    """Read a file of an EDC system, in a child process, and look at what it says; nothing is changed.

    Raises
    ------
    trials.services.enrolling.NotRunning
    trials.edc.UnreadableExchange, compliance.confined.Refused, compliance.confined.NotRead
        The file cannot be read as ODM.
    """
    access.require(actor, "trials.enrol", trial)
    found = confined.call("trials.edc:read", content)
    rows, visits = [], []
    for one in found["subjects"]:
        number, subject = one["number"], one["subject"]
        said = [] if subject else ["The subject has no key (SubjectKey)."]
        rows.append(Row(number, one["site"], subject, "", one["day_1"], [*said, *one["problems"]]))
        visits += [
            VisitRow(number, subject, told["visit"], told["date"], told["took_place"], list(told["problems"]))
            for told in one["visits"]
        ]
    foreign = [study for study in found["studies"] if study.rpartition(".")[2] != trial.code]
    notes = [
        f"The file names the study {study}, not {trial.code}. Check that it is of this trial." for study in foreign
    ]
    return look_at(trial=trial, rows=rows, visits=visits, notes=notes, actor=actor, at=at)


def look_at(
    *,
    trial: Trial,
    rows: Sequence[Row],
    visits: Sequence[VisitRow],
    actor: User,
    at: dt.datetime,
    notes: Sequence[str] = (),
) -> Exchange:
    """Say of each subject and visit of a file whether it is new, known with the same data, or what is wrong.

    Raises
    ------
    trials.services.enrolling.NotRunning
    """
    access.require(actor, "trials.enrol", trial)
    checked = check_rows(trial=trial, rows=rows, notes=notes, actor=actor, at=at)
    by_code = {row.subject: row for row in checked.rows if row.fate is not Fate.WRONG}
    known = {one.code: one for one in trial.subjects.filter(code__in=list(by_code)).prefetch_related("timepoints")}
    seen: set[tuple[str, str, str]] = set()
    for visit in visits:
        row = by_code.get(visit.subject)
        if row is None and not visit.problems:
            visit.problems.append("Its subject cannot be taken; see there.")
        if row is not None and not visit.problems:
            _look_at_visit(visit, row, known.get(visit.subject), trial, actor)
        key = (visit.subject, visit.visit, visit.date)
        if key in seen and not visit.problems:
            visit.problems.append("This visit is there twice.")
        seen.add(key)
        visit.fate = Fate.WRONG if visit.problems else Fate.NEW if visit.act else Fate.ENROLLED
    return Exchange(checked, visits)


def _look_at_visit(visit: VisitRow, row: Row, subject: Subject | None, trial: Trial, actor: User) -> None:
    """Find what is to be done about a visit, or what is wrong with it."""
    charter = trial.charter_in_force
    assert charter is not None
    there: Mapping[str, Timepoint] = {one.code: one for one in subject.timepoints.all()} if subject else {}
    expected = {one.code for one in there.values() if not one.unscheduled}
    if visit.visit in (expected if subject else {one.code for one in charter.terms.visits_for("")}):
        _look_at_planned(visit, row, there.get(visit.visit))
    elif visit.took_place is False:
        visit.problems.append(f"The charter plans no visit {visit.visit or 'without a name'}, so none can be missed.")
    elif not visit.date:
        visit.problems.append("A visit that the charter does not plan needs its day (SVSTDTC).")
    elif not charter.terms.unscheduled_visits:
        visit.problems.append(f"The charter plans no visit {visit.visit}, and knows no unscheduled visits.")
    elif not access.may(actor, "trials.add_visit", subject or trial):
        visit.problems.append("You may not add unscheduled visits. Ask the trial administrator.")
    elif subject is not None and subject.state != SubjectState.ENROLLED:
        visit.problems.append(f"Subject {subject.code} is not in the trial now, so no visit can be added.")
    else:
        day = study_day(dt.date.fromisoformat(visit.date), row.reference_date)
        known = any(one.unscheduled and one.day == day for one in there.values())
        visit.act = "" if known else "added"


def _look_at_planned(visit: VisitRow, row: Row, timepoint: Timepoint | None) -> None:
    if visit.date and timepoint is not None:
        first, last = timepoint.window
        day = study_day(dt.date.fromisoformat(visit.date), row.reference_date)
        if not first <= day <= last:
            visit.problems.append(
                f"The day of {timepoint.name} is study day {day}, outside its window ({first} to {last}). "
                "Correct it in the EDC system, or have the charter changed."
            )
    if visit.took_place is False:
        if timepoint is not None and timepoint.image_state == ImageState.RECEIVED:
            visit.problems.append(f"Images of {timepoint.name} are here, though it is said not to have taken place.")
        elif timepoint is None or timepoint.image_state == ImageState.EXPECTED:
            visit.act = "missed"
    elif timepoint is not None and timepoint.image_state == ImageState.MISSED:
        visit.problems.append(f"{timepoint.name} is missed here, and took place there. Find out which is right.")


def take_exchange(
    *, trial: Trial, rows: Sequence[Row], visits: Sequence[VisitRow], actor: User, at: dt.datetime
) -> Exchange:
    """Take a file that was looked at: all of it, or nothing; it is looked at once more. Return what was found then.

    Raises
    ------
    ExchangeRefused
    trials.services.enrolling.NotRunning
    """
    with transaction.atomic():
        # One file of a trial at a time, so that two do not do the same.
        trial = Trial.objects.select_for_update().get(pk=trial.pk)
        found = look_at(trial=trial, rows=rows, visits=visits, actor=actor, at=at)
        anew, _ = as_said(found)
        if found.subjects.of(Fate.NEW):
            enrol_rows(trial=trial, rows=anew, actor=actor, at=at)
        for visit in found.of(Fate.NEW):
            subject = Subject.objects.select_related("site", "trial").get(trial=trial, code=visit.subject)
            if visit.act == "missed":
                mark_missed(timepoint=subject.timepoints.get(code=visit.visit), reason=REASON, actor=actor, at=at)
            else:
                date = dt.date.fromisoformat(visit.date)
                add_visit(subject=subject, date=date, reason=REASON, actor=actor, at=at)
    return found


def as_said(found: Exchange) -> tuple[list[Row], list[VisitRow]]:
    """Return what a file says, to be looked at once more; there is nothing wrong in it.

    Raises
    ------
    ExchangeRefused
    """
    if not found.holds:
        raise ExchangeRefused(f"Nothing was taken. {_first_fault(found)} Look at the file to see all of it.")
    rows = [Row(*row.as_said()) for row in found.subjects.rows]
    return rows, [VisitRow(*visit.as_said()) for visit in found.visits]


def _first_fault(found: Exchange) -> str:
    wrong: list[Row | VisitRow] = [*found.subjects.of(Fate.WRONG), *found.of(Fate.WRONG)]
    return f"Subject {wrong[0].number} of the file: {wrong[0].problems[0]}"
