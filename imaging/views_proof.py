"""Pages that prove what de-identification did: of a delivery for its site, of a trial for the auditor."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import access
from imaging import selectors
from imaging.models import Transfer
from imaging.services import proving
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
    return render(request, "imaging/trial_proof.html", {"trial": trial, "proof": proving.proof_of_trial(trial)})


@require_safe
@access.guarded("imaging.see_proof", trials_of)
def trial_report(request: HttpRequest, trial: Trial) -> StreamingHttpResponse:
    """The same for programs, file by file."""
    return _file(proving.report_of_trial(trial), trial.code)


def _file(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="{name}-deidentification.jsonl"'
    return response
