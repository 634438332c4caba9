"""Who may be given what: exclusions, pools and pairs, as the reading manager keeps them, for the next draw."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import Record, User
from compliance.transitions import ReasonRequired
from reading.models import PoolMember, ReaderExclusion, ReaderPair
from trials.models import Role, Site, Subject, Trial
from trials.selectors import members_with


class NotRecorded(HouseError):
    """It stands already, or names somebody or something that is not of the trial."""

    code = "not_recorded"
    status = 422


def exclude(
    *, trial: Trial, person: User, of: Site | Subject, kind: str, reason: str, actor: User, at: dt.datetime
) -> ReaderExclusion:
    """Keep somebody who reads or adjudicates from a site's subjects, or from one subject.

    What they have been given stays until it is handed on.

    Raises
    ------
    NotRecorded, compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", trial)
    if not reason.strip():
        raise ReasonRequired("The exclusion was not recorded: say what it rests on.")
    if kind not in ReaderExclusion.Kind.values:
        raise NotRecorded("The exclusion was not recorded: its kind is unknown.")
    _require_member(trial, person, Role.READER, Role.ADJUDICATOR)
    if of.trial_id != trial.pk:
        raise NotRecorded("The exclusion was not recorded: the site or subject is not of this trial.")
    where = {"site": of} if isinstance(of, Site) else {"subject": of}
    with transaction.atomic():
        _locked(trial)
        if ReaderExclusion.objects.filter(person=person, ended_at=None, **where).exists():
            raise NotRecorded(f"{person.username} is excluded from {of.code} already.")
        made = ReaderExclusion(
            trial=trial,
            person=person,
            kind=kind,
            reason=reason.strip()[:500],
            recorded_by=actor,
            recorded_at=at,
            **where,
        )
        return audit.save(made, action="readerexclusion.recorded", actor=actor, at=at, reason=reason)


def end_exclusion(*, exclusion: ReaderExclusion, reason: str, actor: User, at: dt.datetime) -> ReaderExclusion:
    """Let somebody be given again what they were excluded from.

    Raises
    ------
    NotRecorded, compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", exclusion)
    if not reason.strip():
        raise ReasonRequired("The exclusion was not ended: say why it no longer holds.")
    with transaction.atomic():
        row = ReaderExclusion.objects.select_for_update(of=("self",)).get(pk=exclusion.pk)
        if row.ended_at:
            raise NotRecorded("The exclusion has ended already.")
        row.ended_by, row.ended_at, row.end_reason = actor, at, reason.strip()[:500]
        return audit.save(row, action="readerexclusion.ended", actor=actor, at=at, reason=reason)


def join_pool(*, trial: Trial, person: User, pool: str, actor: User, at: dt.datetime) -> PoolMember:
    """Put a reader into one of the charter's pools.

    Raises
    ------
    NotRecorded, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", trial)
    charter = trial.charter_in_force
    if charter is None or pool not in {one.name for one in charter.terms.readers.pools}:
        raise NotRecorded(f"The charter in force has no pool {pool}.")
    _require_member(trial, person, Role.READER)
    with transaction.atomic():
        _locked(trial)
        if PoolMember.objects.filter(trial=trial, person=person, pool=pool, ended_at=None).exists():
            raise NotRecorded(f"{person.username} is in pool {pool} already.")
        made = PoolMember(trial=trial, person=person, pool=pool, joined_at=at)
        return audit.save(made, action="poolmember.joined", actor=actor, at=at)


def make_pair(*, trial: Trial, first: User, second: User, actor: User, at: dt.datetime) -> ReaderPair:
    """Let two readers read together, where the charter asks for fixed pairs.

    Raises
    ------
    NotRecorded, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", trial)
    if first.pk == second.pk:
        raise NotRecorded("A pair is two readers.")
    for person in (first, second):
        _require_member(trial, person, Role.READER)
    first, second = sorted((first, second), key=lambda person: person.username)
    with transaction.atomic():
        _locked(trial)
        if ReaderPair.objects.filter(trial=trial, first=first, second=second, ended_at=None).exists():
            raise NotRecorded(f"{first.username} and {second.username} are a pair already.")
        made = ReaderPair(trial=trial, first=first, second=second, made_at=at)
        return audit.save(made, action="readerpair.made", actor=actor, at=at)


def end_place(*, record: PoolMember | ReaderPair, actor: User, at: dt.datetime) -> Record:
    """Take a reader out of a pool, or part a pair; what was drawn stays.

    Raises
    ------
    NotRecorded, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", record)
    with transaction.atomic():
        row = type(record).objects.select_for_update(of=("self",)).get(pk=record.pk)
        if row.ended_at:
            raise NotRecorded(f"The {row} has ended already.")
        row.ended_at = at
        return audit.save(row, action=f"{row._meta.model_name}.ended", actor=actor, at=at)


def _locked(trial: Trial) -> None:
    """One after the other, so that nothing is recorded twice."""
    Trial.objects.select_for_update().get(pk=trial.pk)


def _require_member(trial: Trial, person: User, *roles: Role) -> None:
    if not any(members_with(trial, role).filter(pk=person.pk).exists() for role in roles):
        named = " nor ".join(role.label.lower() for role in roles)
        raise NotRecorded(f"{person.username} is {'no' if len(roles) == 1 else 'neither'} {named} of this trial.")
