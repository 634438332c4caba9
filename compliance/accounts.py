"""Accounts are closed, never removed; passwords: one's own signs, one that somebody gave does not.

21 CFR 11.100 (a), 11.200 (a)(3), 11.300 (a) to (c).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit, identities, mailing, misuse, signing, tokens
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


class AccountKept(HouseError):
    """An account that cannot be closed or opened so."""

    code = "account_kept"
    status = 409


def close(*, user: User, reason: str, actor: User, at: dt.datetime) -> User:
    """Close an account: its person is out at once, and nobody gets the name again. The caller asks whether one may.

    Sessions and tokens end. Roles stay on record, and open nothing until the account is opened again.

    Raises
    ------
    AccountKept
        It is one's own, the last one that keeps the installation, closed already, or no reason was given.
    """
    with transaction.atomic():
        row = _locked(user, actor, reason)
        if not row.is_active:
            raise AccountKept(f"The account {row.username} is closed already.")
        keepers = User.objects.select_for_update().filter(is_staff=True, is_active=True).exclude(pk=row.pk)
        if row.is_staff and not keepers.exists():
            raise AccountKept(
                "Nobody else keeps this installation, so this account stays open. Make another one first."
            )
        row.is_active = False
        row.save(update_fields=["is_active"])
        row.end_sessions()
        tokens.end_all(row, actor=actor, at=at)
        audit.record("account.closed", row, actor=actor, at=at, reason=reason.strip())
        misuse.tell(
            row,
            "it was closed",
            f"{actor} has closed your account. You are signed out everywhere, and your programs are let in no longer. "
            "What you did and signed stays yours.",
            at=at,
        )
    user.refresh_from_db()
    return user


def reopen(*, user: User, reason: str, actor: User, at: dt.datetime) -> User:
    """Open a closed account again, for the same person; the caller asks whether one may.

    Raises
    ------
    AccountKept
        It is one's own, open already, or no reason was given.
    """
    with transaction.atomic():
        row = _locked(user, actor, reason)
        if row.is_active:
            raise AccountKept(f"The account {row.username} is open already.")
        row.is_active = True
        row.save(update_fields=["is_active"])
        audit.record("account.reopened", row, actor=actor, at=at, reason=reason.strip())
        misuse.tell(
            row,
            "it was opened again",
            f"{actor} has opened your account again. Password and second factor are what they were; tokens of programs "
            "have to be made anew.",
            at=at,
        )
    user.refresh_from_db()
    return user


def _locked(user: User, actor: User, reason: str) -> User:
    if not reason.strip():
        raise AccountKept("Nothing was done: an account is closed or opened with a reason.")
    if user.pk == actor.pk:
        raise AccountKept("Nobody closes or opens their own account. Ask somebody else who keeps the installation.")
    return User.objects.select_for_update().get(pk=user.pk)


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


def change_password(*, user: User, password: str, end_programs: bool, at: dt.datetime) -> None:
    """Set the password that a person has chosen, and end all their sessions; the door has asked for the one before.

    Parameters
    ----------
    end_programs
        End the tokens of their programs, too: whoever knew the password may have issued one (ASVS 5, 7.4.3).
    """
    with transaction.atomic():
        choose_password(user=user, password=password)
        user.end_sessions()
        if end_programs:
            tokens.end_all(user, actor=user, at=at)
        audit.record("account.password_changed", user, actor=user, at=at)
        also = " The tokens of your programs have ended." if end_programs else ""
        misuse.tell(user, "password changed", f"The password of your account was changed.{also}", at=at)


def choose_password(*, user: User, password: str) -> None:
    """Set the password that a person has chosen, and nothing else."""
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
