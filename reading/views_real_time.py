"""Pages of reads on a clock: what was asked, how the clocks stand, and what each person is told of the answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from compliance import access, spreadsheets
from compliance.errors import HouseError
from reading import pages_real_time as pages
from reading.models import RealTimeRead
from reading.selectors_real_time import real_time_reads_seen_by
from reading.services import asking, calling_off, minding
from trials.forms import ReasonForm
from trials.models import Timepoint, Trial
from trials.selectors import timepoints_seen_by, trials_of


@require_safe
@access.guarded("reading.see_real_time", trials_of)
def real_time(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Reads on a clock: their standing, and of their outcomes what the charter lets this person know."""
    user, now = access.actor(request), timezone.now()
    questions = real_time_reads_seen_by(user).filter(timepoint__subject__trial=trial)
    rows = pages.rows_for(user, questions.prefetch_related("timepoint__queries"), now)
    context = {
        "trial": trial,
        "open": [row for row in rows if row.is_open],
        "past": [row for row in rows if not row.is_open],
        "turnarounds": pages.turnarounds_for(user, trial, now),
        "watches": access.may(user, "reading.watch_real_time", trial),
        "may_manage": access.may(user, "reading.manage", trial) and not trial.frozen_by(),
        "may_list": access.may(user, "reading.see_progress", trial),
        "reason_form": ReasonForm(),
    }
    return render(request, "reading/real_time.html", context)


@require_GET
@access.guarded("reading.see_progress", trials_of)
def real_time_csv(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The clocks as a list for spreadsheets; what was found is no part of it."""
    questions = real_time_reads_seen_by(access.actor(request)).filter(timepoint__subject__trial=trial)
    rows = pages.listed(questions.prefetch_related("timepoint__queries"))
    return spreadsheets.download(f"{trial.code}-reads-on-a-clock.csv", pages.COLUMNS, rows)


@require_POST
@access.guarded("reading.ask_real_time", timepoints_seen_by)
def verify_progression(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Ask that progression be verified at a timepoint, with a reason."""
    actor, at = access.actor(request), timezone.now()
    try:
        asking.ask_progression(timepoint=timepoint, reason=request.POST.get("reason", ""), actor=actor, at=at)
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Verification of progression is asked for. Quality control looks at it first.")
    return redirect("imaging:timepoint", pk=timepoint.pk)


@require_POST
@access.guarded("reading.take_note", real_time_reads_seen_by)
def note(request: HttpRequest, question: RealTimeRead) -> HttpResponse:
    """Take note of an outcome, as the site."""
    try:
        minding.take_note(question=question, actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Noted. The audit trail says who has seen the outcome, and when.")
    return _back(question)


@require_POST
@access.guarded("reading.manage", real_time_reads_seen_by)
def call_off(request: HttpRequest, question: RealTimeRead) -> HttpResponse:
    """Take a question back before its answer, with a reason."""
    reason, actor, at = request.POST.get("reason", ""), access.actor(request), timezone.now()
    try:
        calling_off.call_off(question=question, reason=reason, actor=actor, at=at)
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "The read is called off. What was entered in it is kept, and nobody goes on with it.")
    return _back(question)


@require_POST
@access.guarded("reading.manage", real_time_reads_seen_by)
def again(request: HttpRequest, question: RealTimeRead) -> HttpResponse:
    """Have eligibility read anew, with a reason; the answer that was given stays."""
    reason, actor, at = request.POST.get("reason", ""), access.actor(request), timezone.now()
    try:
        asking.ask_eligibility_again(timepoint=question.timepoint, reason=reason, actor=actor, at=at)
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Eligibility is read again. The answer that was given stays as it is.")
    return _back(question)


def _back(question: RealTimeRead) -> HttpResponse:
    return redirect("reading:real_time", pk=question.timepoint.subject.trial_id)
