"""Where an upload begins and ends: a delivery is opened for a timepoint, filled by `tus`, and finished."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from compliance import access
from imaging import selectors
from imaging.models import Transfer
from imaging.services import receiving, uploading
from imaging.tasks import ring_index
from trials.models import Timepoint
from trials.selectors import timepoints_seen_by


@access.for_programs
@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def begin(request: HttpRequest, timepoint: Timepoint) -> JsonResponse:
    """Open a delivery for a timepoint and answer its address."""
    transfer = receiving.open_transfer(timepoint=timepoint, actor=access.actor(request), at=timezone.now())
    return JsonResponse({"transfer": str(transfer.public_id)}, status=201)


@access.for_programs
@require_POST
@access.guarded("imaging.upload", selectors.transfers_seen_by, by="public_id")
def finish(request: HttpRequest, transfer: Transfer) -> JsonResponse:
    """Close a delivery; what was acknowledged is worked on meanwhile."""
    uploading.require_own(transfer, access.actor(request))
    receiving.close_transfer(transfer=transfer, at=timezone.now())
    ring_index()
    return JsonResponse({"transfer": str(transfer.public_id), "state": "closed"})
