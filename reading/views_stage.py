"""What the viewer of a read stores beside marks: links between stacks, and painted regions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access
from reading import blinding, selectors
from reading.conditional import NotUnderstood, body_of, expected_version
from reading.models import ReadTask
from reading.models.link import links_of
from reading.models.segment import segments_of
from reading.services import linking, segmenting
from reading.services.linking import StaleLinks
from reading.services.segmenting import SegmentEntry, StaleSegment


@require_http_methods(["GET", "PUT"])
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_links(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """How the reader linked the stacks of this read."""
    if request.method == "GET":
        return _versioned(blinding.blinded_links(task, links_of(task)))
    links = body_of(request).get("links")
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise NotUnderstood("The request holds no links, so nothing was stored. Reload the page and try again.")
    try:
        stored = linking.put_links(
            task=task,
            expected=expected_version(request),
            links=links,
            actor=access.actor(request),
            at=timezone.now(),
        )
    except StaleLinks as problem:
        told = blinding.blinded_links(task, problem.stored)
        return JsonResponse({"code": problem.code, "detail": problem.message, **told}, status=HTTPStatus.CONFLICT)
    return _versioned(blinding.blinded_links(task, stored))


@require_safe
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_segments(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """What the reader painted in this read."""
    return JsonResponse({"segments": [blinding.blinded_segment(task, one) for one in segments_of(task)]})


@require_http_methods(["PUT"])
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_segment(request: HttpRequest, task: ReadTask, key: UUID) -> HttpResponse:
    """Store a painted region as a new version; the answer tells its volume."""
    try:
        stored = segmenting.put_segment(
            task=task,
            key=key,
            expected=expected_version(request),
            entry=_segment(body_of(request)),
            actor=access.actor(request),
            at=timezone.now(),
        )
    except StaleSegment as problem:
        told = blinding.blinded_segment(task, problem.stored) if problem.stored else None
        refused = {"code": problem.code, "detail": problem.message, "segment": told}
        return JsonResponse(refused, status=HTTPStatus.CONFLICT)
    told = blinding.blinded_segment(task, stored)
    return JsonResponse({"segment": told}, headers={"ETag": f'"{stored.number}"'})


def _versioned(told: dict[str, Any]) -> JsonResponse:
    return JsonResponse(told, headers={"ETag": f'"{told["version"]}"'})


def _segment(body: dict[str, Any]) -> SegmentEntry:
    try:
        return SegmentEntry(
            series=str(body["series"]),
            slices=[(str(name), int(frame), list(runs)) for name, frame, runs in body["slices"]],
            lesion=None if body.get("lesion") is None else int(body["lesion"]),
            software=str(body.get("software", "")),
            removed=body.get("removed") is True,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotUnderstood("The request holds no region, so nothing was stored. Paint it again.") from None
