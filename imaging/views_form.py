"""The page of a timepoint's transfer form: fill in, sign, correct; for everybody else, read."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from imaging import selectors
from imaging.forms import CorrectionForm, DeclarationForm
from imaging.models import TransferForm
from imaging.selectors_qc import sent_back
from imaging.services import declaring
from imaging.states import FormState
from trials.forms import SignatureForm
from trials.models import Timepoint
from trials.selectors import timepoints_seen_by


def form_on_page(timepoint: Timepoint) -> dict[str, Any]:
    """What other pages of a timepoint tell of its form: the signed version, by whom, and whether another is open."""
    versions = list(selectors.transfer_forms_of(timepoint))
    signed = next((form for form in versions if form.state == FormState.SIGNED), None)
    return {
        "form_signed": signed,
        "form_signatures": signing.signatures_on(signed) if signed else (),
        "form_open": bool(versions) and versions[0].state == FormState.DRAFT,
        "sent_back": sent_back(timepoint),
    }


@require_safe
@access.guarded("imaging.see_transfers", timepoints_seen_by)
def form_show(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """The form: to be filled in by the site, to be read by QC and auditors; signed versions stay as they are."""
    return _page(request, timepoint)


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_save(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Keep a draft, complete or not."""
    declaration = _declaration(request, timepoint, draft=True)
    if not declaration.is_valid():
        return _page(request, timepoint, declaration)
    declaring.save_form(
        timepoint=timepoint,
        values=declaration.cleaned_data,
        actor=access.actor(request),
        at=timezone.now(),
        shown_sha256=request.POST.get("shown_sha256", ""),
    )
    messages.success(request, "The draft is saved. Sign it when it is complete.")
    return redirect("imaging:form", pk=timepoint.pk)


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_sign(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Save what was typed and sign it; what stands in the way is said at its field, and nothing typed is lost."""
    at = timezone.now()
    declaration, signature = _declaration(request, timepoint, today=at.date()), SignatureForm(request.POST)
    if not (declaration.is_valid() and signature.is_valid()):
        return _page(request, timepoint, declaration, signature)
    try:
        declaring.sign_form(
            timepoint=timepoint,
            values=declaration.cleaned_data,
            signature=signature.intent(Signature.Meaning.RESPONSIBILITY),
            actor=access.actor(request),
            at=at,
        )
    except signing.WrongPassword as problem:
        signature.add_error("password", problem.message)
        return _page(request, timepoint, declaration, signature)
    messages.success(request, "The transfer form is signed. Thank you.")
    return redirect("imaging:timepoint", pk=timepoint.pk)


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def form_correct(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Open the next version of a signed form, with a reason."""
    try:
        declaring.correct_form(
            timepoint=timepoint,
            reason=request.POST.get("reason", ""),
            actor=access.actor(request),
            at=timezone.now(),
        )
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "A new version is open. The signed one stands until you sign this one.")
    return redirect("imaging:form", pk=timepoint.pk)


def _declaration(request: HttpRequest, timepoint: Timepoint, **options: Any) -> DeclarationForm:
    blank = TransferForm(timepoint=timepoint)
    return DeclarationForm(request.POST, instance=blank, parts=blank.parts, **options)


def _page(
    request: HttpRequest,
    timepoint: Timepoint,
    declaration: DeclarationForm | None = None,
    signature: SignatureForm | None = None,
) -> HttpResponse:
    versions = list(selectors.transfer_forms_of(timepoint))
    form = declaring.form_to_fill(timepoint, timezone.now())
    may_fill = access.may(request.user, "imaging.upload", timepoint) and not timepoint.frozen_by()
    shown = {"shown_sha256": signing.digest(form.shown_content())}
    return render(
        request,
        "imaging/form_show.html",
        {
            "timepoint": timepoint,
            "subject": timepoint.subject,
            "trial": timepoint.trial,
            "terms": timepoint.charter.terms,
            "form": form,
            "may_fill": may_fill and form.state == FormState.DRAFT,
            "may_correct": may_fill and form.state == FormState.SIGNED,
            "declaration": declaration or DeclarationForm(instance=form, parts=form.parts),
            "sign_form": signature or SignatureForm(initial=shown),
            "correction": CorrectionForm(),
            "versions": [(version, signing.signatures_on(version)) for version in versions],
            "events": audit.history_of_many(versions)[:20],
        },
    )
