"""Pages on which a file of an EDC system is looked at, and then taken as a whole or not at all."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing as sealing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from compliance import access
from compliance.errors import HouseError
from trials import selectors
from trials.edc import MOST_BYTES, MOST_SUBJECTS
from trials.forms_edc import ExchangeForm
from trials.models import Trial
from trials.services import exchanging
from trials.services.exchanging import Exchange, VisitRow
from trials.services.listing import Fate, Row

#: Rows of one fate that a page shows; the rest is counted.
_SHOWN = 100
#: Seconds for which a file that was looked at may be confirmed.
_KEPT_FOR = 3600


class ExchangeExpired(HouseError):
    """What was confirmed is not what was shown, or was shown long ago."""

    code = "exchange_expired"
    status = 409


@access.guarded("trials.enrol", selectors.trials_of)
def edc_check(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Take a file and say line by line what would become of it; nothing is changed yet."""
    form = ExchangeForm(request.POST or None, request.FILES or None)
    found: Exchange | None = None
    if request.method == "POST" and form.is_valid():
        try:
            found = exchanging.read_exchange(
                trial=trial, content=form.content(), actor=access.actor(request), at=timezone.now()
            )
        except HouseError as problem:
            form.add_error("file", problem.message)
    charter = trial.charter_in_force
    context = {
        "trial": trial,
        "form": form,
        "charter": charter,
        "visits": charter.terms.schedule if charter else (),
        "most_subjects": f"{MOST_SUBJECTS:,}",
        "most_megabytes": MOST_BYTES >> 20,
    }
    return render(request, "trials/edc.html", context | (_shown(request, trial, found) if found else {}))


def _shown(request: HttpRequest, trial: Trial, found: Exchange) -> dict[str, Any]:
    wrong = [*found.subjects.of(Fate.WRONG), *found.of(Fate.WRONG)]
    new, visits = found.subjects.of(Fate.NEW), found.of(Fate.NEW)
    return {
        "found": found,
        "wrong": len(wrong),
        "wrong_rows": wrong[:_SHOWN],
        "known": len(found.subjects.of(Fate.ENROLLED)) + len(found.of(Fate.ENROLLED)),
        "new_rows": new[:_SHOWN],
        "visit_rows": visits[:_SHOWN],
        "more": max(len(new) - _SHOWN, 0) + max(len(visits) - _SHOWN, 0),
        "sealed": _sealed(request, trial, found) if found.holds and found.changes else "",
    }


@require_POST
@access.guarded("trials.enrol", selectors.trials_of)
def edc_take(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Take a file that was shown; it is looked at once more."""
    rows, visits = _opened(request, trial)
    try:
        done = exchanging.take_exchange(
            trial=trial, rows=rows, visits=visits, actor=access.actor(request), at=timezone.now()
        )
    except exchanging.ExchangeRefused as problem:
        messages.error(request, problem.message)
        return redirect("trials:edc", pk=trial.pk)
    messages.success(request, f"{done.changes:,} change{'s are' if done.changes != 1 else ' is'} taken from the file.")
    return redirect("trials:home", pk=trial.pk)


def _salt(request: HttpRequest, trial: Trial) -> str:
    return f"exchange of trial {trial.pk} for {access.actor(request).pk}"


def _sealed(request: HttpRequest, trial: Trial, found: Exchange) -> str:
    """What was shown, for the form that confirms it; only this person can send it back, and nothing else."""
    said = [[row.as_said() for row in found.subjects.rows], [visit.as_said() for visit in found.visits]]
    return sealing.dumps(said, salt=_salt(request, trial), compress=True)


def _opened(request: HttpRequest, trial: Trial) -> tuple[list[Row], list[VisitRow]]:
    try:
        rows, visits = sealing.loads(request.POST.get("file", ""), salt=_salt(request, trial), max_age=_KEPT_FOR)
    except sealing.BadSignature:
        raise ExchangeExpired("The file was looked at too long ago. Choose it again.") from None
    return [Row(*row) for row in rows], [VisitRow(*visit) for visit in visits]
