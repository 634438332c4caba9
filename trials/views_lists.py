"""Pages on which many subjects are enrolled from a list: choose it, look at what it says, enrol all or none."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing as sealing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.errors import HouseError
from trials import forms, selectors
from trials.models import Trial
from trials.services import listing
from trials.services.listing import Checked, Fate, Row
from trials.subject_list import MOST_BYTES, MOST_ROWS, TEMPLATE

#: Rows of one fate that a page shows; the rest is counted.
_SHOWN = 100
#: Seconds for which a list that was looked at may be confirmed.
_KEPT_FOR = 3600


class ListExpired(HouseError):
    """What was confirmed is not what was shown, or was shown long ago."""

    code = "list_expired"
    status = 409


@access.guarded("trials.enrol", selectors.trials_of)
def list_check(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Take a list and say of each row what would become of it; nobody is enrolled yet."""
    form = forms.SubjectListForm(request.POST or None, request.FILES or None)
    checked: Checked | None = None
    if request.method == "POST" and form.is_valid():
        try:
            checked = listing.read_list(
                trial=trial, content=form.content(), actor=access.actor(request), at=timezone.now()
            )
        except HouseError as problem:
            form.add_error("file", problem.message)
    sites = selectors.sites_seen_by(access.actor(request)).filter(trial=trial)
    return render(
        request,
        "trials/subject_list.html",
        {
            "trial": trial,
            "form": form,
            "sites": [site for site in sites if access.may(request.user, "trials.enrol", site)],
            "visits": trial.charter_in_force.terms.schedule if trial.charter_in_force else (),
            "knows_arms": access.may(request.user, "trials.see_arms", trial),
            "most_rows": f"{MOST_ROWS:,}",
            "most_megabytes": MOST_BYTES >> 20,
            **(_shown(request, trial, checked) if checked else {}),
        },
    )


def _shown(request: HttpRequest, trial: Trial, checked: Checked) -> dict[str, Any]:
    new, wrong = checked.of(Fate.NEW), checked.of(Fate.WRONG)
    return {
        "checked": checked,
        "new": len(new),
        "enrolled": len(checked.of(Fate.ENROLLED)),
        "wrong": len(wrong),
        "wrong_rows": wrong[:_SHOWN],
        "new_rows": [(row, listing.planned_dates(trial, row)) for row in new[:_SHOWN]],
        "sealed": _sealed(request, trial, new) if new and not wrong else "",
    }


@require_POST
@access.guarded("trials.enrol", selectors.trials_of)
def list_enrol(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Enrol the subjects of a list that was shown; it is checked once more."""
    rows = _opened(request, trial)
    try:
        subjects = listing.enrol_rows(trial=trial, rows=rows, actor=access.actor(request), at=timezone.now())
    except listing.ListRefused as problem:
        messages.error(request, problem.message)
        return redirect("trials:list_check", pk=trial.pk)
    many = f"{len(subjects):,} subjects are" if len(subjects) != 1 else "1 subject is"
    messages.success(request, f"{many} enrolled; the visits are planned.")
    return redirect("trials:home", pk=trial.pk)


@require_safe
@access.guarded("trials.enrol", selectors.trials_of)
def list_template(request: HttpRequest, trial: Trial) -> HttpResponse:
    """An empty list to fill in, with the mark by which spreadsheets know UTF-8."""
    name = f"{trial.code}-subjects.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(TEMPLATE.encode("utf-8-sig"), content_type="text/csv; charset=utf-8", headers=headers)


def _salt(request: HttpRequest, trial: Trial) -> str:
    return f"subject list of trial {trial.pk} for {access.actor(request).pk}"


def _sealed(request: HttpRequest, trial: Trial, rows: list[Row]) -> str:
    """What was shown, for the form that confirms it; only this person can send it back, and nothing else."""
    return sealing.dumps([row.as_said() for row in rows], salt=_salt(request, trial), compress=True)


def _opened(request: HttpRequest, trial: Trial) -> list[Row]:
    try:
        said = sealing.loads(request.POST.get("list", ""), salt=_salt(request, trial), max_age=_KEPT_FOR)
    except sealing.BadSignature:
        raise ListExpired("The list was looked at too long ago. Choose the file again.") from None
    return [Row(*row) for row in said]
