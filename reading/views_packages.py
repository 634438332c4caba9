"""Pages on which packages of a locked trial are built and taken."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from compliance import access, audit, signing
from compliance.models import Export
from reading import handing_out, pages_packages, pages_progress
from reading.services import packaging, packaging_images
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors import is_locked, trials_of


@access.guarded("reading.see_package", trials_of)
def package(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The endpoint package after the lock; before it, what it is waiting for. Administrators may build it."""
    if request.method == "POST":
        access.require(request.user, "trials.lock", trial)
        actor, at = access.actor(request), timezone.now()
        export = packaging.build_package(trial=trial, actor=actor, at=at)
        packaging.build_trail(trial=trial, actor=actor, at=at)
        messages.success(request, f"{export.file_name} is built.")
        return redirect("reading:package", pk=trial.pk)
    exports = pages_packages.packages_of(trial)
    if request.headers.get("HX-Request") and exports:
        # The page asks while it waits; now it shall show all that there is.
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request,
        "reading/package.html",
        {
            "trial": trial,
            "locked": is_locked(trial),
            "exports": exports,
            "trail": pages_packages.trail_of(trial),
            "earlier": pages_packages.earlier_of(trial),
            "steps": pages_progress.steps_to_lock(trial),
            "signatures": signing.signatures_on(trial),
            "may_build": access.may(request.user, "trials.lock", trial),
            "taken": pages_packages.taken_of(trial),
        },
    )


@require_GET
@access.guarded("reading.see_package")
def package_download(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand the package out, or the audit trail that goes with it; who took it is recorded."""
    actor = access.actor(request)
    export = _asked_for(request, pages_packages.packages_and_trails_seen_by(actor), pk, "reading.see_package")
    content = packaging.open_package(export=export, actor=actor, at=timezone.now())
    return HttpResponse(
        content, content_type=handing_out.ZIP, headers={"Content-Disposition": handing_out.named(export)}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("reading.see_images", trials_of)
def images(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The images of a locked trial, all or a subject's, as packages to take; by POST one is built."""
    if request.method == "POST":
        actor, code = access.actor(request), request.POST.get("subject", "")
        # First, or the answer to a code would tell whether there is such a subject.
        release.require(Artefact.IMAGES, trial)
        subject = get_object_or_404(packaging_images.subjects_handed_over(trial), code=code) if code else None
        packaging_images.ask_for_images(trial=trial, subject=subject, actor=actor, at=timezone.now())
        messages.success(request, f"The images of {code or 'all subjects'} are being put together.")
        return redirect("reading:images", pk=trial.pk)
    locked = is_locked(trial)
    rows = pages_packages.image_rows(trial) if locked else []
    context: dict[str, Any] = {
        "trial": trial,
        "locked": locked,
        "rows": rows,
        "waits": any(row.is_being_built for row in rows),
        "taken": pages_packages.taken_of(trial),
    }
    return render(request, "reading/images.html", context)


@require_safe
@access.guarded("reading.see_images")
def images_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Hand images out, all or from any byte on; who took what is recorded."""
    export = _asked_for(request, pages_packages.image_packages_seen_by(access.actor(request)), pk, "reading.see_images")
    return handing_out.images(request, export, access.actor(request))


def _asked_for(request: HttpRequest, visible: QuerySet[Export], pk: int, verb: str) -> Export:
    export = visible.filter(pk=pk).first()
    if export is None:
        audit.denied(request, verb, timezone.now())
        raise Http404
    return export
