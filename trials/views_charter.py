"""Pages of the imaging charter: read it, edit and sign a draft, take it out and bring it in as a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, printing, signing
from compliance.errors import HouseError
from compliance.models import Signature
from trials import forms, selectors
from trials.charter import SEALED, Charter, documents, read
from trials.charter.differences import differences
from trials.charter.words import chapters, titled
from trials.forms_charter import CharterForm
from trials.models import ImagingCharter, Trial
from trials.services import setting_up
from trials.states import OPEN_CHARTER, CharterState


@require_safe
@access.guarded("trials.see_charter", selectors.charters_seen_by)
def charter_show(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """One charter version in words, with its signatures; those who may sign it find the sign box.

    What it changes is said against the version before, or the one that the address names.
    """
    earlier = _earlier(charter, request.GET.get("against", ""))
    terms = selectors.terms_told(charter, access.actor(request))
    before = selectors.terms_told(earlier, access.actor(request)) if earlier else None
    may_administer = access.may(request.user, "trials.administer", charter)
    may_review = charter.state == CharterState.DRAFT and access.may(request.user, "trials.review_charter", charter)
    asked = (may_administer and charter.state in OPEN_CHARTER) or may_review
    return render(
        request,
        "trials/charter_show.html",
        {
            "charter": charter,
            "trial": charter.trial,
            "terms": terms,
            "chapters": chapters(terms),
            "earlier": earlier,
            "differences": differences(before, terms) if before else [],
            "objections": _objections(charter) if asked else [],
            "versions": charter.trial.charters.all(),
            "signatures": signing.signatures_on(charter),
            "may_administer": may_administer,
            "may_review": may_review,
            "may_sign": may_administer and charter.state in OPEN_CHARTER and not setting_up.awaits_review(charter),
            "awaits_review": setting_up.awaits_review(charter),
            "reason_form": forms.ReasonForm(),
            "sign_form": forms.SignatureForm(initial={"shown_sha256": signing.digest(charter.shown_content())}),
        },
    )


def _earlier(charter: ImagingCharter, version: str) -> ImagingCharter | None:
    before = charter.trial.charters.filter(version__lt=charter.version)
    return (before.filter(version=version).first() if version.isdecimal() else None) or before.first()


def _objections(charter: ImagingCharter) -> list[tuple[str, str]]:
    found = setting_up.objections(charter.content)
    return [(titled(problem.place)[0], problem.reason) for problem in found]


@require_safe
@access.guarded("trials.see_charter", selectors.charters_seen_by)
def charter_pdf(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """One charter version in words, printed with its signatures."""
    html = render_to_string(
        "trials/print/charter.html",
        {
            "charter": charter,
            "trial": charter.trial,
            "chapters": chapters(selectors.terms_told(charter, access.actor(request))),
            "signatures": signing.signatures_on(charter),
        },
    )
    headers = {"Content-Disposition": f'attachment; filename="{charter.trial.code}-charter-{charter.version}.pdf"'}
    document = printing.pdf(html, bytes.fromhex(charter.sha256)[:16])
    return HttpResponse(document, content_type="application/pdf", headers=headers)


@access.guarded("trials.administer", selectors.charters_seen_by)
def charter_edit(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Edit a draft, section by section; with a fault, what was typed stays on the page."""
    sent = request.POST if request.method == "POST" else None
    form = CharterForm(
        charter, sent, device=request.GET.get("device", ""), with_transfer_form="transfer_form" in request.GET
    )
    if request.method == "POST":
        content = form.content()
        _, faults = read(content)
        if form.is_valid() and not faults:
            try:
                return _saved(request, charter, content)
            except setting_up.DraftChanged:
                # The page names what the other one has otherwise; whoever saves again does so knowingly.
                overtaken = differences(charter.terms, Charter.parse(content))
                return _editor(request, charter, form, overtaken=overtaken, was_overtaken=True)
        form.show(faults)
    return _editor(request, charter, form)


