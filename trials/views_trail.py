"""Pages of the planned review of a trial's audit trail."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import WrongPassword
from trials import selectors
from trials.forms_trail import PartForm, TrailReviewForm
from trials.models import Role, TrailReview, Trial
from trials.services import reviewing_trail as service


def _seen_by(user: User) -> QuerySet[TrailReview]:
    trials = selectors.trials_of(user, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return TrailReview.objects.filter(trial__in=trials).select_related("trial", "reviewed_by")


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def trail_reviews(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Past reviews, and when the next one is due."""
    due, now = service.due_at(trial), timezone.now()
    context = {
        "trial": trial,
        "reviews": _seen_by(access.actor(request)).filter(trial=trial),
        "due": due,
        "late": now >= due,
        "may_review": access.may(request.user, "trials.review_trail", trial),
    }
    return render(request, "trials/trail_reviews.html", context)


@access.guarded("trials.review_trail", selectors.trials_of)
def trail_review_make(request: HttpRequest, trial: Trial) -> HttpResponse:
    """A part of the trail by kind of act; what was found in it is written down and signed."""
    at, problem = timezone.now(), None
    part, chosen = service.proposed(trial, at), PartForm(at, request.GET if "first_on" in request.GET else None)
    if chosen.is_bound and chosen.is_valid():
        part = chosen.part()
    elif not chosen.is_bound:
        chosen = PartForm(at, initial={"first_on": part.first_on, "last_on": part.last_on})
    about = service.shown(trial, part)
    initial = {"shown_sha256": signing.digest(about.shown_content())}
    form = TrailReviewForm(request.POST or None, initial=initial)
    if request.method == "POST" and not chosen.errors and form.is_valid():
        said = {"outcome": form.cleaned_data["outcome"], "findings": form.cleaned_data["findings"]}
        try:
            made = service.review_trail(
                trial=trial,
                part=part,
                **said,
                signature=form.intent(service.MEANING),
                actor=access.actor(request),
                at=at,
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, "The review of the audit trail is signed.")
            return redirect("trials:trail_review", pk=made.pk)
    days = {"first_on": part.first_on.isoformat(), "last_on": part.last_on.isoformat()}
    context = {
        "trial": trial,
        "about": about,
        "chosen": chosen,
        "form": form,
        "problem": problem,
        "counted": service.counted(trial, part),
        "trail_query": urlencode({**days, "q": part.words}),
        "part_query": urlencode({**days, "words": part.words}),
        "meaning": service.MEANING.label,
    }
    wrong = chosen.errors or form.errors
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return render(request, "trials/trail_review_make.html", context, status=status)


@require_safe
@access.guarded("trials.administer_or_audit", _seen_by)
def trail_review(request: HttpRequest, review: TrailReview) -> HttpResponse:
    """One review as it was signed."""
    context = {"review": review, "trial": review.trial, "signatures": signing.signatures_on(review)}
    return render(request, "trials/trail_review.html", context)
