"""Pages about de-identification: what it did, as proof for site and auditor, and what a recipe would do to a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access
from imaging import forms, selectors
from imaging.models import RecipePreview, Transfer
from imaging.services import proving, retaining, sampling
from imaging.services.previewing import Outcome
from trials.models import Trial
from trials.selectors import trials_of


@require_safe
@access.guarded("imaging.see_transfers", selectors.transfers_seen_by, by="public_id")
def transfer_proof(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """What was done to the images of one delivery."""
    proof = proving.proof_of_transfer(transfer)
    return render(
        request, "imaging/transfer_proof.html", {"transfer": transfer, "trial": transfer.site.trial, "proof": proof}
    )


@require_safe
@access.guarded("imaging.see_transfers", selectors.transfers_seen_by, by="public_id")
def transfer_report(request: HttpRequest, transfer: Transfer) -> StreamingHttpResponse:
    """The same for programs, file by file."""
    return _file(proving.report_of_transfer(transfer), f"{transfer.site.code}-{transfer.pk}")


@require_safe
@access.guarded("imaging.see_proof", trials_of)
def trial_proof(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was done to all images of a trial."""
    context = {
        "trial": trial,
        "proof": proving.proof_of_trial(trial),
        "originals": retaining.standing_of_trial(trial),
    }
    return render(request, "imaging/trial_proof.html", context)


@require_safe
@access.guarded("imaging.see_proof", trials_of)
def trial_report(request: HttpRequest, trial: Trial) -> StreamingHttpResponse:
    """The same for programs, file by file."""
    return _file(proving.report_of_trial(trial), trial.code)


def _file(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="{name}-deidentification.jsonl"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("imaging.preview", trials_of)
def preview(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Before and after: files that the person chooses, under the recipe of one version of the charter, or of two."""
    charters = trial.charters.order_by("-version")
    chosen = {"charter": request.GET.get("charter") or charters.first()}
    form = forms.PreviewForm(request.POST or None, request.FILES or None, charters=charters, initial=chosen)
    context: dict[str, Any] = {"trial": trial, "form": form}
    by_htmx = request.method == "POST" and request.headers.get("HX-Request") == "true"
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made = sampling.try_recipes(
            trial=trial,
            charter=data["charter"],
            other=data["other"],
            files=data["images"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        context["versions"] = [data["charter"], data["other"]]
        if isinstance(made, Outcome):
            context["outcome"] = made
        elif by_htmx:
            context["row"] = made
        else:
            return redirect("imaging:preview_result", public_id=made.public_id)
    return render(request, "imaging/_preview.html" if by_htmx else "imaging/preview.html", context)


@require_safe
@access.guarded("imaging.preview", selectors.previews_of, by="public_id")
def preview_result(request: HttpRequest, row: RecipePreview) -> HttpResponse:
    """How far the job is that tries recipes on the person's files, and what came of it."""
    context: dict[str, Any] = {"trial": row.trial, "row": row, "versions": [row.charter, row.other]}
    if row.finished_at and not row.cleared_at:
        try:
            context["outcome"] = sampling.outcome_of(row)
        except FileNotFoundError as gone:
            raise Http404 from gone
    by_htmx = request.headers.get("HX-Request") == "true"
    return render(request, "imaging/_preview.html" if by_htmx else "imaging/preview_result.html", context)
