"""Signing in: the password, then the second factor, or its enrolment where the installation requires one."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from compliance import factors, sessions
from config.accounts import enrolling
from config.accounts.forms import ProofForm
from config.accounts.proving import asked, proven, safe

Step = Callable[[HttpRequest, sessions.Half], HttpResponse]


class PasswordStep(LoginView):
    """The password. It signs in only whoever needs nothing more; to all others it opens the next step alone."""

    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponseRedirect:
        """Go on to the next step, or in."""
        user = form.get_user()
        if factors.password_is_enough(user):
            sessions.finish(self.request, user, "", at=timezone.now())
            return HttpResponseRedirect(self.get_success_url())
        sessions.begin(self.request, user, self.get_redirect_url())
        return redirect("second_step" if factors.has_factor(user) else "sign_in_app")


@never_cache
def second_step(request: HttpRequest) -> HttpResponse:
    """Take the second factor of whoever gave the password a moment ago."""
    half, at = sessions.half(request), timezone.now()
    if half is None or not factors.has_factor(half.user):
        return redirect("login")
    form = ProofForm(request.POST or None)
    if request.method == "POST" and (shown := proven(request, form, half.user, at=at)):
        sessions.finish(request, half.user, shown, at=at)
        if shown == "recovery code":
            left = factors.codes_left(half.user)
            messages.warning(request, f"That recovery code is used up; {left} are left. Mend your factors on Security.")
        return redirect(safe(request, half.then))
    status = 422 if request.method == "POST" else 200
    return render(request, "account/second_step.html", {"form": form} | asked(request, half.user), status=status)


def _without_factor(step: Step) -> Callable[[HttpRequest], HttpResponse]:
    """Open a step to whoever gave the password and has no factor yet; who has one gives it, and adds none here."""

    @never_cache
    def guard(request: HttpRequest) -> HttpResponse:
        half = sessions.half(request)
        if half is None:
            return redirect("login")
        if factors.has_factor(half.user):
            return redirect("second_step")
        return step(request, half)

    return guard


@_without_factor
def app(request: HttpRequest, half: sessions.Half) -> HttpResponse:
    """Set up an authenticator app right after the password."""
    return enrolling.app(request, half.user, safe(request, half.then), signing_in=True)


@_without_factor
def passkey(request: HttpRequest, half: sessions.Half) -> HttpResponse:
    """Set up a passkey right after the password."""
    return enrolling.passkey(request, half.user, safe(request, half.then), signing_in=True)
