"""Doors that belong to no room: the way home, health, histories, and the pages for refusals."""

from __future__ import annotations

import sys

from django.core.paginator import Paginator
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access, audit, signing, worklists
from compliance.models import User
from trials.selectors import roles_in, trials_of

#: What a request hears while the database cannot be asked.
UNAVAILABLE = "The database does not answer now, so nothing was done. Try again in a moment."


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What waits for the person, trial by trial, and since when."""
    user, now = access.actor(request), timezone.now()
    if chosen := trials_of(user).filter(code=request.GET.get("trial", "")).first():
        request.session["trial"] = chosen.pk
    trials = [(trial, roles_in(user, trial), worklists.waiting_in(user, trial, now)) for trial in trials_of(user)]
    return render(
        request,
        "home.html",
        {
            "own_work": worklists.waiting_for(user, now),
            "trials": [row for row in trials if row[2]],
            "has_role": bool(trials),
            "now": now,
            "may_create": access.may(user, "trials.create"),
            "may_break_glass": access.may(user, "trials.break_glass"),
            "may_keep": access.may(user, "trials.keep_accounts"),
        },
    )


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Tell a monitor that the web server runs and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@require_safe
def history(request: HttpRequest, object_type: str, object_id: str) -> HttpResponse:
    """Show one record's audit trail to those who may see the record."""
    about = access.exposed(request.user, object_type, object_id) if isinstance(request.user, User) else None
    if about is None:
        audit.denied(request, "history", timezone.now())
        raise Http404
    events = Paginator(audit.history(about), 100).get_page(request.GET.get("page"))
    signatures = signing.signatures_on(about)
    return render(request, "history.html", {"about": about, "events": events, "signatures": signatures})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a malformed request."""
    return render(request, "errors/400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that the person's role does not allow."""
    return render(request, "errors/403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that came without its token: an old page, or cookies switched off."""
    return render(request, "errors/403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist, or not for this person."""
    if request.path.startswith("/api/v1/"):
        return JsonResponse({"detail": "There is no such address."}, status=404)
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure of ours; one of the database passes, and whoever asked is told to try again.

    Wherever it failed, be it in the session's middleware: Django calls this while it handles the exception. The pages
    are written without the request, as its user could not be asked for now.
    """
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return HttpResponse(render_to_string("errors/500.html"), status=500)
    if "application/json" in request.headers.get("Accept", ""):
        response: HttpResponse = JsonResponse({"code": "unavailable", "detail": UNAVAILABLE}, status=503)
    else:
        response = HttpResponse(render_to_string("errors/503.html", {"sentence": UNAVAILABLE}), status=503)
    response.headers["Retry-After"] = "10"
    return response
