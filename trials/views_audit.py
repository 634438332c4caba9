"""The page of a trial's audit trail, and what an auditor takes along from it."""

from __future__ import annotations

import datetime as dt
from typing import IO
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST, require_safe

from compliance import access, checkpoints
from compliance.errors import HouseError
from compliance.extracts import MOST_PRINTED, Form
from trials import selectors, selectors_trail
from trials.models import Trial
from trials.selectors_trail import SUBJECT, SYSTEM, Selection
from trials.services import extracting, watching


@require_safe
@access.guarded("trials.audit", selectors.trials_of)
def trial_audit(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The trial's audit trail by words, days and person, or of one record, alone or with all that belongs to it."""
    wanted = _wanted(trial, request.GET)
    events = selectors_trail.selected(trial, wanted).select_related("link")
    page = Paginator(events, 100).get_page(request.GET.get("page"))
    context = {
        "trial": trial,
        "page": page,
        "wanted": wanted,
        "about": (selectors_trail.label(trial, wanted) or wanted.key) if wanted.key else "",
        "other_query": urlencode({**wanted.query, "whole": "" if wanted.whole else "1"}),
        "people": selectors_trail.people(trial, wanted),
        "forms": list(Form),
        "most_printed": MOST_PRINTED,
        "key": checkpoints.public_keys()[-1:],
        "look": watching.last_look(trial),
    }
    return render(request, "trials/trial_audit.html", context)


@require_POST
@access.guarded("trials.audit", selectors.trials_of)
def trail_export(request: HttpRequest, trial: Trial) -> HttpResponseBase:
    """What the page shows, and all pages after it, as a file with its proof."""
    wanted = _wanted(trial, request.POST)
    page = f"{reverse('trials:audit', args=[trial.pk])}?{urlencode(wanted.query)}"
    if request.POST.get("form") not in list(Form):
        messages.error(request, "Nothing was exported: choose CSV, JSON or PDF.")
        return redirect(page)
    form = Form(request.POST["form"])
    try:
        made = extracting.export_trail(
            trial=trial, wanted=wanted, form=form, actor=access.actor(request), at=timezone.now()
        )
    except HouseError as problem:
        messages.error(request, problem.message)
        return redirect(page)
    return _sent(made.file, made.file_name)


def _sent(file: IO[bytes], name: str) -> FileResponse:
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def _wanted(trial: Trial, given: QueryDict) -> Selection:
    """Return the part of the trail that is asked for; what cannot be one is left out."""
    kind, _, key = _text(given, "record").partition(":")
    whole = bool(key and given.get("whole"))
    if code := _text(given, "subject"):
        kind, key, whole = SUBJECT, selectors_trail.key_of_subject(trial, code), True
    person = _text(given, "person")
    return Selection(
        words=_text(given, "q"),
        first_on=_day(given, "first_on"),
        last_on=_day(given, "last_on"),
        kind=kind if key else "",
        key=key,
        whole=whole,
        person=person if person == SYSTEM or selectors_trail.is_number(person) else "",
    )


def _text(given: QueryDict, name: str) -> str:
    """Return words that were asked for, as a database can hold them."""
    return given.get(name, "").replace("\0", "").strip()


def _day(given: QueryDict, name: str) -> dt.date | None:
    """Return a day that was asked for; None where it is no day."""
    try:
        return parse_date(given.get(name, ""))
    except ValueError:
        return None
