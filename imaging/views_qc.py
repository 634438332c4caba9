"""Pages of quality control: the queue, a round with its images, findings and history, and the decision on it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.policy import draws_pictures
from imaging import forms, selectors, selectors_qc, urgency
from imaging.forms_qc import DecisionForm, QueueForm
from imaging.models import Finding, QcReview, Series
from imaging.selectors_faces import faces_waiting
from imaging.selectors_pixels import looks_waiting
from imaging.services import reviewing
from imaging.stages import stage_of
from imaging.states import UNDECIDED, ReviewState, Verdict
from imaging.views_form import form_on_page
from trials.forms_answers import AnswersForm
from trials.models import Trial
from trials.pages import queries_on_page
from trials.selectors import sites_seen_by, trials_of
from trials.selectors_forms import awaited_at


@require_safe
@access.guarded("imaging.review", trials_of)
def qc_queue(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Timepoints that wait for QC, the most urgent first, and what a colleague has to look at."""
    person, now = access.actor(request), timezone.now()
    form = QueueForm(request.GET, sites=sites_seen_by(person).filter(trial=trial))
    chosen = form.cleaned_data if form.is_valid() else {}
    reviews = selectors.reviews_open(person).filter(timepoint__subject__trial=trial)
    if site := chosen.get("site"):
        reviews = reviews.filter(timepoint__subject__site=site)
    waiting = selectors_qc.by_urgency(reviews, now)
    kept = {
        "blocking": lambda one: one.wait.blocking > 0,
        "sent_back": lambda one: one.wait.sent_back > 0,
        "second": lambda one: one.review.state == ReviewState.SECOND,
    }.get(chosen.get("show", ""), lambda one: True)
    return render(
        request,
        "imaging/qc_queue.html",
        {
            "trial": trial,
            "filters": form,
            "rule": urgency.RULE,
            "waiting": [one for one in waiting if kept(one)],
            "passed_on": selectors_qc.passed_on_by(person).filter(timepoint__subject__trial=trial),
            "decided": selectors.reviews_decided(trial)[:20],
            "looks": looks_waiting(trial).count(),
            "faces": faces_waiting(trial).count(),
            "now": now,
        },
    )


@require_safe
@access.guarded("imaging.see_qc", selectors.reviews_seen_by)
def review_show(request: HttpRequest, review: QcReview) -> HttpResponse:
    """The checklist beside the images: findings with their evidence, series, and the decision."""
    return _page(request, review)


@require_POST
@access.guarded("imaging.review", selectors.reviews_seen_by)
def review_decide(request: HttpRequest, review: QcReview) -> HttpResponse:
    """Judge images and transfer form, signed; what stands in the way is said at its field, nothing typed is lost."""
    at = timezone.now()
    if review.state not in UNDECIDED:
        messages.error(request, "This round of QC is over, so nothing was signed.")
        return redirect("imaging:review", pk=review.pk)
    form = DecisionForm(request.POST, review=review)
    checklist = _checklist(review, request.POST, whole=not form.fails)
    if not (form.is_valid() and checklist.is_valid()):
        return _page(request, review, form, checklist)
    try:
        reviewing.decide_round(
            review=review,
            judged=form.judged,
            asks=form.asks,
            answers=reviewing.Answers(checklist.values, checklist.confirmed),
            comment=form.cleaned_data["comment"],
            signature=form.intent(Signature.Meaning.REVIEW),
            actor=access.actor(request),
            at=at,
        )
    except reviewing.SamePerson as problem:
        messages.error(request, problem.message)
        return redirect("imaging:review", pk=review.pk)
    except HouseError as problem:
        wrong = "password" if isinstance(problem, signing.WrongPassword) else None
        form.add_error(wrong, problem.message)
        return _page(request, review, form, checklist)
    outcome = {
        ReviewState.CLEARED: "is cleared for reading.",
        ReviewState.FAILED: "went back to its site with your query.",
        ReviewState.SECOND: "is passed. Another person takes a second look before it is cleared.",
    }[ReviewState(review.state)]
    messages.success(request, f"{review.timepoint} {outcome}")
    return redirect("imaging:qc", pk=review.timepoint.trial.pk)


