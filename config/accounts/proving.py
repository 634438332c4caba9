"""Asking for a second factor on a page, and taking it: at sign-in, and before a change of an account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from compliance import access, factors, identities, passkeys, sessions
from compliance.models import Factor, User
from config.accounts.forms import PasswordForm, ProofForm

#: What was begun, as the session remembers it.
ASKED = "passkey asked"
#: That the identity provider has shown who it is, before a factor of one's own is asked for.
SHOWN = "provider shown"
WRONG = "This was not accepted. A code serves once and for half a minute; wait for the next one, or use another way."

View = Callable[[HttpRequest], HttpResponse]


def asked(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what a page needs to ask for a factor of this person; a passkey is asked anew each time."""
    keys = list(factors.factors_of(user).filter(kind=Factor.Kind.PASSKEY)) if passkeys.possible() else []
    options = None
    if keys:
        options, state = passkeys.ask(keys)
        sessions.remember(request, ASKED, user, state)
    return {"person": user, "has_factor": factors.has_factor(user), "passkey": options}


def proven(request: HttpRequest, form: ProofForm, user: User, *, at: dt.datetime) -> str:
    """Return which factor the person showed, or ""; a failure counts as one of the password does, and pauses both."""
    if not is_let_try(request, user) or not form.is_valid():
        return ""
    if answer := form.cleaned_data["answer"]:
        found = factors.check_passkey(user, sessions.remembered(request, ASKED, user), answer, at=at)
    else:
        found = factors.check(user, form.cleaned_data["code"], at=at)
    if not found:
        count_failure(request, user)
        form.add_error("code", WRONG)
    return found


def is_let_try(request: HttpRequest, user: User) -> bool:
    """Tell whether this person may try from this address; if not, the middleware of axes answers."""
    credentials = {"username": user.username}
    if AxesProxyHandler.is_allowed(request, credentials):
        return True
    request.axes_locked_out, request.axes_credentials = True, credentials  # type: ignore[attr-defined]
    return False


def count_failure(request: HttpRequest, user: User) -> None:
    """Let axes know of a failure."""
    user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)


def safe(request: HttpRequest, then: str, otherwise: str = "home") -> str:
    """Return where somebody is led who is done: to a page of this installation and nowhere else."""
    ours = url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure())
    return then if ours else resolve_url(otherwise)


def fresh(view: View) -> View:
    """Ask who it is before a change of an account, unless that was shown a moment ago."""

    @wraps(view)
    def guard(request: HttpRequest) -> HttpResponse:
        if sessions.is_fresh(request):
            return view(request)
        return _ask(request, request.path, status=403 if request.method == "POST" else 200)

    return guard


@never_cache
def confirm(request: HttpRequest) -> HttpResponse:
    """Show once more who it is, by the password and the second factor if there is one."""
    then = safe(request, request.POST.get("then", "") or request.GET.get("then", ""), "security")
    if request.method != "POST":
        return _ask(request, then)
    user, at = access.actor(request), timezone.now()
    password, proof = PasswordForm(request.POST), ProofForm(request.POST)
    if identities.of(user) is not None:
        return _confirm_elsewhere(request, user, then, proof, at)
    if not is_let_try(request, user) or not password.is_valid():
        return _ask(request, then, password, proof, status=422)
    if not user.check_password(password.cleaned_data["password"]):
        count_failure(request, user)
        password.add_error("password", "This is not your password.")
        return _ask(request, then, password, status=422)
    if factors.has_factor(user) and not proven(request, proof, user, at=at):
        return _ask(request, then, password, proof, status=422)
    sessions.confirm(request)
    return redirect(then)


def _confirm_elsewhere(request: HttpRequest, user: User, then: str, proof: ProofForm, at: dt.datetime) -> HttpResponse:
    """Take the second factor of whom the identity provider has shown a moment ago."""
    shown = sessions.remembered(request, SHOWN, user, take=False)
    if not shown or not proven(request, proof, user, at=at):
        return _ask(request, then, None, proof, status=422)
    sessions.remembered(request, SHOWN, user)
    sessions.confirm(request)
    return redirect(then)


def _ask(
    request: HttpRequest,
    then: str,
    password: PasswordForm | None = None,
    proof: ProofForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user = access.actor(request)
    context = {
        "then": then,
        "password_form": password or PasswordForm(),
        "form": proof or ProofForm(),
        "elsewhere": settings.OIDC_NAME if identities.of(user) else "",
        "shown": sessions.remembered(request, SHOWN, user, take=False),
    }
    return render(request, "account/confirm.html", context | asked(request, user), status=status)
