"""Handing on: a reading manager gives a subject's unsigned reads, or a case to adjudicate, to somebody else.

The draw is overruled with a reason. What the earlier reader drafted is kept, and nobody reads on in it; the new reader
begins under new names, so that nothing tells that somebody was there before.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import ReasonRequired, advance
from reading import blinding, selectors
from reading.assignment import CaseRef
from reading.models import Adjudication, Handover, ReaderExclusion, ReadTask
from reading.selectors_qualification import able
from reading.services.assigning import locked, make_task, release_waiting
from reading.services.drawing import chance_of, eligible_readers, had_by, pairs_now, references
from reading.services.rereading import REREAD_SLOTS
from reading.states import AdjudicationState, Purpose, ReadState
from trials.models import Role, Subject, Trial
from trials.selectors import members_with


class NotHandedOn(HouseError):
    """The reads are signed, or the person may not have them."""

    code = "not_handed_on"
    status = 409


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody who might take over; `against` says why not, in the words that follow the name. Empty: they may."""

    person: User
    against: str


def reads_to_hand_on(subject: Subject, slot: int) -> list[ReadTask]:
    """Return a subject's reads in a place as they stand, in order, without those withdrawn."""
    tasks = ReadTask.objects.filter(timepoint__subject=subject, slot=slot).exclude(state=ReadState.WITHDRAWN)
    return list(tasks.select_related("timepoint__subject__trial", "charter", "reader").order_by("order"))


def takers_of_reads(subject: Subject, slot: int, at: dt.datetime | None = None) -> list[Taker]:
    """Return every reader of the trial who does not have the subject, with what stands against the hand-over."""
    charter = selectors.reading_charter(subject)
    assert charter is not None
    chance, mates = chance_of(subject, charter, at), _mates(subject, slot)
    had, judges = had_by(subject), _judges_of(subject)
    eligible = {person.pk for person in eligible_readers(subject.trial, at)}
    excluded = _excluded(subject, list(members_with(subject.trial, Role.READER)))
    pairs = pairs_now(subject.trial)
    found = []
    for person in members_with(subject.trial, Role.READER):
        name, against = person.username, ""
        paired = any((name, mate) in pairs or (mate, name) in pairs for mate in mates)
        if person.pk in had:
            against = "has or had this subject already"
        elif person.pk in judges:
            against = "is or was its adjudicator"
        elif name in excluded:
            against = f"is excluded from it: {excluded[name]}"
        elif person.pk not in eligible:
            against = "may not be given reads now"
        elif len(chance.places) >= slot and name not in chance.places[slot - 1]:
            against = f"is in no pool that reads it as reader {slot}"
        elif chance.pairs is not None and mates and not paired:
            against = f"makes no fixed pair with {', '.join(mates)}"
        found.append(Taker(person, against))
    return found


def hand_on_reads(*, subject: Subject, slot: int, taker: User, reason: str, actor: User, at: dt.datetime) -> Handover:
    """Give a subject's reads in one place, none of them signed, to another reader.

    Raises
    ------
    NotHandedOn
        A read is signed, there is nothing to hand on, or the taker may not have it; says which.
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied, compliance.audit.RecordFrozen
    """
    access.require(actor, "reading.manage", subject)
    _require_reason(reason, f"The reads of {subject.code} were")
    with transaction.atomic():
        subject = locked(subject.pk)
        tasks = reads_to_hand_on(subject, slot)
        _require_unsigned(subject, slot, tasks)
        _require_able(subject, taker, takers_of_reads(subject, slot, at))
        for task in _open_ones(subject, slot):
            advance(task, "hand_on", actor=actor, at=at, reason=reason)
        made = Handover(
            subject=subject,
            slot=slot,
            giver=tasks[0].reader,
            taker=taker,
            reason=reason.strip()[:500],
            made_by=actor,
            made_at=at,
        )
        audit.save(made, action="handover.made", actor=actor, at=at, reason=reason)
        for task in tasks:
            make_task(task.timepoint, slot, taker, task.charter, at)
        release_waiting(subject, at)
    return made


def _open_ones(subject: Subject, slot: int) -> list[ReadTask]:
    """The reads of a place that are not signed, with those that its reader was to read again."""
    places = (slot, slot + REREAD_SLOTS)
    tasks = ReadTask.every.filter(timepoint__subject=subject, slot__in=places, purpose=Purpose.ENDPOINT)
    return list(tasks.exclude(state__in=(*selectors.SIGNED, ReadState.WITHDRAWN)).order_by("slot", "order"))


