"""Signatures that were refused for a wrong password: they count toward the lockout of sign-in, and are told.

What is refused is rolled back with all that belongs to it, so the attempt is noted when the request is over
(`compliance.middleware.SigningMiddleware`). It counts for this user name at this address, and for nobody else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db import models, transaction
from django.http import HttpRequest

from compliance import audit, context
from compliance.errors import HouseError
from compliance.models import Record, User

_NOTED = "refused_signatures"


class SigningPaused(HouseError):
    """Too many attempts failed with this user name at this address."""

    code = "signing_paused"
    status = 429


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that was refused: by whom, on what, and which of the components was wrong."""

    actor: User
    about: models.Model
    why: str


def note(actor: User, about: models.Model, why: str = "password") -> None:
    """Remember an attempt until the request is over; outside of a request there is nobody to lock out."""
    request = context.request()
    if request is not None:
        request.__dict__.setdefault(_NOTED, []).append(Refused(actor, about, why))


def require_not_paused(actor: User) -> None:
    """Refuse at once while the person is locked out at this address.

    Raises
    ------
    SigningPaused
    """
    request = context.request()
    if request is None or not settings.AXES_ENABLED:
        return
    if AxesProxyHandler.is_locked(_bare(request), {"username": actor.username}):
        minutes = round(settings.AXES_COOLOFF_TIME * 60)
        raise SigningPaused(
            f"Signing is paused for your user name at this computer, because too many attempts failed. Nothing was "
            f"signed. Wait {minutes} minutes; if it was not you, tell your trial's administrator."
        )


def settle(request: HttpRequest, at: dt.datetime) -> None:
    """Record what was refused in a request that is over, and count it."""
    for one in request.__dict__.pop(_NOTED, ()):
        with transaction.atomic():
            audit.record("signature.refused", _standing(one), actor=one.actor, at=at, after={"why": one.why})
            if settings.AXES_ENABLED:
                # At the limit axes says so, and `compliance.misuse` tells of it.
                AxesProxyHandler.user_login_failed("signature", {"username": one.actor.username}, _bare(request))


def _standing(one: Refused) -> models.Model:
    """What the attempt was about; the person, where that was made only to be signed and is gone again."""
    kept = isinstance(one.about, Record) and type(one.about)._base_manager.filter(pk=one.about.pk).exists()
    return one.about if kept else one.actor


def _bare(request: HttpRequest) -> HttpRequest:
    """Return a request from the same address without its form: axes keeps forms, and no read belongs there."""
    bare = HttpRequest()
    bare.META, bare.method, bare.path = request.META, request.method, request.path
    return bare
