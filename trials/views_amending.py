"""Pages of an amendment: what a version of the charter would change, subject by subject, and moving subjects to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from trials import forms, selectors
from trials.charter.differences import Difference, differences
from trials.charter.sections import FORMS
from trials.models import ImagingCharter
from trials.services import amending, setting_up
from trials.states import OPEN_CHARTER, CharterState

#: Subjects whose changes are worked out for one page.
_ON_A_PAGE = 25


@require_safe
@access.guarded("trials.administer", selectors.charters_seen_by)
def impact(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Say what a version would change for the subjects that go by another; who may moves them from here."""
    moving = amending.being_moved(charter)
    page = Paginator(amending.behind(charter), _ON_A_PAGE).get_page(request.GET.get("page"))
    problems = setting_up.objections(charter.content) if charter.state in OPEN_CHARTER else []
    in_force, frozen = charter.state == CharterState.IN_FORCE, amending.frozen_behind(charter)
    shown = {"shown_sha256": signing.digest(charter.shown_content())}
    return render(
        request,
        "trials/charter_impact.html",
        {
            "charter": charter,
            "trial": charter.trial,
            "in_force": charter.trial.charter_in_force,
            "page": page,
            "problems": problems,
            "frozen": frozen,
            "frozen_stay": f"Subjects under another version whose data are frozen: {frozen}. They stay under it until "
            "the freeze is lifted.",
            "moving": moving,
            # While subjects are being moved, only how far that is is worked out, again and again.
            "rows": [] if problems or moving else [(subject, amending.impact(subject, charter)) for subject in page],
            "form": _form(charter, initial=shown) if in_force else None,
            "changed_forms": _changed_forms(charter),
        },
    )


def _changed_forms(charter: ImagingCharter) -> list[Difference]:
    """What this version asks otherwise in its forms; answers that are begun stay with the version that asked."""
    earlier = charter.trial.charters.filter(version__lt=charter.version).first()
    found = differences(earlier.terms, charter.terms) if earlier else []
    return [one for one in found if one.section == FORMS.title]


def _form(charter: ImagingCharter, *given: Any, **named: Any) -> forms.AdoptForm:
    return forms.AdoptForm(charter.trial.subjects.all(), amending.behind(charter), *given, **named)


@require_safe
@access.guarded("trials.administer", selectors.charters_seen_by)
def impact_table(request: HttpRequest, charter: ImagingCharter) -> StreamingHttpResponse:
    """Give every change for every subject as CSV, worked out while it is sent."""
    answer = StreamingHttpResponse(_lines(charter), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="charter-{charter.version}-impact.csv"'
    return answer


def _lines(charter: ImagingCharter) -> Iterator[str]:
    yield _line("subject", "timepoint", "what", "before", "after", "rests on a signed read")
    for subject in amending.behind(charter).iterator():
        for change in amending.impact(subject, charter):
            signed = "yes" if change.signed else "no"
            yield _line(change.subject, change.timepoint, change.what, change.before, change.after, signed)


def _line(*values: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


@require_POST
@access.guarded("trials.administer", selectors.charters_seen_by)
def adopt(request: HttpRequest, charter: ImagingCharter) -> HttpResponse:
    """Move the chosen subjects to the version in force, signed."""
    form = _form(charter, request.POST)
    if not form.is_valid():
        for problems in form.errors.values():
            messages.error(request, " ".join(str(problem) for problem in problems))
        return redirect("trials:charter_impact", pk=charter.pk)
    try:
        moved = amending.adopt(
            charter=charter,
            subjects=form.cleaned_data["subjects"],
            reason=form.cleaned_data["reason"],
            signature=form.intent(Signature.Meaning.APPROVAL),
            actor=access.actor(request),
            at=timezone.now(),
        )
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        if not moved:
            # Whoever pressed twice is told what the first press did.
            said = f"The chosen subjects go by version {charter.version} already, or are being moved to it."
            messages.info(request, said)
            return redirect("trials:charter_impact", pk=charter.pk)
        noun = "subject is" if len(moved) == 1 else "subjects are"
        messages.success(request, f"{len(moved)} {noun} being moved to version {charter.version}.")
    return redirect("trials:charter_impact", pk=charter.pk)
