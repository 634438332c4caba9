"""Pages for those who manage reading and lock the trial."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import agreement, pages, selectors
from reading.agreement_figures import FIGURES
from reading.services import locking, measuring
from reading.services.locking import NotReady
from reading.states import UNDECIDED
from trials.forms import SignatureForm
from trials.models import Trial
from trials.selectors import codes_beside, is_locked, trials_of


@require_safe
@access.guarded("reading.see_progress", trials_of)
def progress(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who reads what and how far it is; adjudications with their cause. No outcome is shown."""
    readers = pages.workload(trial)
    adjudications = pages.adjudication_rows(trial)
    charter = trial.charter_in_force
    visits = charter.terms.schedule if charter else ()
    codes = [visit.code for visit in visits]
    others = codes_beside(codes, trial.sites.all(), trial)
    return render(
        request,
        "reading/progress.html",
        {
            "trial": trial,
            "rows": pages.progress_rows(trial, codes + others),
            "visits": visits,
            "others": others,
            "readers": readers,
            "signed": sum(row.signed for row in readers),
            "planned": sum(row.total for row in readers),
            "adjudications": adjudications,
            "open_adjudications": sum(row.adjudication.state in UNDECIDED for row in adjudications),
            "held_up": selectors.held_up_for_readers(trial),
            "back_in_qc": selectors.back_in_quality_control(trial),
            "may_see_results": access.may(request.user, "reading.see_results", trial),
            "may_lock": access.may(request.user, "trials.lock", trial),
            "may_replay": access.may(request.user, "reading.replay", trial),
            "may_decide": access.may(request.user, "reading.decide_reopening", trial),
        },
    )


@require_safe
@access.guarded("reading.see_results", trials_of)
def variability(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Agreement between the trial's readers, in figures and numbers."""
    report = measuring.show_variability(trial=trial, actor=access.actor(request), at=timezone.now())
    causes, causes_by_pair = agreement.causes_of(report)
    return render(
        request,
        "reading/variability.html",
        {
            "trial": trial,
            "report": report,
            "groups": agreement.groups_of(report),
            "readers": agreement.readers_of(report),
            "causes": causes,
            "rereads": agreement.rereads_of(report),
            "causes_by_pair": causes_by_pair,
            "drawn": [(figure.name, figure.said, figure.draw(report)) for figure in FIGURES.values()],
        },
    )


@require_GET
@access.guarded("reading.see_results", trials_of)
def variability_json(request: HttpRequest, trial: Trial) -> JsonResponse:
    """The same figures for programs."""
    return JsonResponse(measuring.show_variability(trial=trial, actor=access.actor(request), at=timezone.now()))


@require_GET
@access.guarded("reading.see_results", trials_of)
def variability_figure(request: HttpRequest, trial: Trial, name: str, kind: str) -> HttpResponse:
    """Hand out one figure of the page as SVG or PNG, or the numbers it shows as CSV."""
    actor, at = access.actor(request), timezone.now()
    found = measuring.show_figure(trial=trial, name=name, kind=kind, actor=actor, at=at)
    disposition = f'attachment; filename="{trial.code}-{name}.{kind}"'
    return HttpResponse(found.content, content_type=found.media_type, headers={"Content-Disposition": disposition})


@access.guarded("trials.lock", trials_of)
def lock(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What still stands between the trial and its lock; when nothing does, the sign box."""
    problem: HouseError | None = None
    form = SignatureForm(request.POST or None, initial={"shown_sha256": signing.digest(trial.shown_content())})
    if request.method == "POST" and form.is_valid():
        try:
            locking.lock_trial(
                trial=trial,
                signature=form.intent(Signature.Meaning.RESPONSIBILITY),
                actor=access.actor(request),
                at=timezone.now(),
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = refused
        else:
            messages.success(request, f"The database of trial {trial.code} is locked. The package is being built.")
            return redirect("reading:package", pk=trial.pk)
    locked = is_locked(trial)
    context = {
        "trial": trial,
        "locked": locked,
        "blockers": () if locked else locking.readiness(trial),
        "form": form,
        # What the refusal lists is on the page already.
        "problem": None if isinstance(problem, NotReady) else problem,
        "signatures": signing.signatures_on(trial),
        "steps": pages.steps_to_lock(trial),
        "meaning": Signature.Meaning.RESPONSIBILITY.label,
    }
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "reading/trial_lock.html", context, status=status)
