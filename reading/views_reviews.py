"""The page of a global review: a reader's own case as a whole, its responses confirmed or changed by signature."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.policy import draws_pictures
from compliance.signing import WrongPassword
from reading import blinding, pages, selectors_reviews, views_pixels
from reading.forms_review import ReviewForm
from reading.models import GlobalReview
from reading.services import reviewing
from reading.states import GlobalReviewState


@access.guarded("reading.review", selectors_reviews.reviews_of, by="blinded_code")
def review(request: HttpRequest, review: GlobalReview) -> HttpResponse:
    """All own reads of a case; each response stands as derived, or is changed with a reason."""
    actor, at = access.actor(request), timezone.now()
    problem: HouseError | None = None
    shown = blinding.blinded_global_review(review)
    initial = {"shown_sha256": signing.digest(review.shown_content())}
    form = ReviewForm(request.POST or None, review=shown, initial=initial)
    if request.method == "POST" and form.is_valid():
        signature = form.intent(Signature.Meaning.AUTHORSHIP)
        try:
            reviewing.sign_review(review=review, changes=form.changes(), signature=signature, actor=actor, at=at)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"Global review {review.blinded_code} is signed.")
            return redirect("reading:worklist")
    elif request.method == "GET":
        reviewing.open_review(review=review, actor=actor, at=at)
    looked = blinding.look_at_review(review, actor=actor)
    courses, last = pages.courses(shown.own, shown.timepoints), len(shown.timepoints) - 1
    view = {"name": "Own reads", "timepoint": last, "marks": pages.marks_of(course.lesion for course in courses)}
    addresses = views_pixels.global_review_addresses(shown.code)
    context = {
        "review": shown,
        "rows": form.rows(),
        "courses": courses,
        "stage": pages.stage("adjudicator", addresses, shown.presets, blinding.stacks_shown(looked), [view]),
        "marks": {"own": [mark.to_json() for mark in shown.own.marks]},
        "form": form,
        "problem": problem,
        "open": review.state == GlobalReviewState.OPEN,
        "signatures": signing.signatures_on(review),
        "meaning": Signature.Meaning.AUTHORSHIP.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return draws_pictures(render(request, "reading/global_review.html", context, status=status))


def _looked(request: HttpRequest, review: GlobalReview) -> blinding.Looked:
    return blinding.look_at_review(review, actor=access.actor(request))


@require_GET
@access.guarded("reading.review", selectors_reviews.reviews_of, by="blinded_code")
def review_frame(request: HttpRequest, review: GlobalReview, series: str, frame: int) -> HttpResponse:
    """One picture of the case, rendered in one of the charter's windows."""
    return views_pixels.rendered(request, _looked(request, review), series, frame)


@require_GET
@access.guarded("reading.review", selectors_reviews.reviews_of, by="blinded_code")
def review_pixels(request: HttpRequest, review: GlobalReview, series: str, frame: int) -> HttpResponse:
    """The values of one picture of the case."""
    return views_pixels.pixels(request, _looked(request, review), series, frame)


@require_GET
@access.guarded("reading.review", selectors_reviews.reviews_of, by="blinded_code")
def review_thumbnail(request: HttpRequest, review: GlobalReview, series: str) -> HttpResponse:
    """A small picture of a series of the case."""
    return views_pixels.thumbnail(request, _looked(request, review), series)


@require_GET
@access.guarded("reading.review", selectors_reviews.reviews_of, by="blinded_code")
def review_film(request: HttpRequest, review: GlobalReview, series: str, film: int) -> HttpResponse:
    """A film of the case, or a part of it."""
    return views_pixels.film_part(request, _looked(request, review), series, film)
