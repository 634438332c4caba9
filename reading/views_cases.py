"""The reading manager's pages of training and qualification: cases, references, and who may read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing, spreadsheets
from compliance.errors import HouseError
from compliance.models import Signature, User
from compliance.signing import WrongPassword
from reading import forms_qualification as forms
from reading import pages_qualification as pages
from reading import selectors
from reading import selectors_qualification as questions
from reading.models import CaseReference, QualificationCase
from reading.services import cases, qualifying
from reading.states import CaseState, ReferenceState
from trials.forms import ReasonForm
from trials.forms_deciding import APPROVE, DecideForm
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("reading.see_progress", trials_of)
def cases_of_trial(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who qualified, and by which cases."""
    return _trial_page(request, trial, forms.CaseForm(trial))


@require_POST
@access.guarded("reading.manage", trials_of)
def case_add(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Set a subject aside as a case."""
    form = forms.CaseForm(trial, request.POST)
    if not form.is_valid():
        return _trial_page(request, trial, form)
    try:
        case = cases.add_case(**form.cleaned_data, actor=access.actor(request), at=timezone.now())
    except HouseError as refused:
        return _trial_page(request, trial, form, refused)
    messages.success(request, f"Case {case.subject.code} is set aside. Its scans come as those of a subject.")
    return redirect("reading:qualification_case", pk=case.pk)


def _trial_page(
    request: HttpRequest, trial: Trial, form: forms.CaseForm, problem: HouseError | None = None
) -> HttpResponse:
    rows = pages.case_rows(trial)
    context = {
        "trial": trial,
        "terms": questions.terms_of(trial),
        "people": pages.people_of(trial, timezone.now()),
        "rows": rows,
        "missing": pages.missing_cases(trial, rows),
        "held_up": selectors.held_up_for_readers(trial),
        "form": form,
        "problem": problem,
        "may_manage": access.may(request.user, "reading.manage", trial) and not trial.frozen_by(),
    }
    return render(request, "reading/qualification_trial.html", context, status=_status(form, problem))


@require_safe
@access.guarded("reading.see_progress", trials_of)
def attempts_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Every attempt of the trial as a file for spreadsheets: who, when, points, and the versions they rest on."""
    return spreadsheets.download(f"{trial.code}-qualification.csv", pages.ATTEMPTS, pages.attempts_listed(trial))


def _status(form: Any, problem: HouseError | None) -> int:
    return problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


@access.guarded("reading.manage", questions.cases_managed_by)
def case(request: HttpRequest, case: QualificationCase) -> HttpResponse:
    """A case with its references; an expert is asked to read it, or it is retired."""
    trial, problem = case.subject.trial, None
    retires = "retire" in request.POST
    form = forms.ExpertForm(trial, request.POST or None if not retires else None)
    retire = forms.RetireForm(request.POST if retires else None)
    acted = retire if retires else form
    if request.method == "POST" and acted.is_valid():
        by: dict[str, Any] = {"actor": access.actor(request), "at": timezone.now()}
        try:
            if retires:
                cases.retire_case(case=case, reason=acted.cleaned_data["reason"], **by)
                messages.success(request, f"Case {case.subject.code} is given to nobody any more.")
            else:
                reference = cases.ask_reference(case=case, expert=acted.cleaned_data["expert"], **by)
                messages.success(request, f"{reference.expert} is asked to read the case as its reference.")
        except HouseError as refused:
            problem = refused
        else:
            return redirect("reading:qualification_case", pk=case.pk)
    context = {
        "trial": trial,
        "row": pages.case_row(case),
        "references": case.references.select_related("expert").order_by("-number"),
        "form": form,
        "retire": retire,
        "problem": problem,
        "open": case.state == CaseState.IN_USE and not case.frozen_by(),
    }
    return render(request, "reading/qualification_case.html", context, status=_status(acted, problem))


@access.guarded("reading.manage", questions.references_managed_by)
def reference(request: HttpRequest, reference: CaseReference) -> HttpResponse:
    """What an expert found; a second person approves it by signature, or leaves it aside."""
    problem: HouseError | None = None
    shown = {"shown_sha256": signing.digest(reference.shown_content())}
    words = {"approve": "Readers are scored by it", "decline": "It is left aside", "why": "Why it is left aside"}
    form = DecideForm(request.POST or None, initial=shown, **words)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by: dict[str, Any] = {"actor": access.actor(request), "at": timezone.now()}
        try:
            if given["verdict"] == APPROVE:
                signature = form.intent(Signature.Meaning.APPROVAL)
                cases.approve_reference(reference=reference, signature=signature, **by)
            else:
                cases.decline_reference(reference=reference, reason=given["reason"], **by)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"The reference is {reference.state}.")
            return redirect("reading:qualification_case", pk=reference.case_id)
    context = {
        "trial": reference.case.subject.trial,
        "reference": reference,
        "findings": pages.findings_of(reference),
        "form": form,
        "problem": problem,
        "to_decide": reference.state in (ReferenceState.READING, ReferenceState.SUBMITTED),
        "complete": reference.state == ReferenceState.SUBMITTED,
        "signatures": signing.signatures_on(reference),
        "meaning": Signature.Meaning.APPROVAL.label,
    }
    return render(request, "reading/qualification_reference.html", context, status=_status(form, problem))


@access.guarded("reading.manage", trials_of)
def qualification_person(request: HttpRequest, trial: Trial, username: str) -> HttpResponse:
    """Somebody's attempts; after failing, another is allowed with a reason, or the rest waived by signature."""
    members = User.objects.filter(memberships__trial=trial, memberships__role__in=questions.EXAMINED)
    person = get_object_or_404(members.distinct(), username=username)
    problem: HouseError | None = None
    waives = "waive" in request.POST
    standing = questions.standing_of(trial, person, timezone.now(), role=qualifying.role_of(person, trial))
    shown = {"shown_sha256": signing.digest(questions.shown_to_waive(standing))}
    waive = forms.WaiveForm(request.POST if waives else None, initial=shown)
    again = ReasonForm(request.POST if request.method == "POST" and not waives else None)
    acted: Any = waive if waives else again
    if request.method == "POST" and acted.is_valid():
        by: dict[str, Any] = {"trial": trial, "person": person, "actor": access.actor(request), "at": timezone.now()}
        try:
            if waives:
                signature = waive.intent(Signature.Meaning.RESPONSIBILITY)
                qualifying.waive(reason=waive.cleaned_data["reason"], signature=signature, **by)
                messages.success(request, f"{person} may read from now on.")
            else:
                qualifying.allow_again(reason=again.cleaned_data["reason"], **by)
                messages.success(request, f"{person} may try again.")
        except WrongPassword as refused:
            waive.add_error("password", refused.message)
        except HouseError as refused:
            problem = waive.after(refused) if waives else refused
        else:
            return redirect("reading:qualification_person", pk=trial.pk, username=username)
    context = {
        "trial": trial,
        "person": person,
        "standing": standing,
        "tried": [pages.tried_by(attempt) for attempt in reversed(standing.attempts)],
        "waive": waive,
        "again": again,
        "problem": problem,
        "may_allow": standing.state in ("failed", "expired") and not standing.may_begin and not trial.frozen_by(),
        "may_waive": not standing.is_open and not trial.frozen_by(),
        "meaning": Signature.Meaning.RESPONSIBILITY.label,
    }
    return render(request, "reading/qualification_person.html", context, status=_status(acted, problem))
