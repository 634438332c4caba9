"""Pages of what becomes of a subject after its first day: parse, call one service, answer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from trials import forms, selectors
from trials.models import Subject
from trials.pages import gate_on_page
from trials.services import allocating, enrolling, leaving, visiting
from trials.subject_terms import AFTER_CONSENT


@access.guarded("trials.enrol", selectors.subjects_seen_by)
def subject_enrol_screened(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Enrol a subject that was screened."""
    form = forms.EnrolScreenedForm(request.POST or None, subject=subject)
    if request.method == "POST" and form.is_valid():
        try:
            enrolling.enrol_screened(
                subject=subject, **form.cleaned_data, actor=access.actor(request), at=timezone.now()
            )
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, f"Subject {subject.code} is enrolled; its other visits are planned.")
            return redirect("trials:subject", pk=subject.pk)
    context = {"form": form, "subject": subject, "site": subject.site, "trial": subject.trial}
    return render(request, "trials/subject_enrol.html", context | gate_on_page(subject.site, timezone.now()))


@require_POST
@access.guarded("trials.enrol", selectors.subjects_seen_by)
def subject_fail_screening(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Record that a subject that was screened does not take part."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        enrolling.fail_screening(
            subject=subject, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, f"Subject {subject.code} does not take part.")
    else:
        messages.error(request, "A failed screening needs a reason.")
    return redirect("trials:subject", pk=subject.pk)


@require_POST
@access.guarded("trials.add_visit", selectors.subjects_seen_by)
def visit_add(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Add a visit that the schedule does not plan."""
    form = forms.VisitForm(request.POST)
    if form.is_valid():
        visit = visiting.add_visit(subject=subject, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"{visit.name} is there, as {visit.code}. Its scan can be sent now.")
    else:
        messages.error(request, "An unscheduled visit needs its day and a reason.")
    return redirect("trials:subject", pk=subject.pk)


@require_POST
@access.guarded("trials.see_arms", selectors.subjects_seen_by)
def subject_allocate(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Enter or correct a subject's arm; its visits follow."""
    form = forms.ArmForm(request.POST)
    if form.is_valid():
        allocating.allocate_arm(subject=subject, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"The arm of {subject.code} is entered; its visits are those of the arm.")
    else:
        messages.error(request, "An arm has 40 characters at most, and needs a reason.")
    return redirect("trials:subject", pk=subject.pk)


@access.guarded("trials.enrol", selectors.subjects_seen_by)
def subject_consent(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Say what the withdrawal of consent would do, and take it, signed."""
    form = forms.ConsentForm(request.POST or None, initial={"shown_sha256": signing.digest(subject.shown_content())})
    if request.method == "POST" and form.is_valid():
        try:
            leaving.withdraw_consent(
                subject=subject,
                withdrawn_on=form.cleaned_data["withdrawn_on"],
                reason=form.cleaned_data["reason"],
                signature=form.intent(Signature.Meaning.RESPONSIBILITY),
                actor=access.actor(request),
                at=timezone.now(),
            )
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, f"Consent of subject {subject.code} is withdrawn.")
            return redirect("trials:subject", pk=subject.pk)
    context = {
        "form": form,
        "subject": subject,
        "trial": subject.trial,
        "rule": AFTER_CONSENT[leaving.rule_for(subject)],
        "consequences": leaving.consequences(subject),
    }
    return render(request, "trials/subject_consent.html", context)
