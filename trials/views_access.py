"""Pages of the periodic review of access: past reviews, the next one, and each as a spreadsheet."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from compliance import access, signing, spreadsheets
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import WrongPassword
from trials import selectors
from trials.forms_access import AccessReviewForm
from trials.models import AccessReview, Role, Trial
from trials.services import reviewing_access as service

_COLUMNS = (
    "person",
    "user_name",
    "role",
    "site",
    "since",
    "until",
    "account_open",
    "second_factor",
    "identity_provider",
    "last_sign_in",
    "verdict",
    "note",
)


def _seen_by(user: User) -> QuerySet[AccessReview]:
    trials = selectors.trials_of(user, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return AccessReview.objects.filter(trial__in=trials).select_related("trial", "reviewed_by")


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def access_reviews(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Past reviews, and when the next one is due."""
    due, now = service.due_at(trial), timezone.now()
    context = {
        "trial": trial,
        "reviews": _seen_by(access.actor(request)).filter(trial=trial),
        "due": due,
        "late": now >= due,
        "may_review": access.may(request.user, "trials.review_access", trial),
    }
    return render(request, "trials/access_reviews.html", context)


@access.guarded("trials.review_access", selectors.trials_of)
def access_review_make(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Everybody who holds a role, to be kept or revoked; one signature over all."""
    problem: HouseError | None = None
    memberships = service.roles_held(trial)
    shown_sha256 = signing.digest(service.shown_content(trial, memberships))
    form = AccessReviewForm(memberships, request.POST or None, initial={"shown_sha256": shown_sha256})
    if request.method == "POST" and form.is_valid():
        try:
            review = service.review_access(
                trial=trial,
                verdicts=form.verdicts(),
                signature=form.intent(service.MEANING),
                actor=access.actor(request),
                at=timezone.now(),
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            ended = f" {review.revoked} ended." if review.revoked else ""
            messages.success(request, f"The review is signed: {len(review.roles)} roles gone over.{ended}")
            return redirect("trials:access_review", pk=review.pk)
    context = {
        "trial": trial,
        "form": form,
        "rows": [(*row, shown) for row, shown in zip(form.rows(), _dated(service.as_shown(memberships)), strict=True)],
        "problem": problem,
        "meaning": service.MEANING.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/access_review_make.html", context, status=status)


@require_safe
@access.guarded("trials.administer_or_audit", _seen_by)
def access_review(request: HttpRequest, review: AccessReview) -> HttpResponse:
    """One review as it was signed."""
    context = {
        "review": review,
        "trial": review.trial,
        "rows": _dated(review.roles),
        "signatures": signing.signatures_on(review),
    }
    return render(request, "trials/access_review.html", context)


@require_safe
@access.guarded("trials.administer_or_audit", _seen_by)
def access_review_list(request: HttpRequest, review: AccessReview) -> HttpResponse:
    """The same for a spreadsheet."""
    said = {True: "yes", False: "no"}
    rows = (
        [said[row[name]] if isinstance(row[name], bool) else row[name] for name in _COLUMNS] for row in review.roles
    )
    name = f"{review.trial.code}-access-review-{review.reviewed_at:%Y-%m-%d}.csv"
    return spreadsheets.download(name, _COLUMNS, rows)


def _dated(roles: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return rows with their moments as such, and the words of their roles."""
    return [
        {
            **row,
            **{name: parse_datetime(str(row[name] or "")) for name in ("since", "until", "last_sign_in")},
            "role": Role(str(row["role"])).label,
        }
        for row in roles
    ]
