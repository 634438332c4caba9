"""Pages on which a signed read is asked to be opened again, and a second person decides."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import forms_reopening as forms
from reading import selectors
from reading.models import Reopening, SignedVersion
from reading.services import reopening as service
from reading.states import ReopeningState
from trials.forms_deciding import APPROVE, DecideForm
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("reading.decide_reopening", trials_of)
def reopenings(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was asked and decided; who manages the reading can ask for more."""
    return _list(request, trial, forms.AskForm(trial))


@require_POST
@access.guarded("reading.manage", trials_of)
def ask(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Ask that a signed read be opened again."""
    form = forms.AskForm(trial, request.POST)
    if not form.is_valid():
        return _list(request, trial, form)
    task = form.cleaned_data["task"]
    try:
        service.ask_reopening(
            task=task, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
    except HouseError as refused:
        return _list(request, trial, form, refused)
    messages.success(request, f"Read {task.blinded_code} is asked to be opened again. A second person decides.")
    return redirect("reading:reopenings", pk=trial.pk)


def _list(request: HttpRequest, trial: Trial, form: forms.AskForm, problem: HouseError | None = None) -> HttpResponse:
    found = selectors.reopenings_seen_by(access.actor(request)).filter(task__timepoint__subject__trial=trial)
    context = {
        "trial": trial,
        "form": form,
        "problem": problem,
        "reopenings": found,
        "may_ask": access.may(request.user, "reading.manage", trial) and not trial.frozen_by(),
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/reopenings.html", context, status=status)


@access.guarded("reading.decide_reopening", selectors.reopenings_seen_by)
def reopening(request: HttpRequest, reopening: Reopening) -> HttpResponse:
    """What opening the read again would take back; a second person approves it by signature, or declines."""
    problem: HouseError | None = None
    shown = {"shown_sha256": signing.digest(reopening.shown_content())}
    words = {"approve": "Open the read again", "decline": "Leave it as it is"}
    form = DecideForm(request.POST or None, initial=shown, **words)
    if request.method == "POST" and form.is_valid():
        actor, at, given = access.actor(request), timezone.now(), form.cleaned_data
        try:
            if given["verdict"] == APPROVE:
                signature = form.intent(Signature.Meaning.APPROVAL)
                service.approve_reopening(reopening=reopening, signature=signature, actor=actor, at=at)
            else:
                service.decline_reopening(reopening=reopening, reason=given["reason"], actor=actor, at=at)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"The wish to open read {reopening.task.blinded_code} is {reopening.state}.")
            return redirect("reading:reopenings", pk=reopening.task.timepoint.subject.trial_id)
    kept = SignedVersion.objects.filter(reopening=reopening).select_related("task__timepoint")
    waiting = reopening.state == ReopeningState.ASKED
    context = {
        "reopening": reopening,
        "task": reopening.task,
        "trial": reopening.task.timepoint.subject.trial,
        "form": form,
        "problem": problem,
        "waiting": waiting,
        "mine": reopening.asked_by_id == request.user.pk,
        "consequences": service.consequences(reopening.task) if waiting else None,
        "versions": kept.order_by("task__order"),
        "signatures": signing.signatures_on(reopening),
        "declined": audit.history(reopening).filter(action="reopening.decline").first(),
        "meaning": Signature.Meaning.APPROVAL.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/reopening.html", context, status=status)
