"""The page of a timepoint's transfer form: fill in, sign, correct, read; and what leaves of the forms of a trial."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, exporting, signing
from imaging import selectors
from imaging.exports.site_forms import SiteFormsExport
from imaging.models import TransferForm
from imaging.selectors_qc import sent_back
from imaging.services import declaring
from trials import pages_forms
from trials.forms import SignatureForm
from trials.forms_answers import AnswersForm
from trials.models import DeclaredForm, Timepoint, Trial
from trials.selectors import timepoints_seen_by, trials_of
from trials.states import FormState


def form_on_page(timepoint: Timepoint) -> dict[str, Any]:
    """What other pages of a timepoint tell of its form: the signed version, by whom, and whether another is open."""
    versions = list(selectors.transfer_forms_of(timepoint))
    signed = next((form for form in versions if form.state == FormState.SIGNED), None)
    return {
        "form_signed": signed,
        "form_signatures": signing.signatures_on(signed) if signed else (),
        "form_open": bool(versions) and versions[0].state == FormState.DRAFT,
        "sent_back": sent_back(timepoint),
        "form_contradictions": declaring.contradictions(signed) if signed else {},
    }


@require_safe
@access.guarded("imaging.see_transfers", timepoints_seen_by)
def form_show(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """The form: to be filled in by the site, to be read by QC and auditors; signed versions stay as they are."""
    return _page(request, declaring.form_to_fill(timepoint, timezone.now()))


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_save(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Keep a draft, complete or not."""
    return pages_forms.save(request, declaring.form_to_fill(timepoint, timezone.now()), _page, _address)


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_sign(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Save what was typed and sign it."""
    form = declaring.form_to_fill(timepoint, timezone.now())
    return pages_forms.sign(request, form, _page, _timepoint, service=declaring.sign_answers)


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_correct(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Open the next version of a signed form, with a reason."""
    return pages_forms.correct(request, declaring.form_to_fill(timepoint, timezone.now()), _address)


@require_POST
@access.guarded("trials.administer_or_audit", trials_of)
def forms_export(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Every form that sites signed, as one package; who took it is recorded."""
    exporter = SiteFormsExport()
    snapshot = exporter.snapshot(trial)
    package, name = exporting.pack(exporter, snapshot), exporter.file_name(snapshot)
    said = {"file": name, "sha256": package.sha256, **exporter.statement(snapshot)}
    audit.record("forms.exported", trial, actor=access.actor(request), at=timezone.now(), after=said)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(package.data, content_type="application/zip", headers=headers)


def _address(form: DeclaredForm) -> str:
    return reverse("imaging:form", kwargs={"pk": form.place.pk})


def _timepoint(form: DeclaredForm) -> str:
    return reverse("imaging:timepoint", kwargs={"pk": form.place.pk})


def _page(
    request: HttpRequest,
    form: TransferForm,
    answers: AnswersForm | None = None,
    signature: SignatureForm | None = None,
) -> HttpResponse:
    timepoint = form.timepoint
    return render(
        request,
        "imaging/form_show.html",
        {
            "timepoint": timepoint,
            "subject": timepoint.subject,
            "trial": timepoint.trial,
            "charter_terms": timepoint.charter.terms,
            "contradictions": declaring.contradictions(form) if form.pk else {},
            **pages_forms.shown(request, form, answers, signature),
        },
    )
