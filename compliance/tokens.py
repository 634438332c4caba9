"""Secrets that programs show instead of a person's password: made here, kept as digests, ended at any time."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TypeVar

from django.db.models import QuerySet

from compliance import audit
from compliance.models import ExpiringToken, User

#: So that a token is known for what it is where it should not be, in a log or a repository.
PREFIX = "plx_"
#: How long a program may go on with a token: a working day.
LASTS = dt.timedelta(hours=12)

T = TypeVar("T", bound=ExpiringToken)


def new_secret() -> str:
    """Return a secret that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(token: T, *, actor: User, at: dt.datetime, lasts: dt.timedelta = LASTS) -> tuple[T, str]:
    """Give a person a token, which says already for what; return it with its secret, which is kept nowhere."""
    secret = new_secret()
    token.holder, token.token_sha256 = actor, digest_of(secret)
    token.created_at, token.expires_at = at, at + lasts
    return audit.save(token, action=f"{token._meta.model_name}.issued", actor=actor, at=at), secret


def revoke(token: T, *, actor: User, at: dt.datetime) -> T:
    """End a token before its time."""
    if token.revoked_at is None:
        token.revoked_at = at
        audit.save(token, action=f"{token._meta.model_name}.revoked", actor=actor, at=at)
    return token


def end_all(holder: User, *, actor: User, at: dt.datetime) -> None:
    """End every token of a person, whichever room gave it."""
    for token in all_of(holder, at):
        revoke(token, actor=actor, at=at)


def all_of(holder: User, at: dt.datetime) -> list[ExpiringToken]:
    """Return every token of a person that has not ended, whichever room gave it."""
    found: list[ExpiringToken] = []
    for kind in ExpiringToken.__subclasses__():
        found += kind._base_manager.filter(holder=holder, revoked_at=None, expires_at__gt=at).order_by("pk")
    return found


def standing(tokens: QuerySet[T], secret: str, at: dt.datetime) -> T | None:
    """Return the token whose secret this is, unless it was revoked or its time is over."""
    return in_force(tokens, at).filter(token_sha256=digest_of(secret)).first()


def in_force(tokens: QuerySet[T], at: dt.datetime) -> QuerySet[T]:
    """Return the tokens that open something now."""
    return tokens.filter(revoked_at=None, expires_at__gt=at, holder__is_active=True).select_related("holder")
