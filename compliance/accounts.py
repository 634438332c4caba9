"""Passwords: one's own choice signs, one that somebody else gave does not (21 CFR 11.200 (a)(3), 11.300 (c))."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit, identities, mailing, signing
from compliance.errors import HouseError
from compliance.models import PolicyAcceptance, User
from compliance.signature_policy import in_force, is_accepted_by
from compliance.signing import Intent


class PolicyChanged(HouseError):
    """Another version of the policy is in force than the one that was read."""

    code = "policy_changed"
    status = 409


class PasswordUnused(HouseError):
    """A password for somebody who signs in at the identity provider."""

    code = "password_unused"
    status = 409


def give_password(*, user: User, password: str, actor: User | None, at: dt.datetime) -> None:
    """Set somebody else's password, after it was lost; they are told, and sign nothing before they have chosen one.

    Parameters
    ----------
    actor
        Who gives it; None: whoever keeps the server.

    Raises
    ------
    PasswordUnused
    """
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        if identities.of(row) is not None:
            raise PasswordUnused(f"{row} signs in at the identity provider. End that link first.")
        row.set_password(password)
        row.password_given_at = at
        row.save(update_fields=["password", "password_given_at"])
        audit.record("user.password_given", row, actor=actor, at=at)
        mailing.post(
            to=row,
            kind="password",
            key=f"user.password_given-{row.pk}-{at:%Y%m%d%H%M%S%f}",
            subject="Your password was set by somebody else",
            body=(
                "Somebody who administers Parallax has given you a new password. You can sign in with it, and nobody "
                "can sign with it: choose one of your own first. If you did not ask for this, "
                f"tell your trial's administrator now.\n\n{mailing.address_of('/account/password/')}\n"
            ),
            trial_id=None,
            at=at,
        )
    user.refresh_from_db()


def choose_password(*, user: User, password: str) -> None:
    """Set the password that a person has chosen; the door has asked for the one before, and records the change."""
    user.set_password(password)
    user.password_given_at = None
    user.save(update_fields=["password", "password_given_at"])


def accept_policy(*, version: int, signature: Intent, actor: User, at: dt.datetime) -> PolicyAcceptance:
    """Accept the e-signature policy in force, by signature; accepting it twice is one acceptance.

    Raises
    ------
    PolicyChanged
        Another version is in force than the person has read.
    compliance.signing.WrongPassword, compliance.signing.NotReadyToSign, compliance.signing.ContentChanged
    """
    policy = in_force()
    if version != policy.version:
        raise PolicyChanged("Another version of the policy is in force now. Load the page, read it and accept it.")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.pk)
        if is_accepted_by(actor):
            return PolicyAcceptance.objects.get(user=actor, version=policy.version)
        accepted = PolicyAcceptance(user=actor, version=policy.version, text_sha256=policy.sha256, at=at)
        signing.require_unchanged(accepted, signature)
        audit.save(accepted, action="policyacceptance.given", actor=actor, at=at)
        signing.sign(accepted, signature.once_compared(), actor=actor, at=at)
    return accepted
