"""Emergency access: a role for some hours, with a reason, told at once, and gone over afterwards (45 CFR 164.312 (a)).

Everything done under it says so in the trail, as the role in which it was done. It opens what the role opens in this
trial, and from its end on nothing (`compliance.access`), also before the beat has noted that. No role that is blinded
can be taken, nobody takes one who is blinded in the trial, and nobody a second one before the first was gone over.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse

from compliance import access, audit, mailing
from compliance.errors import HouseError
from compliance.models import AuditEvent, Signature, User
from compliance.signing import Intent
from compliance.transitions import IllegalMove, advance
from trials.models import BLINDED, EmergencyAccess, Membership, Role, Trial
from trials.selectors import IN_EMERGENCY, members_with
from trials.services.delegating import end_if_over
from trials.states import EmergencyState

KIND = "emergency access"
MEANING = Signature.Meaning.REVIEW
#: Roles that can be taken; readers, adjudicators and sponsors are blinded, and a site's people are the site's.
ROLES = (Role.QC_ANALYST, Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR)
#: For so many hours.
HOURS = (1, 2, 4, 8)
#: Who goes over it: by a role that they were given.
_REVIEWERS = (Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
_AGAIN = "You have the role {} in this trial already, so nothing was opened."


class NoEmergency(HouseError):
    """An emergency access that cannot be opened, ended or reviewed so."""

    code = "no_emergency_access"
    status = 409


def open_access(*, trial: Trial, role: Role, hours: int, reason: str, actor: User, at: dt.datetime) -> EmergencyAccess:
    """Take a role for some hours; those who answer for the trial and the installation are told at once.

    Raises
    ------
    NoEmergency
        Without a reason, for another role or time, or by somebody who has the role, is blinded in the trial, or had
        emergency access that nobody has reviewed.
    compliance.access.AccessDenied
    """
    access.require(actor, "trials.break_glass", trial)
    if not reason.strip() or role not in ROLES or hours not in HOURS:
        raise NoEmergency("No access was opened: choose a role and a time, and say why it cannot wait.")
    until = at + dt.timedelta(hours=hours)
    with transaction.atomic():
        # Who sends twice, from two pages, waits here for the first.
        Trial.objects.select_for_update().get(pk=trial.pk)
        _require_free(trial, role, actor, at)
        membership = Membership(user=actor, trial=trial, role=role, granted_at=at, until=until)
        try:
            with transaction.atomic():
                audit.save(
                    membership, action="membership.granted", actor=actor, at=at, reason=f"Emergency: {reason.strip()}"
                )
        except IntegrityError as there:
            raise NoEmergency(_AGAIN.format(role.label)) from there
        emergency = EmergencyAccess(membership=membership, trial=trial, reason=reason.strip(), opened_at=at)
        audit.save(emergency, action="emergencyaccess.opened", actor=actor, at=at)
        access.grant(actor, role.permission, trial, until=until)
        _tell(emergency, at)
    return emergency


def _require_free(trial: Trial, role: Role, actor: User, at: dt.datetime) -> None:
    had = Membership.objects.filter(trial=trial, user=actor)
    end_if_over(had, at=at)
    if had.filter(role=role, ended_at=None).exists():
        raise NoEmergency(_AGAIN.format(role.label))
    if had.filter(role__in=BLINDED).exists():
        raise NoEmergency("Whoever is blinded in a trial, or was, takes no other role in it: that would unblind them.")
    waiting = EmergencyAccess.objects.filter(trial=trial, membership__user=actor)
    if last := waiting.exclude(state=EmergencyState.REVIEWED).first():
        raise NoEmergency(
            f"Your emergency access of {last.opened_at:%-d %B %Y %H:%M} UTC was not reviewed yet, so nothing was "
            "opened. Ask an administrator or auditor of the trial to review it, or to give you the role."
        )


def end_access(*, emergency: EmergencyAccess, actor: User, at: dt.datetime) -> EmergencyAccess:
    """End an emergency access before its time: by whoever opened it, or an administrator of the trial.

    Raises
    ------
    NoEmergency, compliance.access.AccessDenied
    """
    membership = emergency.membership
    if membership.user_id != actor.pk:
        access.require(actor, "trials.administer", emergency)
    with transaction.atomic():
        row = Membership.objects.select_for_update().get(pk=membership.pk)
        if row.ended_at is not None or (row.until is not None and row.until <= at):
            raise NoEmergency("The emergency access is over already.")
        row.ended_at = at
        audit.save(row, action="membership.ended", actor=actor, at=at, reason="The emergency is over")
        access.revoke(row.user, Role(row.role).permission, emergency.trial)
        return advance(emergency, "end", actor=actor, at=at, ended_at=at)


def settle(*, at: dt.datetime) -> None:
    """Note of each open emergency access whose role has ended, by its time or by somebody's hand, that it is over."""
    over = EmergencyAccess.objects.filter(state=EmergencyState.OPEN).exclude(membership__ended_at=None)
    for one in over.select_related("membership"):
        # Whoever ended it meanwhile has noted it.
        with suppress(IllegalMove):
            advance(one, "end", actor=None, at=at, ended_at=one.membership.ended_at)


