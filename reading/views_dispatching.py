"""The page of a trial's scheduled transfers: the plans, and the receipts."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from compliance import access
from compliance.errors import HouseError
from reading.forms_dispatching import PlanForm
from reading.models import Dispatch, DispatchPlan
from reading.services import dispatching
from trials.models import Trial
from trials.pages import number_in
from trials.selectors import is_locked, trials_of

_PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("reading.see_package", trials_of)
def dispatches(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What is sent where and when, and what was; the trial administrator plans, ends and tries again."""
    form = PlanForm(request.POST if request.POST.get("act") == "plan" else None)
    if request.method == "POST":
        access.require(request.user, "trials.lock", trial)
        try:
            if _done(request, trial, form):
                return redirect("reading:dispatches", pk=trial.pk)
        except HouseError as problem:
            if not form.is_bound:
                messages.error(request, problem.message)
                return redirect("reading:dispatches", pk=trial.pk)
            form.add_error(None, problem.message)
    now = timezone.now()
    plans = DispatchPlan.objects.filter(trial=trial).select_related("made_by", "ended_by")
    sent = Dispatch.objects.filter(plan__trial=trial).select_related("plan")
    return render(
        request,
        "reading/dispatches.html",
        {
            "trial": trial,
            "locked": is_locked(trial),
            "plans": [(plan, None if plan.ended_at else plan.next_due(now)) for plan in plans],
            "page": Paginator(sent, _PER_PAGE).get_page(request.GET.get("page")),
            "outlets": dispatching.outlets(),
            "may_plan": access.may(request.user, "trials.lock", trial),
            "form": form,
        },
        status=HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK,
    )


def _done(request: HttpRequest, trial: Trial, form: PlanForm) -> bool:
    """Do what was asked; False where the form has to be filled again."""
    actor, at = access.actor(request), timezone.now()
    match request.POST.get("act"):
        case "end":
            plan = get_object_or_404(DispatchPlan, pk=number_in(request, "plan"), trial=trial)
            dispatching.end_plan(plan=plan, actor=actor, at=at)
            messages.success(request, f"Nothing more is sent to {plan.outlet} by this plan.")
        case "retry":
            found = get_object_or_404(Dispatch, pk=number_in(request, "dispatch"), plan__trial=trial)
            dispatching.retry(dispatch=found, actor=actor, at=at)
            messages.success(request, "The transfer is on its way again.")
        case _:
            if not form.is_valid():
                return False
            dispatching.plan(trial=trial, **form.cleaned_data, actor=actor, at=at)
            messages.success(request, "The transfers are planned.")
    return True
