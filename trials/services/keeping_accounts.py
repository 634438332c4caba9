"""Who keeps the installation closes and opens accounts; what an account could open in a trial ends with it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from compliance import access, accounts, audit
from compliance.models import User
from trials.models import CalendarAddress, Membership


def accounts_by_name() -> QuerySet[User]:
    """Return every account there ever was, with the roles that it holds now."""
    held = Membership.objects.filter(ended_at=None).select_related("trial", "site").order_by("trial__code", "role")
    return User.objects.order_by("full_name", "username").prefetch_related(
        Prefetch("memberships", queryset=held, to_attr="held")
    )


def close_account(*, user: User, reason: str, actor: User, at: dt.datetime) -> User:
    """Close an account; see `compliance.accounts.close`.

    Raises
    ------
    compliance.accounts.AccountKept, compliance.access.AccessDenied
    """
    access.require(actor, "trials.keep_accounts")
    with transaction.atomic():
        accounts.close(user=user, reason=reason, actor=actor, at=at)
        for address in CalendarAddress.objects.filter(person=user, revoked_at=None).order_by("pk"):
            address.revoked_at = at
            audit.save(address, action="calendaraddress.revoked", actor=actor, at=at)
    return user


def reopen_account(*, user: User, reason: str, actor: User, at: dt.datetime) -> User:
    """Open a closed account again, for the same person.

    Raises
    ------
    compliance.accounts.AccountKept, compliance.access.AccessDenied
    """
    access.require(actor, "trials.keep_accounts")
    return accounts.reopen(user=user, reason=reason, actor=actor, at=at)
