"""The page on which a site tests its connection; it follows what comes in for ten minutes."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.errors import HouseError
from imaging.services import trying, watching
from trials.models import ApplicationEntity, Site
from trials.selectors import entities_seen_by, sites_seen_by
from trials.views_connections import what_to_type

#: Seconds that a page follows by itself: for a test, and not until the session of a forgotten screen would end.
_FOLLOWING = 600
#: Answers of the fragment: nothing new; over, do not ask again (htmx).
_NOTHING_NEW, _OVER = 204, 286


@require_safe
@access.guarded("imaging.see_transfers", sites_seen_by)
def connection(request: HttpRequest, site: Site) -> HttpResponse:
    """When a site's scanners were last heard, why not, and how to test the connection."""
    return render(
        request,
        "imaging/site_connection.html",
        {
            "site": site,
            "trial": site.trial,
            **_live(request, site, int(time.time()) + _FOLLOWING),
            **what_to_type(request),
        },
    )


@require_safe
@access.guarded("imaging.see_transfers", sites_seen_by)
def connection_status(request: HttpRequest, site: Site) -> HttpResponse:
    """The same as a fragment that the page asks for again and again; empty when nothing has changed."""
    now, said = int(time.time()), request.GET.get("until", "")
    until = int(said) if said.isascii() and said.isdecimal() and len(said) < 12 else now + _FOLLOWING
    live = _live(request, site, min(until, now + _FOLLOWING))
    if until <= now and not live["watched"].running:
        return render(request, "imaging/_connection.html", {"site": site, **live, "over": True}, status=_OVER)
    if request.GET.get("known") == live["known"]:
        return HttpResponse(status=_NOTHING_NEW)
    return render(request, "imaging/_connection.html", {"site": site, **live})


def _live(request: HttpRequest, site: Site, until: int) -> dict[str, Any]:
    """What the fragment shows, until when it follows, and a digest by which the next answer knows whether it is new."""
    watched = watching.watch(site, at=timezone.now())
    may_test = access.may(request.user, "imaging.test_connection", site)
    shown = render_to_string(
        "imaging/_connection_now.html",
        {"site": site, "watched": watched, "may_test": may_test, **what_to_type(request)},
    )
    known = hashlib.sha256(shown.encode()).hexdigest()[:16]
    return {"watched": watched, "may_test": may_test, "shown": shown, "known": known, "until": until}


@require_POST
@access.guarded("imaging.test_connection", entities_seen_by)
def echo(request: HttpRequest, entity: ApplicationEntity) -> HttpResponse:
    """Have a scanner or archive called by a worker."""
    try:
        trying.ask_for_echo(entity=entity, actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        messages.error(request, problem.message)
    return redirect("imaging:connection", pk=entity.site_id)
