"""Pages of emergency access: opened with a reason, ended, and reviewed."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from compliance.signing import WrongPassword
from trials import selectors
from trials.forms_emergency import OpenForm, ReviewForm
from trials.models import EmergencyAccess, Role, Trial
from trials.services import emergency as service
from trials.states import EmergencyState


def _seen_by(user: User) -> QuerySet[EmergencyAccess]:
    """Those of the trials that the person administers or audits, and one's own."""
    trials = selectors.trials_of(user, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    found = EmergencyAccess.objects.filter(Q(trial__in=trials) | Q(membership__user=user))
    return found.select_related("trial", "membership__user", "reviewed_by").distinct()


def _open_to(user: User) -> QuerySet[Trial]:
    """Trials in which the person may take a role."""
    if access.may(user, "trials.create"):
        return Trial.objects.order_by("code")
    return selectors.trials_of(user, Role.TRIAL_ADMINISTRATOR)


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def emergencies(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who took which role in a trial without having it, and what was found afterwards."""
    context = {
        "trial": trial,
        "emergencies": EmergencyAccess.objects.filter(trial=trial).select_related("membership__user", "reviewed_by"),
        "may_open": access.may(request.user, "trials.break_glass", trial),
    }
    return render(request, "trials/emergencies.html", context)


@access.guarded("trials.break_glass")
def emergency_open(request: HttpRequest) -> HttpResponse:
    """Take a role in a trial for some hours, because work cannot wait."""
    actor, problem = access.actor(request), None
    form = OpenForm(_open_to(actor), request.POST or None, initial={"trial": request.GET.get("trial")})
    if request.method == "POST" and form.is_valid():
        try:
            made = service.open_access(**form.cleaned_data, actor=actor, at=timezone.now())
        except HouseError as refused:
            problem = refused
        else:
            messages.success(request, "The emergency access is open. Those who answer for the trial are told.")
            return redirect("trials:emergency", pk=made.pk)
    own = EmergencyAccess.objects.filter(membership__user=actor).select_related("trial", "membership")[:5]
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/emergency_open.html", {"form": form, "problem": problem, "own": own}, status=status)


@access.guarded("trials.see_emergency", _seen_by)
def emergency(request: HttpRequest, emergency: EmergencyAccess) -> HttpResponse:
    """One emergency access: why, until when, what was done under it, and its review by signature."""
    actor = access.actor(request)
    problem: HouseError | None = None
    may_review = (
        emergency.state == EmergencyState.ENDED
        and emergency.membership.user_id != actor.pk
        and service.reviews(actor, emergency.trial, timezone.now())
    )
    form = ReviewForm(request.POST or None, initial={"shown_sha256": signing.digest(emergency.shown_content())})
    if request.method == "POST" and form.is_valid():
        try:
            service.review(
                emergency=emergency,
                finding=form.cleaned_data["finding"],
                signature=form.intent(service.MEANING),
                actor=actor,
                at=timezone.now(),
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, "The review is signed.")
            return redirect("trials:emergency", pk=emergency.pk)
    # Whoever opened it may be blinded by now: what it was about is for those who go over it.
    sees_acts = access.may(actor, "trials.administer_or_audit", emergency)
    acts = service.acts_under(emergency) if sees_acts else AuditEvent.objects.none()
    own = emergency.membership.user_id == actor.pk
    context = {
        "emergency": emergency,
        "trial": emergency.trial,
        "sees_acts": sees_acts,
        "acts": acts[:100],
        "count": acts.count(),
        "form": form,
        "problem": problem,
        "may_review": may_review,
        "may_end": emergency.state == EmergencyState.OPEN
        and (own or access.may(actor, "trials.administer", emergency)),
        "signatures": signing.signatures_on(emergency),
        "meaning": service.MEANING.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/emergency.html", context, status=status)


@require_POST
@access.guarded("trials.see_emergency", _seen_by)
def emergency_end(request: HttpRequest, emergency: EmergencyAccess) -> HttpResponse:
    """End an emergency access before its time."""
    service.end_access(emergency=emergency, actor=access.actor(request), at=timezone.now())
    messages.success(request, "The emergency access is over; it is to be reviewed now.")
    own = emergency.membership.user_id == request.user.pk
    return redirect("home") if own else redirect("trials:emergency", pk=emergency.pk)
