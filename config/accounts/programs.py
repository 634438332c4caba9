"""The page Programs: a person's tokens for the API, issued after they showed who they are, and revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, programs, tokens
from compliance.errors import HouseError
from config.accounts.forms import TokenForm
from config.accounts.proving import fresh


@require_safe
def program_list(request: HttpRequest) -> HttpResponse:
    """The person's tokens in force."""
    return _page(request)


@never_cache
@fresh
def program_new(request: HttpRequest) -> HttpResponse:
    """Issue a token, whose secret is shown this once."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = programs.issue(**form.cleaned_data, actor=access.actor(request), at=timezone.now())
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            return _page(request, secret, status=201)
    status = 422 if request.method == "POST" else 200
    return render(request, "account/program_new.html", {"form": form}, status=status)


@require_POST
def program_revoke(request: HttpRequest) -> HttpResponse:
    """End one of the person's own tokens."""
    user, at, named = access.actor(request), timezone.now(), request.POST.get("token", "")
    if not named:
        messages.error(request, "Say which token is to be revoked.")
        return redirect("programs")
    token = programs.tokens_of(user, at).filter(pk=named).first() if named.isdecimal() else None
    if token is None:
        audit.denied(request, "revoke a token", at)
        raise Http404
    tokens.revoke(token, actor=user, at=at)
    messages.success(request, f"{token.label} is let in no more.")
    return redirect("programs")


def _page(request: HttpRequest, secret: str = "", status: int = 200) -> HttpResponse:
    context = {
        "tokens": programs.tokens_of(access.actor(request), timezone.now()),
        "secret": secret,
        "address": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "account/programs.html", context, status=status)
