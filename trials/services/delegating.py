"""Roles that end by themselves, and who held which role on a day: the trial's delegation log (ICH E6(R3) 4.2.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from compliance import access, audit, factors, identities, mailing
from compliance.models import AuditEvent, Mail
from trials.models import Membership, Role, Trial
from trials.services.training import Duty, duties_in

#: So long before its end a person is told of it.
NOTICE = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Delegation:
    """A role that somebody held: given and ended by which events, and how account and training stand now.

    `elsewhere`: the person signs in at the identity provider.
    """

    membership: Membership
    given: AuditEvent | None
    ended: AuditEvent | None
    has_factor: bool
    elsewhere: bool
    duties: Sequence[Duty] = ()

    @property
    def completed(self) -> int:
        """How many of the trainings that the role asks for now are complete."""
        return sum(one.record is not None for one in self.duties)


def log_of(trial: Trial, on: dt.date, at: dt.datetime) -> Sequence[Delegation]:
    """Return every role that somebody held in a trial at any moment of a day (UTC), by name."""
    begins = dt.datetime.combine(on, dt.time(), dt.UTC)
    held = Membership.objects.filter(trial=trial, granted_at__lt=begins + dt.timedelta(days=1))
    held = held.filter(Q(ended_at=None) | Q(ended_at__gte=begins)).select_related("user", "site", "emergency")
    found = list(held.order_by("user__full_name", "user__username", "role", "pk"))
    given = audit.latest_of_each(found, "membership.granted") if found else {}
    ended: dict[str, AuditEvent] = {}
    for how in ("membership.ended", "membership.expired"):
        ended |= audit.latest_of_each(found, how) if found else {}
    people = [one.user_id for one in found]
    with_factor, elsewhere = factors.who_have_one(people), identities.who_have_one(people)
    duties: dict[tuple[int, str], list[Duty]] = {}
    for duty in duties_in(trial, at):
        duties.setdefault((duty.person.pk, duty.training.role), []).append(duty)
    return [
        Delegation(
            one,
            given.get(str(one.pk)),
            ended.get(str(one.pk)),
            has_factor=one.user_id in with_factor,
            elsewhere=one.user_id in elsewhere,
            duties=[] if one.ended_at else duties.get((one.user_id, one.role), []),
        )
        for one in found
    ]


def end_what_is_over(*, at: dt.datetime) -> list[Membership]:
    """End the roles whose time is over, and tell those whose time will be soon; return what was ended."""
    running = Membership.objects.filter(ended_at=None, until__isnull=False)
    ended = end_if_over(running, at=at)
    for membership in running.filter(until__gt=at, until__lte=at + NOTICE).select_related("user", "trial"):
        _tell(membership, at)
    return ended


def end_if_over(memberships: QuerySet[Membership], *, at: dt.datetime) -> list[Membership]:
    """End those of some roles whose time is over, so that another of the kind can be given; return what was ended."""
    over = memberships.filter(ended_at=None, until__lte=at).values_list("pk", flat=True)
    return [one for pk in over if (one := _end(pk, at))]


def _end(pk: int, at: dt.datetime) -> Membership | None:
    with transaction.atomic():
        one = Membership.objects.select_for_update().get(pk=pk)
        if one.ended_at is not None or one.until is None or one.until > at:
            return None
        one.ended_at = at
        audit.save(one, action="membership.expired", actor=None, at=at)
        access.revoke(one.user, Role(one.role).permission, one.site or one.trial)
    return one


def _tell(membership: Membership, at: dt.datetime) -> None:
    """Tell a person once that a role of theirs ends; of a reader's trial no mail says anything."""
    key = f"membership-ends-{membership.pk}"
    if membership.until is None or Mail.objects.filter(key=key).exists():
        return
    mailing.post(
        to=membership.user,
        kind="role",
        key=key,
        subject="A role of yours ends soon",
        body=(
            f"Your role as {membership.get_role_display().lower()} ends by itself on "
            f"{membership.until:%-d %B %Y %H:%M} UTC. If your work goes on, ask your trial's administrator.\n\n"
            f"{mailing.address_of('/')}\n"
        ),
        trial_id=membership.trial_id,
        at=at,
    )
