"""Pages for those who manage reading."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from compliance import access
from reading import agreement, pages_progress, selectors
from reading.agreement_figures import FIGURES
from reading.services import measuring
from reading.states import UNDECIDED
from trials.models import Trial
from trials.selectors import codes_beside, trials_of


@require_safe
@access.guarded("reading.see_progress", trials_of)
def progress(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who reads what and how far it is; adjudications with their cause. No outcome is shown."""
    readers = pages_progress.workload(trial)
    adjudications = pages_progress.adjudication_rows(trial)
    charter = trial.charter_in_force
    visits = charter.terms.schedule if charter else ()
    codes = [visit.code for visit in visits]
    others = codes_beside(codes, trial.sites.all(), trial)
    return render(
        request,
        "reading/progress.html",
        {
            "trial": trial,
            "rows": pages_progress.progress_rows(trial, codes + others),
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
            "may_freeze": access.may(request.user, "trials.see_freezes", trial),
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
