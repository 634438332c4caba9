"""What pages of forms do alike, whichever form it is: read what was typed, keep it, sign it, correct it, show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from trials.forms import CorrectionForm, SignatureForm
from trials.forms_answers import AnswersForm
from trials.models import DeclaredForm
from trials.services import answering
from trials.states import FormState

Page = Callable[..., HttpResponse]
Address = Callable[[DeclaredForm], str]


def _read(request: HttpRequest, form: DeclaredForm, at: dt.datetime, *, whole: bool = False) -> AnswersForm:
    """Read what was typed into a form."""
    return AnswersForm(form.terms.fields, request.POST, at=at, whole=whole)


def save(request: HttpRequest, form: DeclaredForm, page: Page, back: Address) -> HttpResponse:
    """Keep a draft, complete or not; with a fault, what was typed stays on the page."""
    at = timezone.now()
    answers = _read(request, form, at)
    if not answers.is_valid():
        return page(request, form, answers)
    kept = answering.save_answers(
        form=form,
        values=answers.values,
        confirmed=answers.confirmed,
        actor=access.actor(request),
        at=at,
        shown_sha256=request.POST.get("shown_sha256", ""),
    )
    messages.success(request, "The draft is saved. Sign it when it is complete.")
    return redirect(back(kept))


def sign(
    request: HttpRequest,
    form: DeclaredForm,
    page: Page,
    back: Address,
    *,
    service: Callable[..., DeclaredForm] = answering.sign_answers,
) -> HttpResponse:
    """Save what was typed and sign it; what stands in the way is said at its field, and nothing typed is lost."""
    at = timezone.now()
    answers, signature = _read(request, form, at, whole=True), SignatureForm(request.POST)
    if not (answers.is_valid() and signature.is_valid()):
        return page(request, form, answers, signature)
    try:
        signed = service(
            form=form,
            values=answers.values,
            confirmed=answers.confirmed,
            signature=signature.intent(Signature.Meaning.RESPONSIBILITY),
            actor=access.actor(request),
            at=at,
        )
    except signing.WrongPassword as problem:
        signature.add_error("password", problem.message)
        return page(request, form, answers, signature)
    messages.success(request, f"The {form.terms.title[:1].lower()}{form.terms.title[1:]} is signed. Thank you.")
    return redirect(back(signed))


def correct(request: HttpRequest, form: DeclaredForm, back: Address) -> HttpResponse:
    """Open the next version of a signed form, with a reason."""
    try:
        form = answering.correct_answers(
            form=form, reason=request.POST.get("reason", ""), actor=access.actor(request), at=timezone.now()
        )
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "A new version is open. The signed one stands until you sign this one.")
    return redirect(back(form))


def shown(
    request: HttpRequest,
    form: DeclaredForm,
    answers: AnswersForm | None = None,
    signature: SignatureForm | None = None,
) -> dict[str, Any]:
    """What the page of a form shows: to be filled in by those who may, to be read by the others, with every version."""
    may_fill = access.may(request.user, form.verb, form.place) and not form.place.frozen_by()
    versions = list(form.versions)
    digest = {"shown_sha256": signing.digest(form.shown_content())}
    filled = AnswersForm(form.terms.fields, at=timezone.now(), values=form.values, confirmed=form.confirmed)
    return {
        "form": form,
        "terms": form.terms,
        "may_fill": may_fill and form.state == FormState.DRAFT,
        "may_correct": may_fill and form.state == FormState.SIGNED,
        "answers": answers or filled,
        "sign_form": signature or SignatureForm(initial=digest),
        "correction": CorrectionForm(),
        "versions": [(version, signing.signatures_on(version)) for version in versions],
        "events": audit.history_of_many(versions)[:20],
    }
