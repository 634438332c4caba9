"""Pages of training and qualification: for those examined, and for the reading manager."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.policy import draws_pictures
from compliance.signing import WrongPassword
from reading import blinding, pages, selectors, views_pixels
from reading import pages_qualification as shown
from reading.blinded import BlindedLesion, BlindedReview
from reading.models import ReadTask
from reading.services import qualifying
from reading.states import Purpose
from trials.forms import SignatureForm
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("reading.qualify")
def qualification(request: HttpRequest) -> HttpResponse:
    """What is to be acknowledged and read before the trial's own reads, and what came of it."""
    return _own_page(request, SignatureForm())


def _own_page(
    request: HttpRequest, form: SignatureForm, trial: Trial | None = None, problem: HouseError | None = None
) -> HttpResponse:
    person = access.actor(request)
    context = {
        "examined": shown.examined(person, timezone.now()),
        "cases": shown.cases_to_read(person),
        "form": form,
        "asked_in": trial.pk if trial else None,
        "blank": SignatureForm(),
        "problem": problem,
        "meaning": Signature.Meaning.REVIEW.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/qualification.html", context, status=status)


@require_POST
@access.guarded("reading.qualify", trials_of)
def qualification_begin(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Sign the statement, and be given the cases."""
    form = SignatureForm(request.POST)
    if not form.is_valid():
        return _own_page(request, form, trial)
    try:
        attempt = qualifying.begin(
            trial=trial,
            signature=form.intent(Signature.Meaning.REVIEW),
            actor=access.actor(request),
            at=timezone.now(),
        )
    except WrongPassword as refused:
        form.add_error("password", refused.message)
        return _own_page(request, form, trial)
    except HouseError as refused:
        return _own_page(request, form, trial, refused)
    given = attempt.cases.count()
    noun = "case" if given == 1 else "cases"
    messages.success(request, f"Signed. {given} {noun} to read." if given else "Signed. Your reads are open.")
    return redirect("reading:qualification")


def _cases_of(user: Any) -> Any:
    return selectors.tasks_of(user).filter(purpose=Purpose.QUALIFICATION)


@require_safe
@access.guarded("reading.read", _cases_of, by="blinded_code")
def qualification_review(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """A signed case beside its reference, with its points; the marks of both lie on the images. Looks are recorded."""
    actor, at = access.actor(request), timezone.now()
    review = blinding.blinded_review(task)
    audit.record("casereference.shown", task, actor=actor, at=at, after={"version": review.version})
    context = {
        "review": review,
        "task": review,
        "stage": _stage_of(request, task, review),
        "marks": [
            *(mark.to_json() for mark in review.own_marks),
            *({**mark.to_json(), "of": "reference"} for mark in review.reference_marks),
        ],
        "sides": [("Yours", review.own_lesions), ("Reference", review.reference_lesions)],
    }
    return draws_pictures(render(request, "reading/qualification_review.html", context))


def _stage_of(request: HttpRequest, task: ReadTask, review: BlindedReview) -> dict[str, Any]:
    timepoints = blinding.stacks_shown(blinding.look_at_read(task, actor=access.actor(request)))

    def said(lesions: tuple[BlindedLesion, ...], of: str) -> list[dict[str, Any]]:
        return [{**mark, "text": f"{of}{mark['text']}"} for mark in pages.marks_of(lesions)]

    marks, last = [*said(review.own_lesions, ""), *said(review.reference_lesions, "Reference ")], len(timepoints) - 1
    views = [{"name": review.title, "timepoint": last, "marks": marks}]
    if last:
        views.insert(0, {"name": "Earlier", "timepoint": last - 1, "marks": marks, "hidden": True})
    terms = task.charter.terms
    addresses = views_pixels.review_addresses(review.code)
    return pages.stage(
        "auditor",
        addresses,
        review.presets,
        timepoints,
        views,
        hangings=blinding.hangings_of(terms, is_baseline=not last),
        windows_locked=terms.windows_locked,
    )
