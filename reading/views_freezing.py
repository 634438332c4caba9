"""Pages on which subjects are frozen, interim locks are made and confirmed, and either is lifted."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import forms_freezing as forms
from reading import handing_out
from reading.services import freezing as service
from reading.services import packaging_interim
from reading.services.freezing import Extent, NotReadyToFreeze
from trials.forms import SignatureForm
from trials.models import Freeze, Subject, Trial
from trials.selectors import is_locked, trials_of
from trials.selectors_freezes import freezable, freeze_of, freezes_seen_by, subjects_frozen_by
from trials.states import FreezeLevel, FreezeState

_MEANING = Signature.Meaning


@require_safe
@access.guarded("trials.see_freezes", trials_of)
def freezes(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What is frozen and what was; subjects can be chosen to be frozen."""
    may_freeze = access.may(request.user, "trials.freeze", trial) and not is_locked(trial)
    context = {
        "trial": trial,
        "freezes": freezes_seen_by(access.actor(request)).filter(trial=trial),
        "may_freeze": may_freeze,
        "may_lock": access.may(request.user, "trials.lock", trial) and not is_locked(trial),
        "subjects": _with_freezes(trial) if may_freeze else (),
    }
    return render(request, "reading/freezes.html", context)


def _with_freezes(trial: Trial) -> list[tuple[Subject, Freeze | None]]:
    subjects = freezable(trial.subjects.select_related("site"))
    return [(subject, freeze_of(subject)) for subject in subjects]


@access.guarded("trials.freeze", subjects_frozen_by)
def freeze_subject(request: HttpRequest, subject: Subject) -> HttpResponse:
    """What stands between a subject and its freeze; when nothing does, the sign box."""
    trial = subject.trial
    form = forms.FreezeForm(request.POST or None, initial={"purpose": "Its data are complete"})

    def act(**given: Any) -> Freeze:
        return service.freeze_subject(subject=subject, purpose=form.cleaned_data["purpose"], **given)

    made, problem = _signed(request, form, act)
    if made is not None:
        messages.success(request, f"The data of {subject.code} are frozen.")
        return redirect("reading:freeze", pk=made.pk)
    ready = service.prepared(trial, Extent(FreezeLevel.SUBJECT, "-", (subject,)))
    context = {"trial": trial, "subject": subject, "standing": freeze_of(subject), "blockers": ready.blockers}
    return _page(request, "reading/freeze_subject.html", context, form, problem)


