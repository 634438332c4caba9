"""Who a person is at the identity provider: linked by somebody else, by issuer and subject, never by a mail address.

Whoever is linked signs in there and nowhere else: the password here ends, so that an account that was closed there
opens nothing here, and each person has one credential (21 CFR 11.300 (a)).
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction

from compliance import audit, misuse
from compliance.errors import HouseError
from compliance.models import ProviderIdentity, User


class IdentityRefused(HouseError):
    """A person cannot be linked so."""

    code = "identity_refused"
    status = 409


def of(user: User) -> ProviderIdentity | None:
    """Return who a person is at the provider now; None: they sign in with a password."""
    return ProviderIdentity.objects.filter(holder=user, ended_at=None).first()


def user_of(issuer: str, subject: str) -> User | None:
    """Return whom a subject of an issuer stands for, closed accounts too."""
    found = ProviderIdentity.objects.filter(issuer=issuer, subject=subject, ended_at=None).select_related("holder")
    return next((one.holder for one in found if one.subject == subject), None)


def who_have_one(people: list[int]) -> set[int]:
    """Return who of these people, by their keys, signs in at the provider."""
    return set(ProviderIdentity.objects.filter(holder__in=people, ended_at=None).values_list("holder", flat=True))


def link(*, user: User, subject: str, actor: User | None, reason: str, at: dt.datetime) -> ProviderIdentity:
    """Let a person sign in at the provider, and nowhere else; the caller asks whether `actor` may. The person is told.

    Parameters
    ----------
    subject
        Who the person is there: what the provider calls `sub`.
    actor
        Who links; None: whoever keeps the server.

    Raises
    ------
    IdentityRefused
    """
    subject = subject.strip()
    if not settings.OIDC_ISSUER:
        raise IdentityRefused("This installation has no identity provider, so nobody can be linked.")
    _refuse_oneself(user, actor)
    if not subject or len(subject) > 255:
        raise IdentityRefused("Give the subject by which the provider names the person.")
    known = ProviderIdentity.objects.filter(issuer=settings.OIDC_ISSUER, subject=subject)
    if any(one.subject == subject and one.holder_id != user.pk for one in known):
        raise IdentityRefused("This subject names somebody else here, or did so before. It is given to nobody again.")
    identity = ProviderIdentity(holder=user, issuer=settings.OIDC_ISSUER, subject=subject, linked_at=at)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        if of(row) is not None:
            raise IdentityRefused(f"{user} is linked already. End that link first.")
        row.set_unusable_password()
        row.password_given_at = None
        row.save(update_fields=["password", "password_given_at"])
        row.end_sessions()
        audit.save(identity, action="provideridentity.linked", actor=actor, at=at, reason=reason)
        misuse.tell(
            row,
            "you sign in elsewhere now",
            f"{actor or 'The operator'} has linked your account with {settings.OIDC_NAME}. You sign in there from now "
            "on, and sign by signing in there once more; your password here has ended.",
            at=at,
        )
    user.refresh_from_db()
    return identity


def end(*, user: User, actor: User | None, reason: str, at: dt.datetime) -> None:
    """End a person's link; they have no way in before somebody gives them a password.

    Raises
    ------
    IdentityRefused
    """
    _refuse_oneself(user, actor)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        if (identity := of(row)) is None:
            raise IdentityRefused(f"{user} is not linked with an identity provider.")
        identity.ended_at = at
        audit.save(identity, action="provideridentity.ended", actor=actor, at=at, reason=reason)
        row.end_sessions()
        misuse.tell(
            row,
            "you no longer sign in elsewhere",
            f"{actor or 'The operator'} has ended the link of your account with the identity provider.",
            at=at,
        )


def _refuse_oneself(user: User, actor: User | None) -> None:
    if actor is not None and actor.pk == user.pk:
        raise IdentityRefused("Nobody links their own account, or ends that. Ask another administrator.")
