"""Unplanned unblinding: reported at once, assessed by signature, and told to those who answer (ICH E6(R3) 4.1).

Mails say that it happened and where to look: neither whom it is about nor what was learned. Nothing here opens or
withdraws a read; what the assessment comes to is done on the pages of reads, readers and subjects.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.urls import reverse

from compliance import access, audit, mailing
from compliance.errors import HouseError
from compliance.models import Signature, User
from compliance.signing import Intent
from compliance.transitions import advance
from reading.models import AffectedSubject, ReadTask, Unblinding
from reading.states import UnblindingState
from trials.models import Membership, Role, Subject, Trial
from trials.selectors import members_with

KIND = "unplanned unblinding"
#: Who hear of it at once.
TOLD = (Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
#: What the assessing signature means, and that of a second person.
ASSESSES, CONFIRMS = Signature.Meaning.RESPONSIBILITY, Signature.Meaning.APPROVAL


class NotReported(HouseError):
    """The report names a day to come, or what is not of the trial."""

    code = "not_reported"
    status = 422


class NotAssessed(HouseError):
    """An assessment lacks its words, or the person is not the one who may give it."""

    code = "not_assessed"
    status = 409


def needs_second(trial: Trial) -> bool:
    """Tell whether the charter in force asks for a second person at an assessment."""
    charter = trial.charter_in_force
    return charter is not None and bool(charter.terms.unblinding_by_two)


def open_in(trial: Trial) -> int:
    """Return how many unblindings of a trial are not closed."""
    return Unblinding.objects.filter(trial=trial).exclude(state=UnblindingState.CLOSED).count()


def report(
    *,
    trial: Trial,
    person: User,
    learned: str,
    happened_on: dt.date,
    how: str,
    measures: str,
    subjects: Sequence[Subject],
    actor: User,
    at: dt.datetime,
) -> Unblinding:
    """Put on record that somebody learned what they are to be blinded to, and tell those who answer for the trial.

    Parameters
    ----------
    person
        Who learned it: somebody who has, or had, a role in the trial.
    how
        How it came about; not what was learned.
    measures
        What was done at once.

    Raises
    ------
    NotReported, compliance.access.AccessDenied
    """
    access.require(actor, "reading.report_unblinding", trial)
    event = Unblinding(
        trial=trial,
        person=person,
        learned=learned,
        happened_on=happened_on,
        how=how.strip(),
        measures=measures.strip(),
        reported_by=actor,
        reported_at=at,
    )
    _require_whole(event, subjects)
    with transaction.atomic():
        # Who presses twice, or sends again after the connection was lost, reports once.
        Trial.objects.select_for_update().get(pk=trial.pk)
        if (before := _reported_before(event, subjects)) is not None:
            return before
        audit.save(event, action="unblinding.reported", actor=actor, at=at)
        _name(event, subjects)
        _tell(event, at)
    return event


def assess(
    *, unblinding: Unblinding, impact: str, assessment: str, signature: Intent, actor: User, at: dt.datetime
) -> Unblinding:
    """Say by signature what an unblinding means. That closes it, unless the charter asks for a second person.

    Raises
    ------
    NotAssessed
        Nothing was written, or the person assesses their own unblinding.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    access.require(actor, "reading.assess_unblinding", unblinding)
    _require_another(unblinding, actor)
    if impact not in Unblinding.Impact.values or not assessment.strip():
        raise NotAssessed("The unblinding was not assessed: choose what it means for the reads, and say why.")
    said: dict[str, Any] = {"impact": impact, "assessment": assessment.strip(), "assessed_by": actor}
    if needs_second(unblinding.trial):
        return advance(unblinding, "assess", actor=actor, at=at, signature=signature, **said)
    return advance(unblinding, "close", actor=actor, at=at, signature=signature, closed_at=at, **said)


def confirm(*, unblinding: Unblinding, signature: Intent, actor: User, at: dt.datetime) -> Unblinding:
    """Close an assessed unblinding, as the second person, by signature.

    Raises
    ------
    NotAssessed
        The person assessed it, or it is their own.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    _require_second(unblinding, actor)
    return advance(unblinding, "confirm", actor=actor, at=at, signature=signature, closed_at=at)


def send_back(*, unblinding: Unblinding, reason: str, actor: User, at: dt.datetime) -> Unblinding:
    """Have an assessment made again, with a reason; its signature no longer counts.

    Raises
    ------
    NotAssessed, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.access.AccessDenied
    """
    _require_second(unblinding, actor)
    return advance(unblinding, "send_back", actor=actor, at=at, reason=reason)


def _require_whole(event: Unblinding, subjects: Sequence[Subject]) -> None:
    trial = event.trial
    if event.happened_on > event.reported_at.date():
        raise NotReported("An unblinding cannot be reported before it happens. Check the day.")
    if not event.how or not event.measures:
        raise NotReported("The unblinding was not reported: say how it happened, and what was done at once.")
    if not Membership.objects.filter(trial=trial, user=event.person_id).exists():
        raise NotReported(f"{event.person} never had a role in trial {trial.code}. Choose somebody who had.")
    if any(subject.trial_id != trial.pk for subject in subjects):
        raise NotReported(f"A subject that was named is not one of trial {trial.code}.")


def _reported_before(event: Unblinding, subjects: Sequence[Subject]) -> Unblinding | None:
    """Return the report of the same person that says the same in every word, if there is one."""
    said = ("trial", "person", "learned", "happened_on", "how", "measures", "reported_by")
    named = {subject.pk for subject in subjects}
    for one in Unblinding.objects.filter(**{name: getattr(event, name) for name in said}):
        if set(one.affected.values_list("subject", flat=True)) == named:
            return one
    return None


def _name(event: Unblinding, subjects: Sequence[Subject]) -> None:
    """Keep with a report which subjects are affected, and the person's reads there as they are now."""
    for subject in subjects:
        # Hidden re-reads and withdrawn reads are among them: whoever learned something may have used it there.
        reads = ReadTask.every.filter(timepoint__subject=subject, reader=event.person)
        codes = list(reads.order_by("blinded_code").values_list("blinded_code", flat=True))
        row = AffectedSubject(unblinding=event, subject=subject, reads=codes)
        audit.save(row, action="affectedsubject.named", actor=event.reported_by, at=event.reported_at)


def _require_another(unblinding: Unblinding, actor: User) -> None:
    if unblinding.person_id == actor.pk:
        raise NotAssessed("Nobody says what their own unblinding means. Let another reading manager do it.")


def _require_second(unblinding: Unblinding, actor: User) -> None:
    access.require(actor, "reading.confirm_unblinding", unblinding)
    _require_another(unblinding, actor)
    if unblinding.assessed_by_id == actor.pk:
        raise NotAssessed("You assessed it, so a second person has to confirm it or send it back.")


def _tell(event: Unblinding, at: dt.datetime) -> None:
    trial = event.trial
    page = mailing.address_of(reverse("reading:unblindings", args=[trial.pk]))
    people = {person for role in TOLD for person in members_with(trial, role).filter(is_active=True)}
    for person in sorted(people, key=lambda one: one.pk):
        mailing.post(
            to=person,
            kind=KIND,
            key=f"unblinding-reported-{event.pk}-{person.pk}",
            subject="An unplanned unblinding was reported",
            body=(
                f"In trial {trial.code} somebody learned what they are to be blinded to, outside any plan. It was "
                f"reported on {at:%-d %B %Y %H:%M} UTC and waits for an assessment by signature.\n\n{page}\n\n"
                "This mail says neither who it was nor what was learned. Please do not answer it.\n"
            ),
            trial_id=trial.pk,
            at=at,
        )
