"""Setting up a second factor: an authenticator app by its QR code, a passkey by the browser."""

from __future__ import annotations

import datetime as dt

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from compliance import factors, one_time, passkeys, sessions
from compliance.models import Factor, User
from config.accounts.forms import AppForm, PasskeyForm

#: What was begun, as the session remembers it.
NEW_APP, NEW_PASSKEY = "new app", "new passkey"


def app(request: HttpRequest, user: User, then: str, *, signing_in: bool = False) -> HttpResponse:
    """Show a new app's QR code, and take the app once it gave a code."""
    at, form = timezone.now(), AppForm(request.POST or None)
    # The secret waits in the session under the person's key: it is nobody else's, and stands nowhere in clear.
    sealed = sessions.remembered(request, NEW_APP, user, take=False)
    new = factors.NewApp(factors.unseal(sealed, user) if sealed else one_time.new_secret())
    if request.method == "POST" and form.is_valid():
        if sealed and factors.add_app(user=user, new=new, code=form.cleaned_data["code"], at=at):
            return _done(request, user, then, "app", signing_in, at)
        form.add_error("code", "This is not the app's code. Scan the picture below, and type the newest code.")
    if not sealed:
        sessions.remember(request, NEW_APP, user, factors.seal(new.secret, user))
    return render(
        request,
        f"account/app{'_sign_in' if signing_in else ''}.html",
        {
            "form": form,
            "person": user,
            "qr": _picture(new.address(user)),
            "secret": one_time.as_text(new.secret),
            "replaces": factors.factors_of(user).filter(kind=Factor.Kind.APP).exists(),
            "passkeys": passkeys.possible(),
        },
        status=422 if request.method == "POST" else 200,
    )


def passkey(request: HttpRequest, user: User, then: str, *, signing_in: bool = False) -> HttpResponse:
    """Have the browser make a passkey, and take it."""
    at, form, error = timezone.now(), PasskeyForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        state, answer = sessions.remembered(request, NEW_PASSKEY, user), form.cleaned_data["answer"]
        if factors.add_passkey(user=user, state=state, answer=answer, name=form.cleaned_data["name"], at=at):
            return _done(request, user, then, "passkey", signing_in, at)
        error = "The browser's answer was not accepted. Try once more."
    options = None
    if passkeys.possible():
        known = list(factors.factors_of(user).filter(kind=Factor.Kind.PASSKEY))
        options, state = passkeys.ask_for_new(user, known)
        sessions.remember(request, NEW_PASSKEY, user, state)
    return render(
        request,
        f"account/passkey{'_sign_in' if signing_in else ''}.html",
        {"form": form if form.is_bound else PasskeyForm(), "options": options, "error": error},
        status=422 if request.method == "POST" else 200,
    )


def _done(request: HttpRequest, user: User, then: str, second: str, signing_in: bool, at: dt.datetime) -> HttpResponse:
    """Let the person in, or go on; whoever has no recovery codes is shown some, once."""
    codes = [] if factors.codes_left(user) else factors.new_recovery_codes(user=user, at=at)
    if signing_in:
        sessions.finish(request, user, second, at=at)
    else:
        sessions.remembered(request, NEW_APP, user)
        sessions.go_on(request, user, second)
    return show_codes(request, codes, then) if codes else redirect(then)


def show_codes(request: HttpRequest, codes: list[str], then: str) -> HttpResponse:
    """Show recovery codes in this one answer; they are kept nowhere."""
    return render(request, "account/codes.html", {"codes": codes, "then": then})


def _picture(address: str) -> SafeString:
    """Return an address as a QR code, drawn in the page itself: nothing of it is asked from anywhere."""
    svg = segno.make(address, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None, title="QR code for your app"
    )
    return mark_safe(svg)  # noqa: S308 - drawn from squares
