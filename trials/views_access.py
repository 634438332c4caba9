"""Pages of the periodic review of access: past reviews, the next one, and each as a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import BoundField
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
from trials.services.connecting import tokens_in_force

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
    "program",
    "issued_by",
    "verdict",
    "note",
)
#: What a token is in the column of roles.
_OF_PROGRAM = "token of the site"


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
    """Everybody who holds a role, and the tokens of sites, to be kept or revoked; one signature over all."""
    problem: HouseError | None = None
    memberships, tokens = service.roles_held(trial), list(tokens_in_force(trial, timezone.now()))
    shown_sha256 = signing.digest(service.shown_content(trial, memberships, tokens))
    form = AccessReviewForm(memberships, tokens, request.POST or None, initial={"shown_sha256": shown_sha256})
    if request.method == "POST" and form.is_valid():
        try:
            review = service.review_access(
                trial=trial,
                verdicts=form.verdicts(),
                of_tokens=form.verdicts_on_tokens(),
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
            also = f" and {len(review.tokens)} tokens" if review.tokens else ""
            messages.success(request, f"The review is signed: {len(review.roles)} roles{also} gone over.{ended}")
            return redirect("trials:access_review", pk=review.pk)
    context = {
        "trial": trial,
        "form": form,
        "rows": _beside(form.role_fields(), _dated(service.as_shown(memberships))),
        "token_rows": _beside(form.token_fields(), _dated(service.tokens_as_shown(tokens))),
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
        "token_rows": _dated(review.tokens),
        "signatures": signing.signatures_on(review),
    }
    return render(request, "trials/access_review.html", context)


@require_safe
@access.guarded("trials.administer_or_audit", _seen_by)
def access_review_list(request: HttpRequest, review: AccessReview) -> HttpResponse:
    """The same for a spreadsheet."""
    said = {True: "yes", False: "no"}
    listed = ({name: row.get(name, "") for name in _COLUMNS} for row in _listed(review))
    rows = ([said[value] if isinstance(value, bool) else value for value in row.values()] for row in listed)
    name = f"{review.trial.code}-access-review-{review.reviewed_at:%Y-%m-%d}.csv"
    return spreadsheets.download(name, _COLUMNS, rows)


def _listed(review: AccessReview) -> list[dict[str, object]]:
    """Return the rows of roles, and below them those of tokens."""
    return [*review.roles, *({**row, "role": _OF_PROGRAM} for row in review.tokens)]


def _beside(fields: Iterable[tuple[BoundField, BoundField]], rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Return the fields of each row with what the row says."""
    return [(*pair, row) for pair, row in zip(fields, rows, strict=True)]


def _dated(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return rows with their moments as such, and the words of their roles."""
    moments = ("since", "until", "last_sign_in")
    return [
        {
            **row,
            **{name: parse_datetime(str(row[name] or "")) for name in moments if name in row},
            **({"role": Role(str(row["role"])).label} if "role" in row else {}),
        }
        for row in rows
    ]
