"""Calendars of the visits that a site expects, and the private addresses at which programs fetch them.

A calendar leaves the application for wherever the person's program keeps it, so it holds what plans a day and no
more: trial, visit, window, and a link that needs a sign-in. The subject's code stays here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from django.db import transaction
from django.urls import reverse

from compliance import access, audit
from compliance.mailing import address_of
from compliance.models import User
from trials import ical
from trials.models import CalendarAddress, Site, Timepoint
from trials.states import LEFT, ImageState, SubjectState

#: Names of events are derived from this and the timepoint, so that they stay when the installation moves.
_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, "https://parallax.invalid/timepoints")


def issue_address(*, site: Site, actor: User, at: dt.datetime) -> tuple[CalendarAddress, str]:
    """Give a person an address for a site's calendar; return it with its secret, which is kept nowhere.

    The person's earlier address for the site ends with it.
    """
    access.require(actor, "trials.enrol", site)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        for earlier in own_addresses(site, actor):
            revoke_address(address=earlier, actor=actor, at=at)
        address = CalendarAddress(site=site, person=actor, secret_sha256=_digest(secret), created_at=at)
        return audit.save(address, action="calendaraddress.issued", actor=actor, at=at), secret


def revoke_address(*, address: CalendarAddress, actor: User, at: dt.datetime) -> CalendarAddress:
    """End an address; a person's own, or as the trial's administrator anybody's."""
    if address.person_id != actor.pk:
        access.require(actor, "trials.administer", address)
    if address.revoked_at is None:
        address.revoked_at = at
        audit.save(address, action="calendaraddress.revoked", actor=actor, at=at)
    return address


def own_addresses(site: Site, person: User) -> list[CalendarAddress]:
    """Return the person's address for a site, if there is one."""
    return list(CalendarAddress.objects.filter(site=site, person=person, revoked_at=None))


def calendar_at(*, secret: str, at: dt.datetime) -> bytes | None:
    """Return the calendar that a program is given for a secret; None where it opens nothing, or nothing any more."""
    known = CalendarAddress.objects.filter(secret_sha256=_digest(secret), revoked_at=None)
    address = known.select_related("site__trial", "person").first()
    if address is None or not access.may(address.person, "trials.enrol", address.site):
        return None
    audit.record_of_the_day("calendaraddress.read", address, actor=address.person, at=at)
    return calendar_of(address.site, at=at)


def calendar_of(site: Site, *, at: dt.datetime) -> bytes:
    """Return the visits whose scans a site is still to send, each as the span of its window."""
    expected = Timepoint.objects.filter(subject__site=site, image_state=ImageState.EXPECTED)
    planned = expected.exclude(subject__state__in=(*LEFT, SubjectState.CASE)).select_related("subject").order_by("pk")
    spans = [_span(site, timepoint) for timepoint in planned]
    return ical.calendar(f"{site.trial.code} scans", sorted(spans, key=lambda span: (span.first, span.uid)), at=at)


def _span(site: Site, timepoint: Timepoint) -> ical.Span:
    planned = timepoint.expected_on
    return ical.Span(
        uid=str(uuid.uuid5(_NAMES, f"{site.trial.code}/{timepoint.pk}")),
        first=planned - dt.timedelta(days=timepoint.window_before),
        last=timepoint.late_on,
        summary=f"{site.trial.code}: {timepoint.name}, scan expected",
        description=f"Planned for {planned:%-d %B %Y}. Sign in to see whose scan it is.",
        url=address_of(reverse("imaging:timepoint", kwargs={"pk": timepoint.pk})),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