def _require_unsigned(subject: Subject, slot: int, tasks: list[ReadTask]) -> None:
    if subject.is_read_no_further:
        raise NotHandedOn(f"The reads of {subject.code} stay where they are: the subject is read no further.")
    if not tasks:
        raise NotHandedOn(f"Subject {subject.code} has no reads of a reader {slot}. Reload the page.")
    signed = next((task for task in tasks if task.state in selectors.SIGNED), None)
    if signed is not None:
        raise NotHandedOn(
            f"The reads of {subject.code} by {signed.reader.username} stay there: {signed.timepoint.name} is signed. "
            f"Have read {signed.blinded_code} opened again first, then hand them on."
        )


def _require_able(subject: Subject, taker: User, takers: list[Taker]) -> None:
    found = next((one for one in takers if one.person.pk == taker.pk), None)
    against = found.against if found else "is no reader of this trial"
    if against:
        raise NotHandedOn(f"The reads of {subject.code} were not handed on: {taker.username} {against}.")


def _require_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise ReasonRequired(f"{what} not handed on: say why somebody else has to do it.")


def _mates(subject: Subject, slot: int) -> list[str]:
    """Who reads the subject in other places."""
    others = ReadTask.objects.filter(timepoint__subject=subject).exclude(slot=slot)
    return sorted(set(others.values_list("reader__username", flat=True)))


def _judges_of(subject: Subject) -> set[int]:
    given = Adjudication.every.filter(subject=subject).exclude(adjudicator=None)
    return set(given.values_list("adjudicator", flat=True))


def _excluded(subject: Subject, people: list[User]) -> dict[str, str]:
    """Whom an exclusion keeps from a subject, by user name, and which one in words."""
    case = CaseRef(subject.code, subject.site.code)
    kept_out = {ref.id for ref in references(subject.trial, people) if not ref.may_read(case)}
    recorded = standing_exclusions(subject.trial, subject)
    return {name: recorded.get(name, f"coordinator of site {subject.site.code}") for name in kept_out}


def standing_exclusions(trial: Trial, subject: Subject) -> dict[str, str]:
    """Return the exclusions recorded that keep people from a subject, in words, by user name."""
    found = ReaderExclusion.objects.filter(trial=trial, ended_at=None).select_related("person", "site", "subject")
    return {
        one.person.username: f"{one.get_kind_display().lower()} with {one.of}"
        for one in found
        if one.subject_id == subject.pk or one.site_id == subject.site_id
    }


# --- adjudications -------------------------------------------------------------------------------------------


def takers_of_case(adjudication: Adjudication, at: dt.datetime | None = None) -> list[Taker]:
    """Return every other adjudicator of the trial, with what stands against giving them the case."""
    subject = adjudication.subject
    people = [p for p in members_with(subject.trial, Role.ADJUDICATOR) if p.pk != adjudication.adjudicator_id]
    had, excluded = had_by(subject), _excluded(subject, people)
    qualified = set(able(subject.trial, Role.ADJUDICATOR, at)) if at else set(people)
    return [
        Taker(
            person,
            "has or had this subject already"
            if person.pk in had
            else f"is excluded from it: {excluded[person.username]}"
            if person.username in excluded
            else ""
            if person in qualified
            else "may not be given cases now",
        )
        for person in people
    ]


def hand_on_case(*, adjudication: Adjudication, taker: User, reason: str, actor: User, at: dt.datetime) -> Adjudication:
    """Give an adjudication that is not decided to another adjudicator; return the one that stands for it now.

    Raises
    ------
    NotHandedOn, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", adjudication)
    _require_reason(reason, f"Adjudication {adjudication.blinded_code} was")
    with transaction.atomic():
        subject = locked(adjudication.subject_id)
        row = Adjudication.every.select_for_update(of=("self",)).select_related("timepoint").get(pk=adjudication.pk)
        if row.state != AdjudicationState.OPEN:
            raise NotHandedOn(f"Adjudication {row.blinded_code} is {row.state}, so it stays where it is.")
        if row.is_by_consensus:
            raise NotHandedOn(f"Case {row.blinded_code} is settled by its two readers, so it has no adjudicator.")
        found = next((one for one in takers_of_case(row, at) if one.person.pk == taker.pk), None)
        against = found.against if found else "is no other adjudicator of this trial"
        if against:
            raise NotHandedOn(f"Adjudication {row.blinded_code} was not handed on: {taker.username} {against}.")
        advance(row, "supersede", actor=actor, at=at, reason=reason)
        again = Adjudication(
            subject=subject,
            timepoint=row.timepoint,
            adjudicator=taker,
            blinded_code=blinding.adjudication_code(subject, row.timepoint),
            triggers=row.triggers,
            discordance=row.discordance,
            left_slot=row.left_slot,
            opened_at=at,
        )
        return audit.save(again, action="adjudication.handed_on", actor=actor, at=at, reason=reason)
