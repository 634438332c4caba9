"""The auditor's walk: a subject's endpoint values, and from each back to the raw upload."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access
from reading import selectors_signed, walk
from reading.services import replaying
from trials.models import Subject, Timepoint
from trials.services import verifying


@require_safe
@access.guarded("reading.replay", selectors_signed.subjects_audited_by)
def endpoint_values(request: HttpRequest, subject: Subject) -> HttpResponse:
    """What each reader's reads of a subject say, and what of it is the endpoint; each value opens its way back."""
    result = replaying.show_values(subject=subject, actor=access.actor(request), at=timezone.now())
    context = {
        "subject": subject,
        "trial": subject.trial,
        "accepted": result.accepted,
        "readers": [slot.reader for slot in result.slots],
        "rows": walk.values_of(result),
    }
    return render(request, "reading/endpoint_values.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("reading.replay", selectors_signed.timepoints_audited_by)
def value_walk(request: HttpRequest, timepoint: Timepoint, slot: int) -> HttpResponse:
    """From a value back to the upload, station by station; a button has the signatures on the way verified."""
    actor, now = access.actor(request), timezone.now()
    stations = walk.walk_of(timepoint, slot)
    if not stations:
        raise Http404
    if request.method == "POST":
        numbers = [one.signature.pk for station in stations for one in station.signatures]
        found = verifying.verify_some(about=timepoint, signatures=numbers, actor=actor, at=now)
        if found.faults:
            messages.error(request, f"{len(found.faults)} signatures on this way do not hold.")
        else:
            messages.success(request, f"{len(numbers)} signatures on this way were verified, and all hold.")
        return redirect("reading:walk", pk=timepoint.pk, slot=slot)
    replaying.note_walk(timepoint=timepoint, slot=slot, actor=actor, at=now)
    context = {
        "timepoint": timepoint,
        "subject": timepoint.subject,
        "trial": timepoint.subject.trial,
        "stations": stations,
        "last": verifying.last_verified(timepoint),
    }
    return render(request, "reading/value_walk.html", context)
