"""Programs that act for a person by a token: it opens the API, and the doors of uploads, as far as the person may.

A token is issued on the person's own page, shown once, kept as a digest and ended at any time. It signs nothing by
itself: a signature asks for password and factor in each request. What was done with one says so in the trail.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.http import HttpRequest

from compliance import context, factors, tokens
from compliance.errors import HouseError
from compliance.models import ApiToken, User

#: Days that a token may last, and how many a person may have at a time.
DAYS, MOST = (1, 7, 30, 90), 20
DOES_NOT_STAND = "This token does not stand: it is unknown, revoked, or its time is over. Issue another one."
ONLY_LOOKS = "This token only looks. Issue one that may change things, on the page Programs of your account."
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class TooManyTokens(HouseError):
    """The person has as many tokens as anybody may."""

    code = "too_many_tokens"
    status = 409


class NameTaken(HouseError):
    """A token of the person's that stands has the same name."""

    code = "name_taken"
    status = 409


def issue(*, label: str, may_change: bool, days: int, actor: User, at: dt.datetime) -> tuple[ApiToken, str]:
    """Give a person a token for a program; return it with its secret, which is kept nowhere.

    Raises
    ------
    TooManyTokens
    NameTaken
        Another of their tokens in force has this name: the form was sent twice, or they could not tell the two apart.
    """
    if days not in DAYS:
        raise ValueError(f"a token lasts {DAYS} days, not {days}")
    standing = tokens_of(actor, at)
    if standing.filter(label=label).exists():
        raise NameTaken(f"You have a token for {label} already. Revoke that one first, or choose another name.")
    if standing.count() >= MOST:
        raise TooManyTokens(f"You have {MOST} tokens. Revoke one that no program needs any more.")
    token = ApiToken(label=label, may_change=may_change)
    return tokens.issue(token, actor=actor, at=at, lasts=dt.timedelta(days=days))


def tokens_of(user: User, at: dt.datetime) -> QuerySet[ApiToken]:
    """Return a person's tokens in force."""
    return tokens.in_force(ApiToken.objects.filter(holder=user), at)


def secret_of(request: HttpRequest) -> str:
    """Return the secret that a request shows as Bearer (RFC 6750), or an empty string."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def holder(secret: str, at: dt.datetime) -> ApiToken | None:
    """Return the token whose secret this is, while it stands and its holder has the factor that they must have."""
    token = tokens.standing(ApiToken.objects.all(), secret, at)
    if token is None or (factors.required_of(token.holder) and not factors.has_factor(token.holder)):
        return None
    context.by_token(token.pk)
    return token


def lets(token: ApiToken, method: str | None) -> bool:
    """Tell whether a token is good for a method: one that only looks changes nothing."""
    return token.may_change or method in _HARMLESS
