"""A site's calendar: its page, and what calendar programs fetch."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.mailing import address_of
from trials import selectors
from trials.models import Site
from trials.services import scheduling


@require_safe
@access.guarded("trials.enrol", selectors.sites_seen_by)
def calendar(request: HttpRequest, site: Site) -> HttpResponse:
    """How the site's visits come into one's own calendar."""
    return _page(request, site)


def _page(request: HttpRequest, site: Site, secret: str = "", status: int = 200) -> HttpResponse:
    addresses = scheduling.own_addresses(site, access.actor(request))
    url = address_of(reverse("trials:calendar_feed", kwargs={"secret": secret})) if secret else ""
    context = {"site": site, "trial": site.trial, "addresses": addresses, "url": url}
    return render(request, "trials/site_calendar.html", context, status=status)


@require_safe
@access.guarded("trials.enrol", selectors.sites_seen_by)
def calendar_file(request: HttpRequest, site: Site) -> HttpResponse:
    """The calendar as it is now, as a file."""
    return _answered(scheduling.calendar_of(site, at=timezone.now()))


@require_POST
@access.guarded("trials.enrol", selectors.sites_seen_by)
def calendar_issue(request: HttpRequest, site: Site) -> HttpResponse:
    """Make a private address, and show it this once."""
    _, secret = scheduling.issue_address(site=site, actor=access.actor(request), at=timezone.now())
    return _page(request, site, secret, status=201)


@require_POST
@access.guarded("trials.enrol", selectors.sites_seen_by)
def calendar_revoke(request: HttpRequest, site: Site) -> HttpResponse:
    """End one's private address."""
    for address in scheduling.own_addresses(site, access.actor(request)):
        scheduling.revoke_address(address=address, actor=access.actor(request), at=timezone.now())
        messages.success(request, "The address opens nothing any more.")
    return redirect("trials:calendar", pk=site.pk)


@require_safe
def calendar_feed(request: HttpRequest, secret: str) -> HttpResponse:
    """What a calendar program fetches, without a sign-in: its address is the secret."""
    found = scheduling.calendar_at(secret=secret, at=timezone.now())
    if found is None:
        raise Http404
    return _answered(found)


def _answered(content: bytes) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="scans.ics"'}
    return HttpResponse(content, content_type="text/calendar; charset=utf-8", headers=headers)
