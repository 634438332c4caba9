"""Pages on which a lock is asked to be taken off, on which others decide, and on which two packages are compared."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import forms_unlocking as forms
from reading import pages_packages
from reading.exports.comparing import show_comparison
from reading.services import unlocking as service
from trials.forms_deciding import DECLINE, DecideForm
from trials.models import Trial, Unlock
from trials.selectors import is_locked, trials_of
from trials.selectors_unlocks import unlocks_seen_by, waiting_unlock
from trials.states import UNLOCK_WAITING

_MEANING = Signature.Meaning


@require_safe
@access.guarded("trials.see_unlocks", trials_of)
def unlocks(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was asked and decided; the reading manager of a locked trial can ask."""
    return _list(request, trial, forms.AskForm())


@require_POST
@access.guarded("trials.ask_unlock", trials_of)
def ask(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Ask that the lock be taken off."""
    form = forms.AskForm(request.POST)
    if not form.is_valid():
        return _list(request, trial, form)
    intent, actor = form.intent(_MEANING.RESPONSIBILITY), access.actor(request)
    try:
        asked = service.ask_unlock(trial=trial, said=form.statement, signature=intent, actor=actor, at=timezone.now())
    except WrongPassword as refused:
        form.add_error("password", refused.message)
        return _list(request, trial, form)
    except HouseError as refused:
        return _list(request, trial, form, refused)
    messages.success(request, "The lock is asked to be taken off. A second person decides.")
    return redirect("reading:unlock", pk=asked.pk)


def _list(request: HttpRequest, trial: Trial, form: forms.AskForm, problem: HouseError | None = None) -> HttpResponse:
    may_ask = access.may(request.user, "trials.ask_unlock", trial) and is_locked(trial)
    context = {
        "trial": trial,
        "form": form,
        "problem": problem,
        "unlocks": unlocks_seen_by(access.actor(request)).filter(trial=trial),
        "may_ask": may_ask and waiting_unlock(trial) is None,
        "has_package": service.package_of_lock(trial) is not None,
        "meaning": _MEANING.RESPONSIBILITY.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/unlocks.html", context, status=status)


@access.guarded("trials.see_unlocks", unlocks_seen_by)
def unlock(request: HttpRequest, unlock: Unlock) -> HttpResponse:
    """What was asked, with its signatures; the sponsor agrees and the administrator approves here, or they decline."""
    approves = access.may(request.user, "trials.approve_unlock", unlock)
    if request.method == "POST" and not approves:
        access.require(request.user, "trials.agree_to_unlock", unlock)
    problem: HouseError | None = None
    shown = {"shown_sha256": signing.digest(unlock.shown_content())}
    approve = "Take the lock off" if approves else "Agree that it is taken off"
    form = DecideForm(request.POST or None, initial=shown, approve=approve, decline="Leave it as it is")
    if request.method == "POST" and form.is_valid():
        try:
            _decide(request, unlock, form, approves)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, f"The wish to take the lock off is {unlock.state}.")
            return redirect("reading:unlock", pk=unlock.pk)
    waiting, needs_sponsor = unlock.state in UNLOCK_WAITING, service.needs_sponsor(unlock)
    agrees = needs_sponsor and access.may(request.user, "trials.agree_to_unlock", unlock)
    context = {
        "unlock": unlock,
        "trial": unlock.trial,
        "form": form,
        "problem": problem,
        "waiting": waiting,
        "mine": unlock.asked_by_id == request.user.pk,
        "may_decide": waiting and (agrees or (approves and not needs_sponsor)),
        "may_decline_only": waiting and approves and needs_sponsor,
        "needs_sponsor": waiting and needs_sponsor,
        "signatures": signing.signatures_on(unlock),
        "declined": audit.history(unlock).filter(action__in=("unlock.decline", "unlock.refuse")).first(),
        "meaning": _MEANING.APPROVAL.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/unlock.html", context, status=status)


def _decide(request: HttpRequest, unlock: Unlock, form: DecideForm, approves: bool) -> None:
    actor, at, given = access.actor(request), timezone.now(), form.cleaned_data
    if given["verdict"] == DECLINE:
        service.decline_unlock(unlock=unlock, reason=given["reason"], actor=actor, at=at)
        return
    decide = service.approve_unlock if approves else service.agree_to_unlock
    decide(unlock=unlock, signature=form.intent(_MEANING.APPROVAL), actor=actor, at=at)


@require_GET
@access.guarded("reading.see_package", trials_of)
def compare(request: HttpRequest, trial: Trial) -> HttpResponse:
    """How the packages of two locks differ: the last two, or those that are named by number of the lock."""
    packages = pages_packages.by_lock(trial)
    chosen = pages_packages.two_of(packages, request.GET.get("earlier", ""), request.GET.get("later", ""))
    if chosen is None and (request.GET.get("earlier") or request.GET.get("later")):
        raise Http404
    actor, at = access.actor(request), timezone.now()
    two = [one.export for one in chosen or ()]
    compared = show_comparison(earlier=two[0], later=two[1], actor=actor, at=at) if two else None
    context = {"trial": trial, "packages": packages, "chosen": chosen, "compared": compared}
    return render(request, "reading/packages_compare.html", context)
