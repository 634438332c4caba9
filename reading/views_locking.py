"""Pages on which a trial is locked, by one signature or, where the charter says so, by two."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import pages_progress
from reading.services import locking, locking_by_two
from reading.services.locking import NotReady
from trials.forms import SignatureForm
from trials.models import Trial
from trials.selectors import is_locked, trials_of

_MEANING = Signature.Meaning.RESPONSIBILITY


@access.guarded("trials.lock", trials_of)
def lock(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What still stands between the trial and its lock; when nothing does, the sign box."""
    second = locking_by_two.second_role(trial)
    service = locking_by_two.propose_lock if second else locking.lock_trial
    form = SignatureForm(request.POST or None, initial={"shown_sha256": signing.digest(trial.shown_content())})
    problem, is_done = _sign(request, form, lambda **given: service(trial=trial, **given))
    if is_done and second:
        messages.success(request, f"You proposed the lock of {trial.code}. A second person signs the same content.")
        return redirect("reading:lock", pk=trial.pk)
    if is_done:
        messages.success(request, f"The database of trial {trial.code} is locked. The package is being built.")
        return redirect("reading:package", pk=trial.pk)
    proposal = locking_by_two.standing_proposal(trial)
    more = {"second": second, "signatures": signing.signatures_on(trial), "proposal": proposal}
    return _page(request, trial, form, problem, "reading/trial_lock.html", more)


@access.guarded("trials.confirm_lock", trials_of)
def lock_confirm(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What the administrator proposed to lock, and the second person's sign box."""
    proposal = locking_by_two.standing_proposal(trial)
    shown = {"shown_sha256": signing.digest(proposal.shown_content())} if proposal else {}
    form = SignatureForm(request.POST if proposal and request.method == "POST" else None, initial=shown)

    def confirm(**given: Any) -> object:
        assert proposal is not None
        return locking_by_two.confirm_lock(proposal=proposal, **given)

    problem, is_done = _sign(request, form, confirm)
    if is_done:
        messages.success(request, f"The database of trial {trial.code} is locked. The package is being built.")
        return redirect("reading:lock_confirm", pk=trial.pk)
    proposal = locking_by_two.standing_proposal(trial)
    more = {"proposal": proposal, "signatures": signing.signatures_on(proposal) if proposal else ()}
    return _page(request, trial, form, problem, "reading/lock_confirm.html", more)


def _sign(request: HttpRequest, form: SignatureForm, act: Callable[..., object]) -> tuple[HouseError | None, bool]:
    """Do what is signed, if it was sent in full; return what refused it, and whether it is done."""
    if request.method != "POST" or not form.is_valid():
        return None, False
    try:
        act(signature=form.intent(_MEANING), actor=access.actor(request), at=timezone.now())
    except WrongPassword as refused:
        form.add_error("password", refused.message)
        return None, False
    except HouseError as refused:
        return form.after(refused), False
    return None, True


def _page(
    request: HttpRequest,
    trial: Trial,
    form: SignatureForm,
    problem: HouseError | None,
    template: str,
    more: dict[str, Any],
) -> HttpResponse:
    locked = is_locked(trial)
    context = {
        "trial": trial,
        "locked": locked,
        "blockers": () if locked else locking.readiness(trial),
        "form": form,
        # What the refusal lists is on the page already.
        "problem": None if isinstance(problem, NotReady) else problem,
        "steps": pages_progress.steps_to_lock(trial),
        "meaning": _MEANING.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, template, context | more, status=status)
