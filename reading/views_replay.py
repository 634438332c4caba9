"""Pages of the auditor: a subject's road from upload to endpoint, and each signed read as its reader saw it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access
from compliance.policy import draws_pictures
from reading import blinding, pages, selectors_signed, views_pixels
from reading.models import ReadTask
from reading.replayed import ReplayedRead
from reading.services import replaying
from reading.timeline import road_of
from trials.models import Subject


@require_safe
@access.guarded("reading.replay", selectors_signed.subjects_audited_by)
def timeline(request: HttpRequest, subject: Subject) -> HttpResponse:
    """A subject from the raw upload to the endpoint, with charter versions and signatures; signed reads to replay."""
    context = {"subject": subject, "trial": subject.trial, "road": road_of(subject)}
    return render(request, "reading/subject_timeline.html", context)


@require_safe
@access.guarded("reading.replay", selectors_signed.reads_replayed_by, by="blinded_code")
def replay(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """One signed version of a read: what was found, on the images that the reader had. Each opening is recorded."""
    asked = request.GET.get("version", "")
    number = int(asked) if asked.isdecimal() else None
    read = replaying.replay_read(task=task, number=number, actor=access.actor(request), at=timezone.now())
    shown = blinding.replayed_read(read)
    context = {
        "read": read,
        "versions": selectors_signed.signed_reads(task),
        "task": shown,
        "marks": [one.mark.to_json() for one in shown.marks],
        "subject": task.timepoint.subject,
        "stage": _stage_of(request, task, shown) | blinding.signed_drawings(read),
        "signatures": [read.signature] if read.signature else [],
    }
    return draws_pictures(render(request, "reading/task_replay.html", context))


def _stage_of(request: HttpRequest, task: ReadTask, read: ReplayedRead) -> dict[str, Any]:
    """The images as the reader had them: the read's own timepoint, and the one before beside it on demand."""
    timepoints = blinding.stacks_shown(blinding.look_at_replay(task, actor=access.actor(request)))
    marks, last = pages.marks_of_replay(read.measurements), len(timepoints) - 1
    views = [{"name": read.title, "timepoint": last, "marks": marks}]
    if last:
        views.insert(0, {"name": "Earlier", "timepoint": last - 1, "marks": marks, "hidden": True})
    terms = task.charter.terms
    return pages.stage(
        "auditor",
        views_pixels.replay_addresses(read.code),
        read.presets,
        timepoints,
        views,
        hangings=blinding.hangings_of(terms, is_baseline=not last),
        windows_locked=terms.windows_locked,
    )
