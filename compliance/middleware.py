"""What surrounds each request: an identifier for the audit trail, security headers, and answers to refusals."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from django.contrib.auth import SESSION_KEY
from django.contrib.auth import middleware as auth
from django.contrib.sessions import middleware as of_sessions
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from compliance import access, audit, context, policy, programs, refusals, sessions
from compliance.errors import HouseError

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SurroundingsMiddleware:
    """Give each request an identifier, and keep pages out of shared caches and frames."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = secrets.token_hex(8)
        with context.surroundings(request_id, request.META.get("REMOTE_ADDR", "")):
            response = self.get_response(request)
        response.headers.setdefault(policy.HEADER, policy.policy_of(request.path))
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers["X-Request-Id"] = request_id
        return response


class SessionMiddleware(of_sessions.SessionMiddleware):
    """Renew a session that is in use, at most once a minute: a write at each picture would be in everybody's way."""

    RENEWED, EVERY = "renewed", 60

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = request.session
        if session.accessed and SESSION_KEY in session:
            now = int(time.time())
            if not 0 <= now - session.get(self.RENEWED, 0) < self.EVERY:
                session[self.RENEWED] = now
        return super().process_response(request, response)


class AuthenticationMiddleware(auth.AuthenticationMiddleware):
    """Know the person of a session that is neither over nor half: pages, API and frames ask nobody else who it is."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        of_session = request.user
        # `request.user` is asked for on demand, and so is this.
        request.user = SimpleLazyObject(lambda: sessions.holder(request, _out_of(of_session)))  # type: ignore[assignment]


def _out_of(lazy: object) -> object:
    """Return whom a lazy object stands for."""
    bool(lazy)
    return getattr(lazy, "_wrapped", lazy)


class ProgramMiddleware:
    """Let a program in at the addresses that are marked for programs, by a token of its person.

    It stands before the check against forged requests: a token never comes by itself, as a cookie does.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, *_: object) -> HttpResponse | None:
        secret = programs.secret_of(request) if getattr(view, "for_programs", False) else ""
        if not secret:
            return None
        token = programs.holder(secret, timezone.now())
        if token is None:
            said = {"code": "no_token", "detail": programs.DOES_NOT_STAND}
            return JsonResponse(said, status=401, headers={"WWW-Authenticate": "Bearer"})
        request.user = token.holder
        if not programs.lets(token, request.method):
            audit.denied(request, "change by a token that looks", timezone.now())
            return JsonResponse({"code": "access_denied", "detail": programs.ONLY_LOOKS}, status=403)
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # as Django's own test client does
        return None


class HouseErrorMiddleware:
    """Answer a `HouseError` with its sentence: a fragment for htmx, JSON for programs, a page for people."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if not isinstance(problem, HouseError):
            return None
        if isinstance(problem, access.AccessDenied):
            audit.denied(request, str(problem.details.get("verb", "")), timezone.now(), problem.details.get("about"))
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"code": problem.code, "detail": problem.message}, status=problem.status)
        template = "errors/sentence.html" if request.headers.get("HX-Request") else "errors/house_error.html"
        return render(request, template, {"problem": problem}, status=problem.status)


class SigningMiddleware:
    """Tell the door of signatures that a person acts in a request, and note what was refused there once it is over."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with context.within(request):
            response = self.get_response(request)
        refusals.settle(request, timezone.now())
        return response