@require_POST
@access.guarded("trials.administer", selectors.charters_seen_by)
def charter_import(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Make a document the content of a draft; with a fault, the draft stays as it is."""
    form = forms.CharterFileForm(request.POST, request.FILES)
    faults: list[str] = []
    if form.is_valid():
        try:
            document = documents.read(form.content())
        except documents.DocumentRefused as problem:
            form.add_error("file", problem.message)
        else:
            faults = [document.say(fault) for fault in document.faults()]
            if not faults:
                try:
                    return _saved(request, charter, document.content)
                except setting_up.DraftChanged as problem:
                    form.add_error("file", problem.message)
    return _editor(request, charter, CharterForm(charter), file_form=form, faults=faults)


def _saved(request: HttpRequest, charter: ImagingCharter, content: dict[str, Any]) -> HttpResponse:
    setting_up.edit_charter(
        charter=charter,
        content=content,
        actor=access.actor(request),
        at=timezone.now(),
        shown_sha256=request.POST.get("shown_sha256", ""),
    )
    messages.success(request, "The draft is saved. Read it through, then sign it.")
    return redirect("trials:charter", pk=charter.pk)


def _editor(request: HttpRequest, charter: ImagingCharter, form: CharterForm, **more: Any) -> HttpResponse:
    stored = {"charter": charter, "trial": charter.trial, "shown_sha256": _begun_with(request, charter, **more)}
    context = {**stored, "form": form, "file_form": forms.CharterFileForm(), **more}
    return render(request, "trials/charter_edit.html", context)


def _begun_with(request: HttpRequest, charter: ImagingCharter, **more: Any) -> str:
    """Return the digest of the draft that the page was begun with; of the one now, where its reader was told of it."""
    told = request.method != "POST" or "was_overtaken" in more
    return charter.sha256 if told else request.POST.get("shown_sha256", "")


@require_safe
@access.guarded("trials.see_charter", selectors.charters_seen_by)
def charter_export(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """The charter as a YAML document, which `charter_import` takes if it holds all of the charter."""
    told = selectors.charter_told(charter, access.actor(request))
    text = documents.write(Charter.stored(told).content() | {name: told[name] for name in {SEALED} & told.keys()})
    headers = {"Content-Disposition": f'attachment; filename="{charter.trial.code}-charter-{charter.version}.yaml"'}
    return HttpResponse(text.encode(), content_type="application/yaml; charset=utf-8", headers=headers)


@require_POST
@access.guarded("trials.administer", selectors.charters_seen_by)
def charter_sign(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Sign a draft: it comes into force."""
    said = f"Charter version {charter.version} is in force."
    return _signed(request, charter, setting_up.sign_charter, Signature.Meaning.APPROVAL, said)


@require_POST
@access.guarded("trials.review_charter", selectors.charters_seen_by)
def charter_review(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Sign that a draft was reviewed."""
    said = "Your review is signed. An administrator can put the version in force now."
    return _signed(request, charter, setting_up.review_charter, Signature.Meaning.REVIEW, said)


def _signed(
    request: HttpRequest, charter: ImagingCharter, step: Callable[..., Any], meaning: str, said: str
) -> HttpResponse:
    form = forms.SignatureForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Enter your password to sign.")
    else:
        try:
            step(charter=charter, signature=form.intent(meaning), actor=access.actor(request), at=timezone.now())
            messages.success(request, said)
        except HouseError as problem:
            messages.error(request, problem.message)
    return redirect("trials:charter", pk=charter.pk)


@require_POST
@access.guarded("trials.administer", selectors.charters_seen_by)
def charter_reopen(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Make a reviewed version a draft again."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        setting_up.reopen_charter(
            charter=charter, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, "The version is a draft again; it needs a new review.")
    else:
        messages.error(request, "Opening a reviewed version again needs a reason.")
    return redirect("trials:charter", pk=charter.pk)


@require_POST
@access.guarded("trials.administer", selectors.trials_of)
def charter_amend(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Open the next charter version as a draft."""
    form = forms.AmendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say what changes, and why.")
        return redirect("trials:setup", pk=trial.pk)
    charter = setting_up.amend_charter(
        trial=trial,
        change_summary=form.cleaned_data["change_summary"],
        actor=access.actor(request),
        at=timezone.now(),
    )
    return redirect("trials:charter_edit", pk=charter.pk)
