"""Pages on which an unplanned unblinding is reported, assessed and closed."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import WrongPassword
from reading import forms_unblinding as forms
from reading.models import Unblinding
from reading.selectors_people import unblindings_seen_by
from reading.services import unblinding as service
from reading.states import UnblindingState
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("reading.see_unblindings", trials_of)
def unblindings(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was reported and how it was assessed."""
    return _list(request, trial, forms.ReportForm(trial))


@require_POST
@access.guarded("reading.report_unblinding", trials_of)
def report(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Put an unplanned unblinding on record."""
    form = forms.ReportForm(trial, request.POST)
    if not form.is_valid():
        return _list(request, trial, form)
    given = {**form.cleaned_data, "subjects": list(form.cleaned_data["subjects"])}
    try:
        made = service.report(trial=trial, **given, actor=access.actor(request), at=timezone.now())
    except HouseError as refused:
        return _list(request, trial, form, refused)
    messages.success(request, "The unblinding is on record, and those who answer for the trial are told by mail.")
    return redirect("reading:unblinding", pk=made.pk)


def _list(
    request: HttpRequest, trial: Trial, form: forms.ReportForm, problem: HouseError | None = None
) -> HttpResponse:
    context = {
        "trial": trial,
        "form": form,
        "problem": problem,
        "unblindings": unblindings_seen_by(access.actor(request)).filter(trial=trial),
        "may_report": access.may(request.user, "reading.report_unblinding", trial),
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/unblindings.html", context, status=status)


@access.guarded("reading.see_unblindings", unblindings_seen_by)
def unblinding(request: HttpRequest, unblinding: Unblinding) -> HttpResponse:
    """One unblinding: the report, its assessment by signature, and a second person's word where the charter asks it."""
    actor, problem = access.actor(request), None
    step = _step(unblinding, actor)
    form = _form(step, request, unblinding)
    if request.method == "POST" and form.is_valid():
        try:
            _take(form, unblinding, actor)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"The unblinding is {unblinding.state}.")
            return redirect("reading:unblinding", pk=unblinding.pk)
    context = {
        "unblinding": unblinding,
        "trial": unblinding.trial,
        "form": form,
        "problem": problem,
        "step": step,
        "by_two": service.needs_second(unblinding.trial),
        "signatures": signing.signatures_on(unblinding),
        "meaning": (service.CONFIRMS if step == "confirm" else service.ASSESSES).label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/unblinding.html", context, status=status)


def _step(unblinding: Unblinding, actor: User) -> str:
    """Return the step that this person can take on it now: assess, confirm, or none."""
    if unblinding.person_id == actor.pk:
        return ""
    if unblinding.state == UnblindingState.REPORTED and access.may(actor, "reading.assess_unblinding", unblinding):
        return "assess"
    second = unblinding.state == UnblindingState.ASSESSED and unblinding.assessed_by_id != actor.pk
    return "confirm" if second and access.may(actor, "reading.confirm_unblinding", unblinding) else ""


def _form(step: str, request: HttpRequest, unblinding: Unblinding) -> forms.AssessForm | forms.ConfirmForm:
    given, initial = request.POST or None, {"shown_sha256": signing.digest(unblinding.shown_content())}
    return forms.ConfirmForm(given, initial=initial) if step == "confirm" else forms.AssessForm(given, initial=initial)


def _take(form: forms.AssessForm | forms.ConfirmForm, unblinding: Unblinding, actor: User) -> None:
    given, at = form.cleaned_data, timezone.now()
    if isinstance(form, forms.AssessForm):
        said = {"impact": given["impact"], "assessment": given["assessment"]}
        service.assess(unblinding=unblinding, **said, signature=form.intent(service.ASSESSES), actor=actor, at=at)
    elif given["verdict"] == forms.CONFIRM:
        service.confirm(unblinding=unblinding, signature=form.intent(service.CONFIRMS), actor=actor, at=at)
    else:
        service.send_back(unblinding=unblinding, reason=given["reason"], actor=actor, at=at)