def review(
    *, emergency: EmergencyAccess, finding: str, signature: Intent, actor: User, at: dt.datetime
) -> EmergencyAccess:
    """Say by signature what was found when somebody else's emergency access was gone over.

    Raises
    ------
    NoEmergency
        It is one's own, nothing was written, or one's role is an emergency's itself.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    access.require(actor, "trials.review_emergency", emergency)
    if emergency.membership.user_id == actor.pk:
        raise NoEmergency("Nobody reviews their own emergency access. Somebody else who may has to do it.")
    if not reviews(actor, emergency.trial, at):
        raise NoEmergency("Nobody reviews an emergency access by another one. Somebody who was given the role does it.")
    if not finding.strip():
        raise NoEmergency("Nothing was signed: say what was done under it, and whether that was right.")
    return advance(
        emergency,
        "review",
        actor=actor,
        at=at,
        signature=signature,
        finding=finding.strip(),
        reviewed_by=actor,
    )


def reviews(person: User, trial: Trial, at: dt.datetime) -> bool:
    """Tell whether somebody goes over emergency accesses of others: by a role given to them, not taken."""
    given = Membership.in_force(at).filter(trial=trial, user=person, role__in=_REVIEWERS, emergency=None)
    return access.may(person, "trials.review_emergency", trial) and given.exists()


def acts_under(emergency: EmergencyAccess) -> QuerySet[AuditEvent]:
    """Return what was done under an emergency access, the latest first."""
    events = AuditEvent.objects.filter(trial_id=emergency.trial_id, actor=emergency.membership.user)
    events = events.filter(at__gte=emergency.opened_at, role__contains=IN_EMERGENCY)
    if emergency.ended_at:
        events = events.filter(at__lte=emergency.ended_at)
    return events.order_by("-id")


def _tell(emergency: EmergencyAccess, at: dt.datetime) -> None:
    trial, membership = emergency.trial, emergency.membership
    people = {one for role in (Role.TRIAL_ADMINISTRATOR, Role.AUDITOR) for one in members_with(trial, role)}
    people |= set(User.objects.filter(is_staff=True))
    page = mailing.address_of(reverse("trials:emergency", args=[emergency.pk]))
    for person in sorted((one for one in people if one.is_active), key=lambda one: one.pk):
        mailing.post(
            to=person,
            kind=KIND,
            key=f"emergency-{emergency.pk}-{person.pk}",
            subject="Emergency access was opened",
            body=(
                f"{membership.user} ({membership.user.username}) took the role {membership.get_role_display()} in "
                f"trial {trial.code} on {at:%-d %B %Y %H:%M} UTC, until {membership.until:%-d %B %Y %H:%M} UTC.\n\n"
                f"Reason: {emergency.reason}\n\n{page}\n\n"
                "Administrators of the trial can end it there before its time. It is to be reviewed when it is over.\n"
            ),
            trial_id=trial.pk,
            at=at,
        )
