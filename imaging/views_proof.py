"""Pages about de-identification: what it did, as proof for site and auditor, and what a recipe would do to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access
from imaging import forms, selectors
from imaging.models import Transfer
from imaging.services import proving, retaining
from imaging.services.previewing import Preview, differences
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
    context = {"trial": trial, "form": form}
    if request.method == "POST" and form.is_valid():
        recipes = [
            form.cleaned_data[name].terms.deidentification for name in ("charter", "other") if form.cleaned_data[name]
        ]
        made = Preview()
        shown = []
        for file in form.cleaned_data["images"]:
            with _on_disk(file) as path:
                shown.append([made.of(path, file.size or 0, recipe) for recipe in recipes])
        context["files"] = [one[0] for one in shown]
        if form.cleaned_data["other"]:
            context["differences"] = differences([(one[0], one[1]) for one in shown])
    by_htmx = request.method == "POST" and request.headers.get("HX-Request") == "true"
    return render(request, "imaging/_preview.html" if by_htmx else "imaging/preview.html", context)


@contextmanager
def _on_disk(file: UploadedFile) -> Iterator[str]:
    """Give an uploaded file as one of this machine, which goes with the request."""
    if isinstance(file, TemporaryUploadedFile):
        yield file.temporary_file_path()
        return
    with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        yield copy.name
