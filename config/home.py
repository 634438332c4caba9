"""What waits for a person: the rows of their home page, one function per kind of work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from compliance import access
from compliance.models import User
from imaging.selectors import (
    held_groups_seen_by,
    reopened,
    reviews_open,
    reviews_seen_by,
    timepoints_without_form,
)
from imaging.selectors_pixels import looks_waiting
from reading.models import Adjudication
from reading.selectors import adjudications_of, tasks_of
from reading.services.locking import readiness
from reading.states import AdjudicationState, ReadState
from trials.models import Trial
from trials.selectors import queries_seen_by, sites_coordinated_by, timepoints_seen_by
from trials.states import ImageState, QcState, QueryState, TrialState


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work that waits: how much (if it can be counted), where, and how urgent (`tone` as in docs/ui.md)."""

    label: str
    count: int | None
    url: str
    icon: str
    tone: str
    note: str = ""


def own_work(user: User) -> Iterator[Waiting]:
    """Work of a reader or adjudicator, under blinded codes."""
    if access.may(user, "reading.read"):
        tasks = tasks_of(user)
        ready = tasks.filter(state__in=(ReadState.ASSIGNED, ReadState.READING)).count()
        waiting = tasks.filter(state=ReadState.WAITING).count()
        note = f"{waiting} more open as you go" if waiting else ""
        yield Waiting("Reads to do", ready, reverse("reading:worklist"), "eye", "read" if ready else "ok", note)
    if access.may(user, "reading.adjudicate"):
        cases: list[Adjudication] = list(adjudications_of(user).filter(state=AdjudicationState.OPEN))
        tone = "read" if cases else "ok"
        yield Waiting("Adjudications to decide", len(cases), reverse("reading:adjudications"), "gavel", tone)


def work_in(user: User, trial: Trial, today: dt.date) -> Iterator[Waiting]:
    """Work in one trial, as the person's roles there give it."""
    if trial.state != TrialState.LOCKED:
        yield from _site_work(user, trial, today)
        yield from _centre_work(user, trial)
    if access.may(user, "trials.see_progress", trial) and not access.may(user, "trials.see_subjects", trial):
        yield Waiting(
            "Progress of the trial",
            trial.subjects.count(),
            _at("trials:progress", trial),
            "chart-dots",
            "info",
            "subjects",
        )
    if access.may(user, "reading.see_package", trial) and trial.state == TrialState.LOCKED:
        yield Waiting(
            "Endpoint package", None, _at("reading:package", trial), "package", "ok", "the database is locked"
        )


def _at(name: str, trial: Trial) -> str:
    return reverse(name, kwargs={"pk": trial.pk})


def _asks_for_looks(trial: Trial) -> bool:
    charter = trial.charter_in_force
    return charter is not None and charter.terms.deidentification.get("pixels") == "review"


def _site_work(user: User, trial: Trial, today: dt.date) -> Iterator[Waiting]:
    own = sites_coordinated_by(user).filter(trial=trial)
    if not own.exists():
        return
    expected = timepoints_seen_by(user).filter(subject__site__in=own, image_state=ImageState.EXPECTED)
    expected = expected.exclude(subject__state="withdrawn")
    late = sum(timepoint.late_on < today for timepoint in expected)
    yield Waiting("Scans late", late, _at("trials:home", trial), "clock-exclamation", "bad" if late else "ok")
    yield Waiting("Scans expected", len(expected) - late, _at("trials:home", trial), "calendar", "info")
    unsigned = timepoints_without_form(timepoints_seen_by(user).filter(subject__site__in=own)).count()
    yield Waiting(
        "Transfer forms to sign", unsigned, _at("trials:home", trial), "signature", "warn" if unsigned else "ok"
    )
    asked = queries_seen_by(user).filter(site__in=own, state=QueryState.OPEN).count()
    yield Waiting(
        "Queries to answer", asked, _at("trials:queries", trial), "message-question", "query" if asked else "ok"
    )
    if again := list(reopened(reviews_seen_by(user).filter(timepoint__subject__site__in=own))):
        single = reverse("imaging:timepoint", kwargs={"pk": again[0].timepoint_id})
        url = single if len(again) == 1 else _at("trials:home", trial)
        yield Waiting("Back in QC", len(again), url, "history", "warn", "new images after it was cleared")
    held = [group for group in held_groups_seen_by(user) if group.transfer.site in own and not group.is_looked_at]
    yield Waiting("Deliveries held", len(held), _at("imaging:quarantine", trial), "lock", "warn" if held else "ok")


def _centre_work(user: User, trial: Trial) -> Iterator[Waiting]:
    if access.may(user, "imaging.review", trial):
        reviews = reviews_open(user).filter(timepoint__subject__trial=trial)
        waiting, again = reviews.count(), reopened(reviews).count()
        yield Waiting(
            "Timepoints awaiting QC",
            waiting,
            _at("imaging:qc", trial),
            "clipboard-check",
            "warn" if again else "info" if waiting else "ok",
            f"{again} with new images after clearance" if again else "",
        )
        answered = queries_seen_by(user).filter(trial=trial, state=QueryState.ANSWERED).count()
        yield Waiting(
            "Answers to look at", answered, _at("trials:queries", trial), "message-reply", "info" if answered else "ok"
        )
        groups = held_groups_seen_by(user)
        held = [one for one in groups if one.transfer.site.trial_id == trial.pk and not one.is_looked_at]
        yield Waiting("Deliveries held", len(held), _at("imaging:quarantine", trial), "lock", "warn" if held else "ok")
    if access.may(user, "imaging.review_pixels", trial):
        looks = looks_waiting(trial).count()
        if looks or _asks_for_looks(trial):
            url = _at("imaging:looks", trial)
            yield Waiting("Pixels to look at", looks, url, "scan", "info" if looks else "ok", "text in images")
    if access.may(user, "reading.manage", trial):
        unread = (
            trial.subjects.filter(timepoints__qc_state=QcState.CLEARED)
            .exclude(timepoints__reading_state="read")
            .distinct()
        )
        yield Waiting("Subjects in reading", unread.count(), _at("reading:progress", trial), "eye", "read")
        yield Waiting(
            "Reader agreement",
            None,
            _at("reading:variability", trial),
            "scale",
            "info",
            "ICC, kappa, Bland-Altman so far",
        )
    if access.may(user, "trials.administer", trial):
        open_items = len(readiness(trial))
        yield Waiting(
            "Between here and the lock", open_items, _at("reading:lock", trial), "lock", "warn" if open_items else "ok"
        )
        yield Waiting("Set-up", trial.sites.count(), _at("trials:setup", trial), "settings", "info", "sites")
    if access.may(user, "trials.audit", trial):
        yield Waiting(
            "Audit trail", None, _at("trials:audit", trial), "history", "info", "search it, follow any record"
        )
