"""Pages on which the endpoint package is tried out before there is one: all its files, with results made up."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from compliance import access, audit
from compliance.errors import HouseError
from reading import handing_out, pages_packages
from reading.services import packaging
from trials.models import Trial
from trials.selectors import trials_of


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("reading.see_dry_run", trials_of)
def dry_run(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What a dry run is, and those that were built; by POST one is."""
    problem: HouseError | None = None
    if request.method == "POST":
        try:
            packaging.ask_for_dry_run(trial=trial, actor=access.actor(request), at=timezone.now())
        except HouseError as refused:
            problem = refused
        else:
            messages.success(request, "A dry run is being built.")
            return redirect("reading:dry_run", pk=trial.pk)
    waits = pages_packages.dry_run_waits(trial)
    context = {"trial": trial, "exports": pages_packages.dry_runs_of(trial), "waits": waits, "problem": problem}
    return render(request, "reading/dry_run.html", context, status=problem.status if problem else HTTPStatus.OK)


@require_GET
@access.guarded("reading.see_dry_run")
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand a dry run out; who took it is recorded."""
    actor, at = access.actor(request), timezone.now()
    export = pages_packages.dry_runs_seen_by(actor).filter(pk=pk).first()
    if export is None:
        audit.denied(request, "reading.see_dry_run", at)
        raise Http404
    content = packaging.open_dry_run(export=export, actor=actor, at=at)
    return HttpResponse(
        content, content_type=handing_out.ZIP, headers={"Content-Disposition": handing_out.named(export)}
    )
