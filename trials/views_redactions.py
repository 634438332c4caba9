"""Pages on which text is asked to be taken out of the audit trail, and on which a second person decides."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, Signature
from compliance.redaction import texts
from compliance.signing import WrongPassword
from trials import forms_redactions as forms
from trials import selectors
from trials.forms_deciding import DECLINE, DecideForm
from trials.models import Redaction, Trial
from trials.services import redacting
from trials.states import RedactionState

_MEANING = Signature.Meaning


@require_safe
@access.guarded("trials.see_redactions", selectors.trials_of)
def redactions(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was asked to be taken out of the trail, and what became of it."""
    asked = trial.redactions.select_related("asked_by", "decided_by").prefetch_related("parts")
    return render(request, "trials/redactions.html", {"trial": trial, "redactions": asked})


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("trials.ask_redaction", selectors.trials_of)
def ask(request: HttpRequest, trial: Trial, event: int) -> HttpResponse:
    """The texts of one event, of which some may be asked to go."""
    about = get_object_or_404(AuditEvent, pk=event, trial_id=trial.pk)
    there, problem = texts(about), None
    form = forms.AskForm(request.POST or None, texts=there)
    if request.method == "POST" and form.is_valid():
        try:
            asked = redacting.ask_redaction(
                trial=trial,
                event=about,
                places=form.cleaned_data["places"],
                reason=form.cleaned_data["reason"],
                signature=form.intent(_MEANING.RESPONSIBILITY),
                actor=access.actor(request),
                at=timezone.now(),
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, "It is asked. The trial’s administrator decides.")
            return redirect("trials:redaction", pk=asked.pk)
    context = {"trial": trial, "event": about, "texts": there, "form": form, "problem": problem}
    context["meaning"] = _MEANING.RESPONSIBILITY.label
    return render(request, "trials/redact.html", context, status=_status(form, problem))


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("trials.see_redactions", selectors.redactions_seen_by)
def redaction(request: HttpRequest, asked: Redaction) -> HttpResponse:
    """What would go, and where it stands; the administrator takes it out or leaves it."""
    if request.method == "POST":
        access.require(request.user, "trials.approve_redaction", asked)
    problem: HouseError | None = None
    shown = {"shown_sha256": signing.digest(asked.shown_content())}
    words = {"approve": "Take it out", "decline": "Leave the trail as it is"}
    form = DecideForm(request.POST or None, initial=shown, **words)
    if request.method == "POST" and form.is_valid():
        try:
            _decide(request, asked, form)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            said = "The text is taken out." if asked.state == RedactionState.DONE else "The trail stays as it is."
            messages.success(request, said)
            return redirect("trials:redaction", pk=asked.pk)
    waiting = asked.state == RedactionState.ASKED
    standing = redacting.standing(asked) if waiting else {}
    parts = list(asked.parts.select_related("event", "event__link"))
    record = redacting.record_saying(parts[0].event, standing) if standing else None
    context = {
        "trial": asked.trial,
        "redaction": asked,
        "form": form,
        "problem": problem,
        "standing": standing.items(),
        "record": record,
        "stays": redacting.stays_in(record) if record else "",
        "parts": parts,
        "mine": waiting and asked.asked_by_id == request.user.pk,
        "may_decide": waiting and access.may(request.user, "trials.approve_redaction", asked),
        "waiting": waiting,
        "signatures": signing.signatures_on(asked),
        "declined": audit.history(asked).filter(action="redaction.decline").first(),
        "meaning": _MEANING.APPROVAL.label,
    }
    return render(request, "trials/redaction.html", context, status=_status(form, problem))


def _status(form: forms.AskForm | DecideForm, problem: HouseError | None) -> int:
    return problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _decide(request: HttpRequest, asked: Redaction, form: DecideForm) -> None:
    actor, at = access.actor(request), timezone.now()
    if form.cleaned_data["verdict"] == DECLINE:
        redacting.decline_redaction(asked=asked, reason=form.cleaned_data["reason"], actor=actor, at=at)
        return
    redacting.approve_redaction(asked=asked, signature=form.intent(_MEANING.APPROVAL), actor=actor, at=at)
