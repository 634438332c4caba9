"""Drawing: who may read a subject, and whom the trial's seed gives it, from pools and in pairs as the charter says."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from django.db.models import Q

from compliance import audit
from compliance.models import User
from reading.assignment import CaseRef, Chance, NotEnoughReaders, Pool, ReaderRef, candidates, draw
from reading.assignment.lots import pair
from reading.models import Draw, PoolMember, ReaderExclusion, ReaderPair, ReadTask
from reading.selectors_qualification import able
from reading.selectors_real_time import kept_apart
from reading.states import Purpose
from trials.models import ImagingCharter, Membership, Role, Subject, Trial
from trials.selectors import members_with


def readers_drawn(subject: Subject, charter: ImagingCharter, at: dt.datetime) -> list[User]:
    """Draw a subject's readers, by place, and keep what the draw knew.

    Without counts to weigh, what it knows is the subject's code and who may read it, so that the draw is the same
    whatever came first.

    Raises
    ------
    reading.assignment.NotEnoughReaders
    """
    chance = chance_of(subject, charter, at)
    readers = draw(chance, seed=subject.trial.seed)
    kept = Draw(subject=subject, charter=charter, chance=chance.to_json(), readers=list(readers), drawn_at=at)
    audit.save(kept, action="draw.made", actor=None, at=at)
    people = {user.username: user for user in User.objects.filter(username__in=readers)}
    return [people[username] for username in readers]


def chance_of(subject: Subject, charter: ImagingCharter, at: dt.datetime | None = None) -> Chance:
    """Return all that the draw of a subject's readers would know at a time; without one, whoever qualified or not."""
    trial, terms = subject.trial, charter.terms
    case = CaseRef(subject.code, subject.site.code)
    apart = kept_apart(subject)
    refs = references(trial, [one for one in eligible_readers(trial, at) if one.pk not in apart])
    pools = pools_now(trial, charter)
    places, names = candidates(case, refs, pools, per_case=terms.readers_per_timepoint)
    load, together = counts_now(trial) if terms.readers.balanced else ({}, {})
    able = set[str]().union(*places)
    return Chance(
        case.id,
        places,
        names,
        pairs_now(trial) if terms.readers.pairing else None,
        {reader: load[reader] for reader in able if reader in load},
        {two: count for two, count in together.items() if able.issuperset(two)},
    )


def readers_to_be(subject: Subject, charter: ImagingCharter, at: dt.datetime) -> set[str]:
    """Return the user names of a subject's readers, or of those whom a draw would give it; nobody while it cannot."""
    has = ReadTask.objects.filter(timepoint__subject=subject).values_list("reader__username", flat=True)
    if has:
        return set(has)
    try:
        return set(draw(chance_of(subject, charter, at), seed=subject.trial.seed))
    except NotEnoughReaders:
        return set()


def eligible_readers(trial: Trial, at: dt.datetime | None = None) -> list[User]:
    """People who may be drawn to read in a trial, before exclusions of sites and subjects.

    `at`: those alone who are qualified at that time, where the charter asks it.
    """
    return able(trial, Role.READER, at) if at else list(members_with(trial, Role.READER))


def references(trial: Trial, people: Sequence[User]) -> list[ReaderRef]:
    """People as the draw knows them, with the sites and subjects that they are not given.

    A coordinator of a site is never given that site's subjects; further exclusions are the reading manager's.
    """
    sites: dict[int, set[str]] = {}
    at_sites = Membership.objects.filter(trial=trial, user__in=people, site__isnull=False)
    for user_id, site in at_sites.values_list("user", "site__code"):
        sites.setdefault(user_id, set()).add(site)
    subjects: dict[int, set[str]] = {}
    standing = ReaderExclusion.objects.filter(trial=trial, person__in=people, ended_at=None)
    for user_id, site, subject in standing.values_list("person", "site__code", "subject__code"):
        (sites if site else subjects).setdefault(user_id, set()).add(site or subject)
    return [
        ReaderRef(user.username, frozenset(sites.get(user.pk, ())), frozenset(subjects.get(user.pk, ())))
        for user in people
    ]


def pools_now(trial: Trial, charter: ImagingCharter) -> tuple[Pool, ...]:
    """Return the charter's pools with their members now."""
    members: dict[str, set[str]] = {}
    for pool, username in PoolMember.objects.filter(trial=trial, ended_at=None).values_list("pool", "person__username"):
        members.setdefault(pool, set()).add(username)
    return tuple(
        Pool(one.name, frozenset(members.get(one.name, ())), one.places, frozenset(one.sites))
        for one in charter.terms.readers.pools
    )


def pairs_now(trial: Trial) -> frozenset[tuple[str, str]]:
    """Return the fixed pairs of a trial now, by user name."""
    standing = ReaderPair.objects.filter(trial=trial, ended_at=None)
    return frozenset(standing.values_list("first__username", "second__username"))


def counts_now(trial: Trial) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Return how many subjects each reader has, and how many each two readers share."""
    readers: dict[int, set[str]] = {}
    tasks = ReadTask.objects.filter(timepoint__subject__trial=trial)
    for subject, username in tasks.values_list("timepoint__subject", "reader__username").distinct():
        readers.setdefault(subject, set()).add(username)
    load, together = Counter[str](), Counter[tuple[str, str]]()
    for team in readers.values():
        load.update(team)
        together.update(pair(*two) for two in combinations(sorted(team), 2))
    return load, together


def had_by(subject: Subject) -> set[int]:
    """Return the keys of those who have a subject, have opened a read of it before it was handed on, or read it on a
    clock where the charter wants others for that.
    """
    tasks = ReadTask.kept.filter(timepoint__subject=subject, reread=False, purpose=Purpose.ENDPOINT)
    standing = ReadTask.objects.filter(timepoint__subject=subject).values("pk")
    found = tasks.filter(Q(pk__in=standing) | Q(opened_at__isnull=False))
    return set(found.values_list("reader", flat=True)) | kept_apart(subject)
