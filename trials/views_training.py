"""Pages of the training that roles ask for: one's own, and who has to complete what in a trial."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import WrongPassword
from trials import selectors
from trials.forms import ReasonForm, SignatureForm
from trials.forms_training import DeclareForm
from trials.models import Membership, Role, RoleTraining, Trial
from trials.services import training as service


def _of_own_roles(user: User) -> QuerySet[RoleTraining]:
    wanted = Q(pk__in=[])
    for trial, role in Membership.in_force(timezone.now()).filter(user=user).values_list("trial", "role"):
        wanted |= Q(trial=trial, role=role)
    return RoleTraining.objects.filter(wanted).select_related("trial")


def _administered(user: User) -> QuerySet[RoleTraining]:
    return RoleTraining.objects.filter(trial__in=selectors.trials_of(user, Role.TRIAL_ADMINISTRATOR), ended_at=None)


@require_safe
@access.guarded("trials.train")
def my_training(request: HttpRequest) -> HttpResponse:
    """What the person's roles ask for, and how each stands. It names no trial: readers are blinded to it."""
    duties = service.duties_of(access.actor(request), timezone.now())
    return render(request, "trials/my_training.html", {"duties": duties})


@access.guarded("trials.train", _of_own_roles)
def training_complete(request: HttpRequest, training: RoleTraining) -> HttpResponse:
    """Read one training, and sign that one has."""
    actor, now = access.actor(request), timezone.now()
    problem: HouseError | None = None
    form = SignatureForm(request.POST or None, initial={"shown_sha256": signing.digest(training.shown_content())})
    if request.method == "POST" and form.is_valid():
        try:
            service.complete(training=training, signature=form.intent(service.MEANING), actor=actor, at=now)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"“{training.title}” is complete.")
            return redirect("trials:my_training")
    duty = next((one for one in service.duties_of(actor, now) if one.training == training), None)
    context = {
        "training": training,
        "duty": duty,
        "form": form,
        "problem": problem,
        "signatures": signing.signatures_on(duty.record) if duty and duty.record else (),
        "meaning": service.MEANING.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/training_complete.html", context, status=status)


@require_http_methods(["GET", "HEAD"])
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def role_trainings(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What is asked of whom in a trial, and who has completed it."""
    return _page(request, trial, DeclareForm())


@require_POST
@access.guarded("trials.administer", selectors.trials_of)
def training_declare(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Ask a training of a role."""
    form = DeclareForm(request.POST)
    if not form.is_valid():
        return _page(request, trial, form)
    try:
        made = service.declare(trial=trial, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
    except HouseError as refused:
        return _page(request, trial, form, refused)
    messages.success(
        request, f"“{made.title}” is asked of the role {made.get_role_display()}; its people are told by mail."
    )
    return redirect("trials:role_trainings", pk=trial.pk)


@require_POST
@access.guarded("trials.administer", _administered)
def training_end(request: HttpRequest, training: RoleTraining) -> HttpResponse:
    """Ask for a training no longer."""
    form = ReasonForm(request.POST)
    if form.is_valid():
        service.end(training=training, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"“{training.title}” is not asked for any more.")
    else:
        messages.error(request, "A training is ended with a reason.")
    return redirect("trials:role_trainings", pk=training.trial_id)


def _page(request: HttpRequest, trial: Trial, form: DeclareForm, problem: HouseError | None = None) -> HttpResponse:
    duties = service.duties_in(trial, timezone.now())
    of_each = [(one, [duty for duty in duties if duty.training == one]) for one in service.asked_in(trial)]
    declared = [(one, asked, sum(duty.record is not None for duty in asked)) for one, asked in of_each]
    context = {
        "trial": trial,
        "declared": declared,
        "duties": duties,
        "form": form,
        "problem": problem,
        "may_declare": access.may(request.user, "trials.administer", trial),
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/role_trainings.html", context, status=status)
