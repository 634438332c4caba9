"""The page of a trial's timelines: how it went on, and when it may be locked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access
from reading.outlook import outlook
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("trials.see_progress", trials_of)
def timelines(request: HttpRequest, trial: Trial) -> HttpResponse:
    """How visits went on by month, how long each step takes, deviations, queries and charters; no outcome."""
    found = outlook(trial, timezone.now().date())
    return render(request, "reading/timelines.html", {"trial": trial, "found": found})