@access.guarded("trials.lock", trials_of)
def interim_lock(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Choose subjects and a visit; what stands before their interim lock, and when nothing does, the sign box."""
    chosen = forms.ExtentForm(trial, request.GET if request.GET else None)
    if not chosen.is_valid():
        context = {"trial": trial, "chosen": chosen, "locked": is_locked(trial)}
        return _page(request, "reading/interim_lock.html", context, None, None)
    ready = service.prepared(trial, chosen.extent)
    shown = {"shown_sha256": signing.digest(ready.content())}
    form = SignatureForm(request.POST or None, initial=shown)

    def act(**given: Any) -> Freeze:
        return service.lock_interim(trial=trial, extent=chosen.extent, **given)

    made, problem = _signed(request, form, act)
    if made is not None:
        waits = "A second person signs it." if service.needs_second(made) else "Its package is being built."
        messages.success(request, f"The {made} is made: what it covers changes no more. {waits}")
        return redirect("reading:freeze", pk=made.pk)
    context = {"trial": trial, "chosen": chosen, "ready": ready, "blockers": ready.blockers}
    return _page(request, "reading/interim_lock.html", context, form, problem)


@require_safe
@access.guarded("trials.see_freezes", freezes_seen_by)
def freeze(request: HttpRequest, freeze: Freeze) -> HttpResponse:
    """What a freeze covers, who signed it, and its package; it is confirmed and lifted here."""
    return _freeze(request, freeze)


@require_POST
@access.guarded("trials.confirm_lock", freezes_seen_by)
def freeze_confirm(request: HttpRequest, freeze: Freeze) -> HttpResponse:
    """Sign an interim lock as the second person."""
    form = SignatureForm(request.POST, auto_id="confirm-%s")
    made, problem = _signed(request, form, lambda **given: service.confirm_interim(freeze=freeze, **given))
    if made is None:
        return _freeze(request, freeze, confirm=form, problem=problem)
    messages.success(request, f"The {freeze} stands. Its package is being built.")
    return redirect("reading:freeze", pk=freeze.pk)


@require_POST
@access.guarded("trials.lift_freeze", freezes_seen_by)
def freeze_lift(request: HttpRequest, freeze: Freeze) -> HttpResponse:
    """Lift a freeze as a second person, with a reason."""
    form = forms.LiftForm(request.POST, auto_id="lift-%s")

    def act(**given: Any) -> Freeze:
        return service.lift_freeze(freeze=freeze, reason=form.cleaned_data["reason"], **given)

    made, problem = _signed(request, form, act)
    if made is None:
        return _freeze(request, freeze, lift=form, problem=problem)
    messages.success(request, f"The {freeze} is lifted.")
    return redirect("reading:freeze", pk=freeze.pk)


@require_GET
@access.guarded("reading.see_interim")
def interim_download(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand the package of an interim lock to those whom the charter names; who took it is recorded."""
    actor = access.actor(request)
    export = packaging_interim.interim_packages_seen_by(actor).filter(pk=pk).first()
    if export is None:
        audit.denied(request, "reading.see_interim", timezone.now())
        raise Http404
    content = packaging_interim.open_interim(export=export, actor=actor, at=timezone.now())
    return HttpResponse(
        content, content_type=handing_out.ZIP, headers={"Content-Disposition": handing_out.named(export)}
    )


def _freeze(
    request: HttpRequest,
    freeze: Freeze,
    *,
    confirm: SignatureForm | None = None,
    lift: forms.LiftForm | None = None,
    problem: HouseError | None = None,
) -> HttpResponse:
    freeze.refresh_from_db()
    user, trial = access.actor(request), freeze.trial
    is_open = freeze.state != FreezeState.LIFTED and not is_locked(trial) and freeze.made_by_id != user.pk
    shown = {"shown_sha256": signing.digest(freeze.shown_content())}
    waits = freeze.state == FreezeState.PROPOSED
    context = {
        "trial": trial,
        "freeze": freeze,
        "covered": freeze.covered.select_related("subject__site").order_by("subject__code"),
        # The sponsor who signs as the second one knows no codes of subjects.
        "may_name": any(access.may(user, verb, trial) for verb in ("trials.freeze", "trials.see_subjects")),
        "content_sha256": signing.digest(freeze.signed_content()),
        "signatures": signing.signatures_on(freeze),
        "waits": waits,
        "mine": freeze.made_by_id == user.pk,
        "confirm": confirm or SignatureForm(initial=shown, auto_id="confirm-%s"),
        "may_confirm": is_open and waits and access.may(user, "trials.confirm_lock", freeze),
        "lift": lift or forms.LiftForm(initial=shown, auto_id="lift-%s"),
        "may_lift": is_open and access.may(user, "trials.lift_freeze", freeze),
        "exports": packaging_interim.packages_of_interim(freeze) if freeze.is_interim else (),
        "may_take": freeze.state == FreezeState.STANDING and access.may(user, "reading.see_interim", trial),
    }
    return _page(request, "reading/freeze.html", context, confirm or lift, problem)


def _signed(
    request: HttpRequest, form: SignatureForm, act: Callable[..., Freeze]
) -> tuple[Freeze | None, HouseError | None]:
    """Do what is signed, if it was sent in full; return what came of it, or what refused it."""
    if request.method != "POST" or not form.is_valid():
        return None, None
    intent = form.intent(_MEANING.RESPONSIBILITY)
    try:
        return act(signature=intent, actor=access.actor(request), at=timezone.now()), None
    except WrongPassword as refused:
        form.add_error("password", refused.message)
    except HouseError as refused:
        return None, form.after(refused)
    return None, None


def _page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    form: SignatureForm | None,
    problem: HouseError | None,
) -> HttpResponse:
    # What the refusal lists is on the page already.
    told = None if isinstance(problem, NotReadyToFreeze) else problem
    context = {**context, "form": form, "problem": told, "meaning": _MEANING.RESPONSIBILITY.label}
    invalid = form is not None and form.is_bound and form.errors
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if invalid else HTTPStatus.OK
    return render(request, template, context, status=status)
