"""Sessions: between the password and the second factor, until their end, and what makes them fresh enough.

Between the two steps nobody is signed in: the session remembers who gave the password, for ten minutes, and holds no
right. Whoever is signed in is so for twelve hours at most, and while requests come (`SESSION_COOKIE_AGE`).
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from compliance import audit, factors
from compliance.models import User

#: Seconds: a session as a whole; from the password to the second factor; after which a change of an account, or what
#: was begun for one, asks again who it is.
LONGEST, BETWEEN_STEPS, FRESH = 12 * 3600, 600, 600
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_HALF, _STARTED, _CONFIRMED, _SECOND, _BEGUN = "half", "started", "confirmed", "second", "begun"


@dataclass(frozen=True, slots=True)
class Half:
    """Who gave the right password, and where they wanted to go."""

    user: User
    then: str


def begin(request: HttpRequest, user: User, then: str) -> None:
    """Remember that somebody gave the right password, in a new session that holds nothing else."""
    request.session.flush()
    request.session[_HALF] = {
        "user": user.pk,
        "rests_on": user.get_session_auth_hash(),
        "then": then,
        "at": int(time.time()),
    }


def half(request: HttpRequest) -> Half | None:
    """Return who gave the password a moment ago; None once it changed, the account was closed, or time is over."""
    kept = request.session.get(_HALF)
    if not kept or not 0 <= time.time() - kept["at"] < BETWEEN_STEPS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(kept["rests_on"], user.get_session_auth_hash()):
        return None
    return Half(user, kept["then"])


def finish(request: HttpRequest, user: User, second: str, *, at: dt.datetime) -> None:
    """Sign somebody in who gave all that is asked; the session gets another identifier, which nobody knew before."""
    request.session.pop(_HALF, None)
    request.session.pop(_BEGUN, None)
    login(request, user, backend=_BACKEND)
    request.session[_SECOND] = second
    audit.record("account.signed_in", user, actor=user, at=at, after={"second_factor": second or "none"})


def go_on(request: HttpRequest, user: User, second: str | None = None) -> None:
    """Keep this one session of a person whose others were ended, under another identifier."""
    update_session_auth_hash(request, user)
    if second is not None:
        request.session[_SECOND] = second


@receiver(user_logged_in)
def _started(request: HttpRequest, **_: object) -> None:
    request.session[_STARTED] = request.session[_CONFIRMED] = int(time.time())


def holder(request: HttpRequest, user: Any) -> Any:
    """Return the person of a session, unless it is over, or lacks the second factor that the person must have."""
    if not isinstance(user, User):
        return user
    started = request.session.get(_STARTED)
    over = started is None or time.time() - started >= LONGEST
    if over or (not request.session.get(_SECOND) and factors.required_of(user)):
        request.session.flush()
        return AnonymousUser()
    return user


def started_at(request: HttpRequest) -> dt.datetime:
    """Return when this session began."""
    return dt.datetime.fromtimestamp(request.session[_STARTED], dt.UTC)


def ends_at(request: HttpRequest) -> dt.datetime:
    """Return when this session ends, whatever is done in it."""
    return started_at(request) + dt.timedelta(seconds=LONGEST)


def confirm(request: HttpRequest) -> None:
    """Remember that the person showed a moment ago who they are."""
    request.session[_CONFIRMED] = int(time.time())


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether the person showed a moment ago who they are, so that the account may be changed."""
    return 0 <= time.time() - request.session.get(_CONFIRMED, 0) < FRESH


def remember(request: HttpRequest, what: str, user: User, value: Any) -> None:
    """Keep what was begun for a person, such as what a passkey was asked, until it is finished."""
    begun = request.session.get(_BEGUN, {})
    request.session[_BEGUN] = {**begun, what: {"user": user.pk, "at": int(time.time()), "value": value}}


def remembered(request: HttpRequest, what: str, user: User, *, take: bool = True) -> Any:
    """Return what was begun for this very person a moment ago, or None; taken, it is there no more."""
    begun = dict(request.session.get(_BEGUN, {}))
    found = begun.pop(what, None) if take else begun.get(what)
    request.session[_BEGUN] = begun
    if not found or found["user"] != user.pk or not 0 <= time.time() - found["at"] < FRESH:
        return None
    return found["value"]
