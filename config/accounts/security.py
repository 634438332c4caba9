"""The page Security: a person's factors, recovery codes, password and sessions, each changed by that person alone."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from compliance import access, accounts, audit, factors, identities, passkeys, programs, sessions, tokens
from compliance.errors import HouseError
from config.accounts import enrolling
from config.accounts.forms import OwnPasswordForm
from config.accounts.proving import fresh

#: Sign-ins listed on the page.
LAST = 8


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What protects the account, and where it was used."""
    user = access.actor(request)
    return render(
        request,
        "account/security.html",
        {
            "factors": factors.factors_of(user),
            "codes_left": factors.codes_left(user),
            "programs": programs.tokens_of(user, timezone.now()).count(),
            "required": factors.required_of(user),
            "passkeys": passkeys.possible(),
            "identity": identities.of(user),
            "started": sessions.started_at(request),
            "ends": sessions.ends_at(request),
            "sign_ins": audit.history(user).filter(action="account.signed_in")[:LAST],
        },
    )


@never_cache
@fresh
def app(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app."""
    return enrolling.app(request, access.actor(request), resolve_url("security"))


@never_cache
@fresh
def passkey(request: HttpRequest) -> HttpResponse:
    """Set up a passkey."""
    return enrolling.passkey(request, access.actor(request), resolve_url("security"))


@require_POST
@fresh
def new_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, which end the earlier ones."""
    user = access.actor(request)
    if not factors.has_factor(user):
        messages.error(request, "Recovery codes stand in for a second factor. Set one up first.")
        return redirect("security")
    codes = factors.new_recovery_codes(user=user, at=timezone.now())
    return enrolling.show_codes(request, codes, resolve_url("security"))


@require_POST
@fresh
def remove(request: HttpRequest) -> HttpResponse:
    """Take one's own factor away."""
    user, named = access.actor(request), request.POST.get("factor", "")
    factor = factors.factors_of(user).filter(pk=named).first() if named.isdecimal() else None
    if not named:
        messages.error(request, "Say which factor is to be removed.")
        return redirect("security")
    if factor is None:
        audit.denied(request, "remove a factor", timezone.now())
        raise Http404
    try:
        factors.remove(factor=factor, actor=user, at=timezone.now())
    except HouseError as problem:
        messages.error(request, problem.message)
        return redirect("security")
    sessions.go_on(request, user)
    messages.success(request, f"{factor} is removed. You are signed out everywhere else.")
    return redirect("security")


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End every other session of one's own."""
    user = access.actor(request)
    user.end_sessions()
    sessions.go_on(request, user)
    audit.record("account.sessions_ended", user, actor=user, at=timezone.now())
    messages.success(request, "You are signed out everywhere else.")
    return redirect("security")


@never_cache
@fresh
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password, which ends every other session, and the tokens of programs if that is not declined."""
    user, at = access.actor(request), timezone.now()
    if identities.of(user) is not None:
        messages.error(request, "You sign in at your identity provider, and have no password here. Change it there.")
        return redirect("security")
    form = OwnPasswordForm(user, request.POST or None, tokens=len(tokens.all_of(user, at)))
    if request.method == "POST" and form.is_valid():
        ends = bool(form.cleaned_data.get("end_programs"))
        accounts.change_password(user=user, password=form.cleaned_data["new_password1"], end_programs=ends, at=at)
        sessions.go_on(request, user)
        also = ", and your programs are let in no more" if ends else ""
        messages.success(request, f"Your password is changed. You are signed out everywhere else{also}.")
        return redirect("security")
    status = 422 if request.method == "POST" else 200
    return render(request, "account/password.html", {"form": form}, status=status)
