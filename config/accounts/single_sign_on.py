"""Signing in at the identity provider: the way there, the way back, and what opens then.

Nobody is let in whom no administrator has linked, and no account is made here. A way back belongs to the session in
which it was begun, and serves once.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from compliance import audit, factors, fresh_sign_ins, identities, mailing, provider, refusals, sessions
from compliance.models import User
from config.accounts.proving import SHOWN, safe

log = logging.getLogger(__name__)

#: What somebody is on the way for: to be let in, to sign, or to show who it is before a change of the account.
IN, SIGN, CONFIRM = "", "sign", "confirm"
#: Ways that one session may have begun, and the seconds that each may take.
_TRIPS, MOST, LASTS = "trips", 5, 600


@never_cache
@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Lead the browser to the provider."""
    purpose, then = request.GET.get("for", IN), safe(request, request.GET.get("next", ""))
    user = request.user if isinstance(request.user, User) else None
    if not provider.is_set() or (purpose == IN) == (user is not None):
        return redirect("login") if user is None else redirect(then)
    not_before = None
    if user is not None:
        act = fresh_sign_ins.waiting(request, user) if purpose == SIGN else None
        if identities.of(user) is None or (purpose == SIGN and act is None):
            return redirect("sign_fresh" if purpose == SIGN else "security")
        not_before = act["begun"] if act else int(time.time())
    trip = provider.set_out(not_before=not_before)
    address = provider.address_of(trip, _back())
    _remember(request, trip, {"for": purpose, "next": then, "user": user.pk if user else None})
    return redirect(address)


def _back() -> str:
    """Return where the provider sends the browser; the provider knows this address and no other."""
    return mailing.address_of(resolve_url("provider_back"))


def _remember(request: HttpRequest, trip: provider.Trip, more: dict[str, Any]) -> None:
    kept = {
        **request.session.get(_TRIPS, {}),
        trip.state: {"trip": dataclasses.asdict(trip), "at": time.time(), **more},
    }
    request.session[_TRIPS] = dict(sorted(kept.items(), key=lambda item: item[1]["at"])[-MOST:])


def _taken(request: HttpRequest) -> dict[str, Any] | None:
    """Return what this session remembers of the way that ends here; it is remembered no more."""
    kept = dict(request.session.get(_TRIPS, {}))
    found = kept.pop(request.GET.get("state", ""), None)
    request.session[_TRIPS] = kept
    return found if found and 0 <= time.time() - found["at"] < LASTS else None


@never_cache
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Take what the browser brings back from the provider."""
    kept = _taken(request)
    user = request.user if isinstance(request.user, User) else None
    if kept is None or kept["user"] != (user.pk if user else None):
        return _refused(request, "This sign-in was not begun in this browser, or took too long. Start again.", 400)
    try:
        answer = {name: value for name, value in request.GET.items() if isinstance(value, str)}
        shown = provider.come_back(provider.Trip(**kept["trip"]), answer, _back(), at=timezone.now())
    except (provider.ProviderRefused, provider.ProviderAway) as problem:
        why = str(problem.details.get("why", "the provider does not answer"))
        if user is not None and isinstance(problem, provider.ProviderRefused):
            _note(user, kept["for"], why)
        else:
            log.warning("A sign-in at the identity provider failed: %s.", why)
        return _refused(request, problem.message, problem.status, kept["for"])
    if user is None:
        return _let_in(request, shown, kept["next"])
    return _shown_again(request, user, shown, kept["for"], kept["next"])


def _let_in(request: HttpRequest, shown: provider.Shown, then: str) -> HttpResponse:
    """Let a linked person in, or on to the second step."""
    user, at = identities.user_of(shown.issuer, shown.subject), timezone.now()
    if user is None or not user.is_active:
        if user is not None:
            audit.record("account.refused", user, actor=None, at=at, after={"why": "the account is closed"})
        return _refused(
            request,
            f"You are known to {settings.OIDC_NAME}, and have no open account here that is linked with it. Ask your "
            "trial's administrator.",
        )
    if shown.trusted:
        sessions.finish(request, user, "provider", at=at)
    elif factors.password_is_enough(user):
        sessions.finish(request, user, "", at=at)
    else:
        sessions.begin(request, user, then)
        return redirect("second_step" if factors.has_factor(user) else "sign_in_app")
    return redirect(then)


def _shown_again(request: HttpRequest, user: User, shown: provider.Shown, purpose: str, then: str) -> HttpResponse:
    """Take that a person who is signed in has shown once more who they are: for one signature, or for a change."""
    identity = identities.of(user)
    if identity is None or (identity.issuer, identity.subject) != (shown.issuer, shown.subject):
        _note(user, purpose, "somebody else at the provider")
        return _refused(
            request, f"You are signed in here as {user}, and at {settings.OIDC_NAME} as somebody else.", 403, purpose
        )
    at = timezone.now()
    if purpose == SIGN:
        fresh_sign_ins.returned(request, user, identity, shown, at=at)
        return redirect("sign_fresh")
    if shown.trusted or not factors.has_factor(user):
        sessions.confirm(request)
        return redirect(then)
    sessions.remember(request, SHOWN, user, True)
    return redirect(f"{resolve_url('confirm')}?then={then}")


def _note(user: User, purpose: str, why: str) -> None:
    """Let an attempt to show that one is somebody count, as a wrong password at a signature does."""
    if purpose == SIGN:
        refusals.note(user, user, why)
    else:
        audit.record("account.refused", user, actor=user, at=timezone.now(), after={"why": why})


def _refused(request: HttpRequest, sentence: str, status: int = 403, purpose: str = IN) -> HttpResponse:
    return render(
        request, "account/provider_refused.html", {"sentence": sentence, "signing": purpose == SIGN}, status=status
    )


@never_cache
@require_safe
def way_out(request: HttpRequest) -> HttpResponse:
    """Sign out of the provider as well, where it lets us say so."""
    there = provider.way_out(mailing.address_of(resolve_url("login"))) if provider.is_set() else ""
    return redirect(there or "login")
