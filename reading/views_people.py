"""The page “Readers and assignment”, and what a reading manager changes there."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.errors import HouseError
from reading import forms_people as forms
from reading import pages_people as pages
from reading import selectors, selectors_people
from reading.models import Adjudication, PoolMember, ReaderExclusion, ReaderPair
from reading.services import excluding, handing
from reading.services.drawing import pairs_now
from trials.models import Subject, Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("reading.see_progress", trials_of)
def people(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who reads, how much, from which pools, what they are not given, and each subject's draw replayed."""
    return _page(request, trial)


def _page(
    request: HttpRequest, trial: Trial, problem: HouseError | None = None, **bound: django_forms.Form
) -> HttpResponse:
    actor, charter = access.actor(request), trial.charter_in_force
    rows = pages.people_rows(trial)
    names, matrix = pages.pair_matrix(trial)
    subjects, cases = pages.subject_rows(trial), pages.open_cases(trial)
    against = [(row, cell) for row in subjects for cell in row.places if cell.excluded]
    context: dict[str, Any] = {
        "trial": trial,
        "problem": problem,
        "terms": charter.terms.readers if charter else None,
        "rows": rows,
        "pools": pages.pools_shown(charter, rows),
        "pairs": selectors_people.pairs_seen_by(actor).filter(trial=trial, ended_at=None),
        "unpaired": bool(charter and charter.terms.readers.pairing and not pairs_now(trial)),
        "names": names,
        "matrix": matrix,
        "subjects": subjects,
        "cases": cases,
        "against": against,
        "cases_against": [row for row in cases if row.excluded],
        "faults": [row for row in subjects if row.redrawn.fault],
        "exclusions": selectors_people.exclusions_seen_by(actor).filter(trial=trial),
        "may_manage": access.may(request.user, "reading.manage", trial) and not trial.frozen_by(),
        "exclude_form": forms.ExcludeForm(trial),
        "pool_form": forms.PoolForm(trial),
        "pair_form": forms.PairForm(trial),
        "end_form": forms.EndForm(),
        **bound,
    }
    wrong = any(form.errors for form in bound.values())
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return render(request, "reading/people.html", context, status=status)


def _done(request: HttpRequest, trial: Trial, act: Callable[[], object], said: str) -> HttpResponse:
    """Do it and say so on the page, or say there why not."""
    try:
        act()
    except HouseError as refused:
        return _page(request, trial, refused)
    messages.success(request, said)
    return redirect("reading:people", pk=trial.pk)


@require_POST
@access.guarded("reading.manage", trials_of)
def exclude(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Keep somebody from a site or a subject."""
    form = forms.ExcludeForm(trial, request.POST)
    if not form.is_valid():
        return _page(request, trial, exclude_form=form)
    given, actor = form.cleaned_data, access.actor(request)
    return _done(
        request,
        trial,
        lambda: excluding.exclude(trial=trial, **given, actor=actor, at=timezone.now()),
        f"{given['person'].username} is not given {given['of'].code} any more.",
    )


@require_POST
@access.guarded("reading.manage", selectors_people.exclusions_seen_by)
def exclusion_end(request: HttpRequest, exclusion: ReaderExclusion) -> HttpResponse:
    """End an exclusion with a reason."""
    reason, actor = request.POST.get("reason", ""), access.actor(request)
    return _done(
        request,
        exclusion.trial,
        lambda: excluding.end_exclusion(exclusion=exclusion, reason=reason, actor=actor, at=timezone.now()),
        f"{exclusion.person.username} may be given {exclusion.of} again.",
    )


@require_POST
@access.guarded("reading.manage", trials_of)
def pool_join(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Put a reader into a pool."""
    form = forms.PoolForm(trial, request.POST)
    if not form.is_valid():
        return _page(request, trial, pool_form=form)
    given, actor = form.cleaned_data, access.actor(request)
    return _done(
        request,
        trial,
        lambda: excluding.join_pool(trial=trial, **given, actor=actor, at=timezone.now()),
        f"{given['person'].username} is in pool {given['pool']}.",
    )


@require_POST
@access.guarded("reading.manage", selectors_people.pool_members_seen_by)
def pool_leave(request: HttpRequest, member: PoolMember) -> HttpResponse:
    """Take a reader out of a pool."""
    return _end(request, member, f"{member.person.username} is in pool {member.pool} no more.")


@require_POST
@access.guarded("reading.manage", trials_of)
def pair_make(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Let two readers read together."""
    form = forms.PairForm(trial, request.POST)
    if not form.is_valid():
        return _page(request, trial, pair_form=form)
    given, actor = form.cleaned_data, access.actor(request)
    return _done(
        request,
        trial,
        lambda: excluding.make_pair(trial=trial, **given, actor=actor, at=timezone.now()),
        f"{given['first'].username} and {given['second'].username} read together.",
    )


@require_POST
@access.guarded("reading.manage", selectors_people.pairs_seen_by)
def pair_part(request: HttpRequest, pair: ReaderPair) -> HttpResponse:
    """Part a fixed pair."""
    return _end(request, pair, f"{pair.first.username} and {pair.second.username} are no pair any more.")


def _end(request: HttpRequest, record: PoolMember | ReaderPair, said: str) -> HttpResponse:
    actor = access.actor(request)
    return _done(
        request, record.trial, lambda: excluding.end_place(record=record, actor=actor, at=timezone.now()), said
    )


@access.guarded("reading.manage", selectors_people.subjects_managed_by)
def reads_hand_on(request: HttpRequest, subject: Subject, slot: int) -> HttpResponse:
    """Who may take over a subject's reads in one place; by POST somebody does."""
    tasks = handing.reads_to_hand_on(subject, slot)
    takers = handing.takers_of_reads(subject, slot, timezone.now()) if tasks else []
    form = forms.HandOnForm(takers, request.POST or None)

    def act() -> str:
        made = handing.hand_on_reads(
            subject=subject,
            slot=slot,
            taker=form.taken_by,
            reason=form.cleaned_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        return f"Reader {slot} of {subject.code} is {made.taker.username} now."

    signed = [task for task in tasks if task.state in selectors.SIGNED]
    what = {"subject": subject, "slot": slot, "tasks": tasks, "signed": signed}
    return _hand_on(request, subject.trial, form, takers, act, what)


@access.guarded("reading.manage", selectors.adjudications_seen_by, by="blinded_code")
def case_hand_on(request: HttpRequest, adjudication: Adjudication) -> HttpResponse:
    """Who may take over an adjudication; by POST somebody does."""
    takers = handing.takers_of_case(adjudication, timezone.now())
    form = forms.HandOnForm(takers, request.POST or None)

    def act() -> str:
        made = handing.hand_on_case(
            adjudication=adjudication,
            taker=form.taken_by,
            reason=form.cleaned_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        return f"The adjudication of {made.subject.code} is with {form.taken_by.username} now."

    what = {"subject": adjudication.subject, "case": adjudication}
    return _hand_on(request, adjudication.subject.trial, form, takers, act, what)


def _hand_on(
    request: HttpRequest,
    trial: Trial,
    form: forms.HandOnForm,
    takers: list[handing.Taker],
    act: Callable[[], str],
    what: dict[str, Any],
) -> HttpResponse:
    problem: HouseError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, act())
        except HouseError as refused:
            problem = refused
        else:
            return redirect("reading:people", pk=trial.pk)
    able = [one for one in takers if not one.against]
    context = {"trial": trial, "form": form, "problem": problem, "takers": takers, "able": able, **what}
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/hand_on.html", context, status=status)
