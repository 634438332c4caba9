"""Marks that a reader draws, for the viewer: listed, and stored one by one, each with the version it started from."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from compliance import access
from reading import blinding, selectors
from reading.blinded import BlindedMark
from reading.models import MarkVersion, ReadTask
from reading.services import marking
from reading.services.entries import MarkEntry
from reading.services.marking import InvalidMark, StaleMark

_VERSION = re.compile(r'^"([1-9][0-9]{0,8})"$')


@require_safe
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def marks(request: HttpRequest, task: ReadTask) -> JsonResponse:
    """What the reader drew in this read, and in the own signed reads before it."""
    before = selectors.own_reads_before(task)
    return JsonResponse(
        {
            "marks": [mark.to_json() for mark in blinding.marks_of_reads([task], task.blinded_code)],
            "earlier": [mark.to_json() for mark in blinding.marks_of_reads(before, task.blinded_code)],
        }
    )


@require_http_methods(["PUT"])
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def mark(request: HttpRequest, task: ReadTask, key: UUID) -> JsonResponse:
    """Store a mark as a new version; a stale one is refused with what stands."""
    said, expected = _said(request), _expected(request)
    by: dict[str, Any] = {"task": task, "key": key, "expected": expected}
    by |= {"actor": access.actor(request), "at": timezone.now()}
    try:
        if said.get("removed") is True:
            version = marking.remove_mark(**by)
        else:
            version = marking.put_mark(entry=_entry(said), **by)
    except StaleMark as problem:
        stored = _shown(task, problem.stored).to_json() if problem.stored else None
        told = {"code": problem.code, "detail": problem.message, "mark": stored}
        return JsonResponse(told, status=problem.status)
    return JsonResponse(
        {"mark": _shown(task, version).to_json()},
        headers={"ETag": f'"{version.number}"'},
        status=HTTPStatus.OK,
    )


def _shown(task: ReadTask, version: MarkVersion) -> BlindedMark:
    return blinding.blinded_mark(version, task, task.blinded_code)


def _said(request: HttpRequest) -> dict[str, Any]:
    try:
        said = json.loads(request.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise InvalidMark("A mark is sent as a JSON object. Reload the page.")
    return said


def _expected(request: HttpRequest) -> int | None:
    """The version that the page started from; None for a mark that is to be new."""
    if request.headers.get("If-None-Match", "").strip() == "*":
        return None
    if found := _VERSION.match(request.headers.get("If-Match", "").strip()):
        return int(found[1])
    raise InvalidMark("A mark is stored with the version that it started from (If-Match, or If-None-Match: *).")


def _entry(said: dict[str, Any]) -> MarkEntry:
    points = said.get("points", said.get("pixel"))
    view, software = said.get("view", {}), said.get("software", "")
    plain = (
        isinstance(said.get("tool"), str)
        and isinstance(said.get("instance"), str)
        and type(said.get("frame")) is int
        and isinstance(view, dict)
        and isinstance(software, str)
        and isinstance(points, list)
        and all(isinstance(point, list) and all(type(one) in (int, float) for one in point) for point in points)
    )
    if not plain or not isinstance(points, list):
        raise InvalidMark("The mark lacks its tool, its picture or its points. Draw it again.")
    return MarkEntry(
        tool=said["tool"],
        instance=said["instance"],
        frame=said["frame"],
        points=tuple(tuple(float(one) for one in point) for point in points),
        view=view,
        software=software,
    )
