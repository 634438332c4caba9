"""Pages of readers and adjudicators. What they show comes from `reading.blinding` alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.policy import draws_pictures
from compliance.signing import WrongPassword
from reading import blinding, forms, pages, pages_qualification, selectors, views_pixels
from reading.blinded import BlindedTask
from reading.models import Adjudication, ReadTask
from reading.selectors_outside import is_lent
from reading.selectors_qualification import shown_with_reference, trials_closed_to
from reading.services import adjudicating, assessing
from reading.services.assessing import IncompleteRead, StaleDraft
from reading.states import AdjudicationState, Purpose, ReadState
from trials.forms import SignatureForm


@require_safe
@access.guarded("reading.read")
def worklist(request: HttpRequest) -> HttpResponse:
    """My reads: what to read next, under blinded codes."""
    reader, at = access.actor(request), timezone.now()
    pictures_of = partial(views_pixels.listed, request)
    context = {
        "worklist": pages.worklist_of(reader, trials_closed_to(reader, at), pictures_of),
        "examined": pages_qualification.examined(reader, at),
        "cases": pages_qualification.cases_to_read(reader),
    }
    return render(request, "reading/worklist.html", context)


@require_safe
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_read(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """The read page: images beside the form. Each opening is recorded."""
    try:
        assessing.open_task(task=task, actor=access.actor(request), at=timezone.now())
    except blinding.NotOpen as problem:
        messages.info(request, problem.message)
        return redirect(_list_of(task))
    return _read_page(request, task)


def _read_page(
    request: HttpRequest,
    task: ReadTask,
    form: forms.ReadForm | None = None,
    sign_form: SignatureForm | None = None,
    problem: HouseError | None = None,
) -> HttpResponse:
    shown = blinding.blinded_task(_fresh(task))
    editable = task.state == ReadState.READING and shown.is_open
    context: dict[str, Any] = {
        "task": shown,
        "form": form or forms.ReadForm(shown),
        "editable": editable,
        "room": blinding.room_in(task) if editable else None,
        "lent": is_lent(task.charter),
        "sign_form": sign_form or SignatureForm(),
        "problem": problem,
        "stale": isinstance(problem, StaleDraft),
        "points": problem.points if isinstance(problem, IncompleteRead) else (),
        "stage": _stage_of(request, task, shown, editable),
        "signatures": signing.signatures_on(task) if task.state in selectors.SIGNED else (),
        "meaning": Signature.Meaning.AUTHORSHIP.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form else HTTPStatus.OK
    return draws_pictures(render(request, "reading/task_read.html", context, status=status))


def _fresh(task: ReadTask) -> ReadTask:
    """The task as it is stored now, without what was read of it before a service ran."""
    return ReadTask.kept.select_related("timepoint__subject__trial", "charter", "reader").get(pk=task.pk)


def _stage_of(request: HttpRequest, task: ReadTask, shown: BlindedTask, editable: bool) -> dict[str, Any]:
    """The image stage of a read: its own timepoint, and beside it the one before."""
    timepoints = blinding.stacks_shown(blinding.look_at_read(_fresh(task), actor=access.actor(request)))
    marks = pages.marks_of(shown.lesions)
    views = [{"name": shown.title, "timepoint": len(timepoints) - 1, "marks": marks}]
    if len(timepoints) > 1:
        views.insert(0, {"name": "Earlier", "timepoint": len(timepoints) - 2, "marks": marks, "hidden": True})
    terms = task.charter.terms
    return pages.stage(
        "reader",
        views_pixels.task_addresses(shown.code),
        shown.presets,
        timepoints,
        views,
        blinding.tools_of(terms, shown.form) if editable else (),
        hangings=blinding.hangings_of(terms, is_baseline=len(timepoints) == 1),
        windows_locked=terms.windows_locked,
        links_url=reverse("reading:task_links", args=(shown.code,)),
        segments_url=reverse("reading:task_segments", args=(shown.code,)),
    )


def _form(request: HttpRequest, task: ReadTask, *, signing: bool = False) -> forms.ReadForm:
    data = request.POST.copy()
    shown = blinding.blinded_task(task)
    if "overwrite" in data:
        # The reader chose to keep this page's entries: the draft stored meanwhile is what they now start from.
        data["version"] = str(shown.version)
    return forms.ReadForm(shown, data, signing=signing)


@require_POST
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_save(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """Save the draft. The page's script hears as JSON which numbers lesions got and what is derived so far."""
    quietly = request.accepts("application/json") and not request.accepts("text/html")
    form = _form(request, task)
    if not form.is_valid():
        if quietly:
            return JsonResponse({"code": "invalid", "errors": form.errors}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return _read_page(request, task, form)
    before = {lesion.number for lesion in form.task.lesions}
    try:
        assessing.save_draft(task=task, entry=form.entry(), actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        if quietly:
            raise
        return _read_page(request, task, form, problem=problem)
    if quietly:
        return _saved(request, task, form, before)
    messages.success(request, "Saved.")
    return redirect("reading:task", blinded_code=task.blinded_code)


def _saved(request: HttpRequest, read: ReadTask, form: forms.ReadForm, before: set[int]) -> JsonResponse:
    """Tell the page its new version, the numbers that new lesions got (given in the order of rows), the result."""
    task = blinding.blinded_task(_fresh(read))
    found = [lesion for lesion in task.lesions if lesion.number not in before]
    numbers = {
        prefix: {"number": lesion.number, "label": lesion.label}
        for prefix, lesion in zip(form.unnumbered(), found, strict=True)
    }
    room = blinding.room_in(read)
    told = {
        "version": task.version,
        "lesions": numbers,
        "hints": {lesion.number: lesion.hints for lesion in task.lesions},
        "result": render_to_string("reading/_result.html", {"task": task, "editable": True}, request),
        "room": render_to_string("reading/_room.html", {"room": room}, request) if room else "",
        "marks": pages.marks_of(task.lesions),
    }
    return JsonResponse(told)


@require_POST
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_sign(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """Sign and lock the read; the next timepoint opens."""
    form, signature = _form(request, task, signing=True), SignatureForm(request.POST)
    if not (form.is_valid() & signature.is_valid()):
        return _read_page(request, task, form, signature)
    try:
        assessing.submit_read(
            task=task,
            entry=form.entry(),
            signature=signature.intent(Signature.Meaning.AUTHORSHIP),
            actor=access.actor(request),
            at=timezone.now(),
        )
    except WrongPassword as problem:
        signature.add_error("password", problem.message)
        return _read_page(request, task, form, signature)
    except HouseError as problem:
        return _read_page(request, task, form, problem=problem)
    messages.success(request, f"Read {task.blinded_code} is signed and locked.")
    if shown_with_reference(task):
        return redirect("reading:qualification_review", blinded_code=task.blinded_code)
    return redirect(_list_of(task))


def _list_of(task: ReadTask) -> str:
    """The list that a read stands in; adjudicators have cases to read, and no list of reads."""
    return "reading:qualification" if task.purpose == Purpose.QUALIFICATION else "reading:worklist"


@require_safe
@access.guarded("reading.adjudicate")
def adjudication_list(request: HttpRequest) -> HttpResponse:
    """My adjudications."""
    waiting, decided = pages.cases_of(access.actor(request))
    return render(request, "reading/adjudication_list.html", {"waiting": waiting, "decided": decided})


@access.guarded("reading.adjudicate", selectors.adjudications_of, by="blinded_code")
def adjudication_decide(request: HttpRequest, adjudication: Adjudication) -> HttpResponse:
    """Two unnamed assessments side by side; the choice needs a rationale and a signature."""
    actor, at = access.actor(request), timezone.now()
    problem: HouseError | None = None
    form = forms.AdjudicationForm(
        request.POST or None, initial={"shown_sha256": signing.digest(adjudication.shown_content())}
    )
    if request.method == "POST" and form.is_valid():
        try:
            adjudicating.decide(
                adjudication=adjudication,
                choice=form.cleaned_data["choice"],
                rationale=form.cleaned_data["rationale"],
                signature=form.intent(Signature.Meaning.AUTHORSHIP),
                actor=actor,
                at=at,
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"Adjudication {adjudication.blinded_code} is decided and signed.")
            return redirect("reading:adjudications")
    elif request.method == "GET":
        adjudicating.open_case(adjudication=adjudication, actor=actor, at=at)
    return case_page(request, adjudication, form, problem, views_pixels.case_addresses, {})


def case_page(
    request: HttpRequest,
    adjudication: Adjudication,
    form: SignatureForm,
    problem: HouseError | None,
    addresses_of: Callable[[str], pages.Addresses],
    more: dict[str, Any],
) -> HttpResponse:
    """Show a discordant case to those who settle it; `more` is what the page shows beside, or instead."""
    case = blinding.blinded_adjudication(adjudication)
    titles = [timepoint.title for timepoint in case.timepoints]
    # The images open where the sides differ first.
    shown = next((titles.index(t.title) for t in case.triggers if t.title in titles), len(titles) - 1)
    sides: list[dict[str, Any]] = [
        {"side": side, "name": name, "courses": pages.courses(side, case.timepoints)}
        for side, name in ((case.left, "Assessment A"), (case.right, "Assessment B"))
    ]
    views = [
        {
            "name": entry["name"],
            "timepoint": shown,
            "marks": pages.marks_of(course.lesion for course in entry["courses"]),
        }
        for entry in sides
    ]
    stacks = blinding.stacks_shown(blinding.look_at_case(adjudication, actor=access.actor(request)))
    addresses = addresses_of(case.code)
    context = {
        "case": case,
        "sides": sides,
        "compared": pages.compared(case),
        "stage": pages.stage("adjudicator", addresses, case.presets, stacks, views),
        "marks": {side.side: [mark.to_json() for mark in side.marks] for side in (case.left, case.right)},
        "shown": shown,
        "form": form,
        "problem": problem,
        "open": adjudication.state == AdjudicationState.OPEN,
        "signatures": signing.signatures_on(adjudication),
        "meaning": Signature.Meaning.AUTHORSHIP.label,
        **more,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return draws_pictures(render(request, "reading/adjudication_decide.html", context, status=status))