def _checklist(review: QcReview, data: Any = None, *, whole: bool = False) -> AnswersForm:
    terms = review.timepoint.charter.terms.quality_control.checklist
    return AnswersForm(terms, data, at=timezone.now(), whole=whole, prefix="check")


def _page(
    request: HttpRequest,
    review: QcReview,
    decision: DecisionForm | None = None,
    checklist: AnswersForm | None = None,
) -> HttpResponse:
    person, timepoint = access.actor(request), review.timepoint
    is_open = review.state in UNDECIDED
    may_review = is_open and access.may(person, "imaging.review", review)
    is_first = review.decisions.filter(decided_by=person).exists()
    shown = {"shown_sha256": signing.digest(review.shown_content())}
    page = render(
        request,
        "imaging/review_show.html",
        {
            "review": review,
            "timepoint": timepoint,
            "subject": timepoint.subject,
            "trial": timepoint.trial,
            "findings": review.findings.select_related("series", "verdict_by"),
            "later": selectors.later_arrival(timepoint) if is_open else None,
            "series": selectors.series_of(timepoint),
            "labels": [one.label for one in timepoint.charter.terms.series],
            "stage": stage_of(timepoint, person, before=selectors_qc.timepoint_before(timepoint)),
            "may_review": may_review and not is_first,
            "waits_for_another": may_review and is_first,
            "may_see_images": access.may(person, "imaging.see_images", review),
            "decision": decision or DecisionForm(initial=shown, review=review),
            "checklist": checklist or _checklist(review),
            "rounds": selectors_qc.rounds_of(timepoint),
            "site_history": selectors_qc.history_of(timepoint.subject.site, but=timepoint),
            "transfers": selectors.transfers_of(timepoint).select_related("uploaded_by"),
            "awaited_forms": awaited_at(timepoint) if is_open else [],
            **form_on_page(timepoint),
            **queries_on_page(person, timepoint, timepoint.trial, timezone.now()),
        },
    )
    return draws_pictures(page)


@require_POST
@access.guarded("imaging.review", selectors.findings_seen_by)
def finding_decide(request: HttpRequest, finding: Finding) -> HttpResponse:
    """Pass, fail or waive one finding."""
    form = forms.VerdictForm(request.POST)
    if form.is_valid():
        reviewing.decide_finding(
            finding=finding,
            verdict=Verdict(form.cleaned_data["verdict"]),
            reason=form.cleaned_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
    else:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return redirect(f"{_address(finding.review)}#finding-{finding.pk}")


@require_POST
@access.guarded("imaging.review", selectors.series_seen_by)
def series_mark(request: HttpRequest, series: Series) -> HttpResponse:
    """Mark a series for reading, or not."""
    reviewing.mark_for_reading(
        series=series,
        for_reading=request.POST.get("for_reading") == "yes",
        actor=access.actor(request),
        at=timezone.now(),
    )
    return redirect(_address_of_series(series))


@require_POST
@access.guarded("imaging.review", selectors.series_seen_by)
def series_label(request: HttpRequest, series: Series) -> HttpResponse:
    """Say which of the charter's series a series is."""
    label = request.POST.get("label", "")
    reviewing.label_series(series=series, label=label, actor=access.actor(request), at=timezone.now())
    return redirect(_address_of_series(series))


def _address(review: QcReview) -> str:
    return reverse("imaging:review", kwargs={"pk": review.pk})


def _address_of_series(series: Series) -> str:
    timepoint = series.imaging_study.timepoint
    review = selectors.reviews_of(timepoint).first()
    page = _address(review) if review else reverse("imaging:timepoint", kwargs={"pk": timepoint.pk})
    return f"{page}#series-{series.pk}"
