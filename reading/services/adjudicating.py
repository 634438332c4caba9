"""Adjudicating: a third reader chooses between two reads that the charter calls discordant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import blinding, explaining, selectors, signals
from reading.assignment import CaseRef, pick_adjudicator, side_order
from reading.criteria.discordance import Trigger
from reading.models import Adjudication
from reading.selectors_qualification import able
from reading.selectors_reviews import is_reviewed
from reading.services.assigning import locked
from reading.services.drawing import had_by, references
from trials.models import ImagingCharter, Role, Subject, Timepoint
from trials.states import TrialState


class UnknownChoice(HouseError):
    """An adjudication can be decided for the left or the right read only."""

    code = "unknown_choice"
    status = 422


def open_adjudications(*, subject: Subject, at: dt.datetime) -> tuple[Adjudication, ...]:
    """Open an adjudication wherever the charter's triggers find two readers of a subject discordant.

    By subject: once every timepoint that is to be read was signed by both. By timepoint: as soon as both signed
    it. Where the charter asks for global reviews, once both were signed. Each place is adjudicated once; calling again
    changes nothing.

    Returns
    -------
    tuple of Adjudication
        Those that this call opened.

    Raises
    ------
    reading.assignment.NotEnoughReaders
        The trial has no adjudicator who did not read the subject; nothing is opened.
    """
    opened = []
    with transaction.atomic():
        subject = locked(subject.pk)
        if subject.trial.state == TrialState.LOCKED:
            return ()
        known = set(subject.adjudications.values_list("timepoint", flat=True))
        for timepoint, triggers in discordant_places(subject):
            if (timepoint.pk if timepoint else None) not in known:
                opened.append(_open(subject, timepoint, triggers, at))
    return tuple(opened)


def discordant_places(
    subject: Subject, charter: ImagingCharter | None = None
) -> Iterator[tuple[Timepoint | None, tuple[Trigger, ...]]]:
    """Yield where a subject's two reads call for an adjudication: the subject (None), or each such timepoint.

    `charter`: as if the subject had been read under another version than its own.
    """
    if not is_reviewed(subject, selectors.reading_charter(subject)):
        return
    slots = selectors.slot_results(subject, charter)
    charter = charter or selectors.reading_charter(subject)
    if charter is None or len(slots) != 2 or subject.is_read_no_further:
        return
    by_subject = charter.terms.adjudication.by == "subject"
    # Reads by themselves amount to something only when all of them are there.
    if (by_subject or charter.terms.reads.by_itself) and not selectors.is_fully_read(subject):
        return
    triggers = selectors.discordances_between(slots[0], slots[1], charter)
    if by_subject:
        if triggers:
            yield None, triggers
        return
    differing = {code for trigger in triggers for code in trigger.timepoint_ids}
    for timepoint in subject.timepoints.order_by("order"):
        if timepoint.code in differing and selectors.is_read_by_all(timepoint):
            yield timepoint, tuple(_at(trigger, timepoint.code) for trigger in triggers)


def _at(trigger: Trigger, code: str) -> Trigger:
    position = trigger.timepoint_ids.index(code)
    return Trigger(trigger.name, (code,), (trigger.values[position],))


def _open(
    subject: Subject, timepoint: Timepoint | None, triggers: tuple[Trigger, ...], at: dt.datetime
) -> Adjudication:
    trial = subject.trial
    place = f"{subject.code} {timepoint.code}" if timepoint else subject.code
    first, second = selectors.slot_results(subject)
    charter = selectors.reading_charter(subject)
    assert charter is not None
    by_consensus = charter.terms.adjudication.by_consensus
    readers = {first.reader.username, second.reader.username}
    adjudication = Adjudication(
        subject=subject,
        timepoint=timepoint,
        adjudicator=None if by_consensus else _adjudicator_of(subject, readers, at),
        blinded_code=blinding.adjudication_code(subject, timepoint),
        triggers=[trigger.to_json() for trigger in triggers],
        discordance=explaining.as_stored(explaining.explained(first, second, triggers)),
        left_slot=side_order(place, trial.seed)[0],
        opened_at=at,
    )
    return audit.save(adjudication, action="adjudication.opened", actor=None, at=at)


def _adjudicator_of(subject: Subject, readers: set[str], at: dt.datetime) -> User:
    """The adjudicator of a case: none of its readers, drawn by the trial's seed."""
    people = {user.username: user for user in able(subject.trial, Role.ADJUDICATOR, at)}
    known = references(subject.trial, list(people.values()))
    case = CaseRef(subject.code, subject.site.code)
    # Who read before the reads were handed on has formed a view of them too.
    had = User.objects.filter(pk__in=had_by(subject))
    readers = readers | {user.username for user in had}
    return people[pick_adjudicator(case, known, seed=subject.trial.seed, exclude=readers)]


def open_case(*, adjudication: Adjudication, actor: User, at: dt.datetime) -> Adjudication:
    """Record that somebody looks at a case who settles it; both reads' results are on its page."""
    access.require(actor, "reading.meet" if adjudication.is_by_consensus else "reading.adjudicate", adjudication)
    audit.record("adjudication.viewed", adjudication, actor=actor, at=at)
    return adjudication


def slot_shown(adjudication: Adjudication, choice: str) -> int:
    """Return the place of the reader whose read was shown on a side.

    Raises
    ------
    UnknownChoice
    """
    if choice not in ("left", "right"):
        raise UnknownChoice(f"Adjudication {adjudication.blinded_code} was not decided: choose the left or right read.")
    return adjudication.left_slot if choice == "left" else 3 - adjudication.left_slot


def decide(
    *,
    adjudication: Adjudication,
    choice: str,
    rationale: str,
    signature: Intent,
    actor: User,
    at: dt.datetime,
    simulated: bool = False,
) -> Adjudication:
    """Choose the read that counts, with a rationale and a signature.

    Parameters
    ----------
    choice
        "left" or "right", as the two reads were shown.
    simulated
        The choice comes from a simulation, and every export says so.

    Raises
    ------
    UnknownChoice, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    slot = slot_shown(adjudication, choice)
    with transaction.atomic():
        advance(
            adjudication,
            "decide",
            actor=actor,
            at=at,
            reason=rationale,
            signature=signature,
            chosen_slot=slot,
            rationale=rationale.strip(),
            simulated=simulated,
            decided_at=at,
        )
        transaction.on_commit(
            lambda: signals.adjudication_decided.send(sender=Adjudication, adjudication=adjudication, at=at)
        )
    return adjudication
