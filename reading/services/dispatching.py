"""Scheduled transfers: counts while a trial runs, its endpoint package after the lock, to an outlet of this server.

What may leave is asked of `trials.release` at each try. Outlets are the server administrator's to declare; a plan is
the trial administrator's. The job outbox tries again what fails, with growing pauses.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from compliance import access, audit, exporting, jobs, storage
from compliance.errors import HouseError
from compliance.models import Export, User
from reading.models import Dispatch, DispatchPlan
from reading.services.packaging import ENDPOINT_PACKAGE
from trials import release, selectors
from trials.models import Trial
from trials.release import Artefact
from trials.services import watching

JOB = "reading.dispatch"
#: With the pauses of a job between them that is most of a working day.
MOST_TRIES = 90
READ_BACK = "Stored, read back, SHA-256 equal"
ENDED = "The plan was ended before it was sent"
#: What a receipt says of a failure, by its code; the text of an answer may quote anything.
SAID = {
    "store_unavailable": "The outlet did not answer, or refused",
    "already_stored": "Other bytes lie there under this name",
    "not_built_yet": "The package is not built yet",
    "not_locked": "The trial is not locked",
    "trail_damaged": "The audit trail does not verify",
}


class NotPlanned(HouseError):
    """A plan was not made or ended, or a dispatch not tried again."""

    code = "not_planned"
    status = 422


class NotYet(HouseError):
    """The package is still being built; the next try may find it."""

    code = "not_built_yet"
    status = 409


def outlets() -> list[str]:
    """Return the names of the places that this server may send to."""
    return sorted(settings.OUTLETS)


def plan(
    *, trial: Trial, outlet: str, every_days: int, first_at: dt.datetime, actor: User, at: dt.datetime
) -> DispatchPlan:
    """Have a trial's data sent to an outlet from a time on, again and again.

    Raises
    ------
    NotPlanned, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", trial)
    if outlet not in settings.OUTLETS or every_days not in DispatchPlan.Every.values:
        raise NotPlanned("The transfers were not planned: choose an outlet of this server, and how often.")
    if first_at < at:
        raise NotPlanned("The transfers were not planned: the first one lies in the past.")
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        if DispatchPlan.objects.filter(trial=trial, outlet=outlet, ended_at=None).exists():
            raise NotPlanned(f"Transfers to {outlet} are planned already. End that plan first.")
        made = DispatchPlan(
            trial=trial, outlet=outlet, every_days=every_days, first_at=first_at, made_by=actor, made_at=at
        )
        return audit.save(made, action="dispatchplan.made", actor=actor, at=at)


def end_plan(*, plan: DispatchPlan, actor: User, at: dt.datetime) -> DispatchPlan:
    """Send nothing more by a plan; what is on its way is not sent either.

    Raises
    ------
    NotPlanned, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", plan.trial)
    with transaction.atomic():
        row = DispatchPlan.objects.select_for_update().get(pk=plan.pk)
        if row.ended_at:
            raise NotPlanned("The plan has ended already.")
        row.ended_by, row.ended_at = actor, at
        return audit.save(row, action="dispatchplan.ended", actor=actor, at=at)


def retry(*, dispatch: Dispatch, actor: User, at: dt.datetime) -> Dispatch:
    """Try again what was given up.

    Raises
    ------
    NotPlanned, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", dispatch.plan.trial)
    with transaction.atomic():
        row = Dispatch.objects.select_for_update().select_related("plan__trial").get(pk=dispatch.pk)
        if row.state != Dispatch.State.FAILED or row.plan.ended_at:
            raise NotPlanned("It was not given up, or its plan has ended, so it is not sent again. Reload the page.")
        row.state, row.tries, row.answer = Dispatch.State.WAITING, 0, ""
        row.save()
        audit.record("dispatch.retried", row.plan.trial, actor=actor, at=at, after={"dispatch": row.pk})
        jobs.enqueue(JOB, str(row.pk), at=at, dispatch_id=row.pk)
    return row


def send_what_is_due(*, at: dt.datetime) -> None:
    """Ask for the dispatches whose time has come; on the beat. Twice asks once."""
    for one in DispatchPlan.objects.filter(ended_at=None, first_at__lte=at).select_related("trial"):
        due = one.latest_due(at)
        if due is None or one.dispatches.filter(due_at__gte=due).exists() or _has_all(one):
            continue
        try:
            with transaction.atomic():
                made = Dispatch.objects.create(plan=one, due_at=due)
                jobs.enqueue(JOB, str(made.pk), at=at, dispatch_id=made.pk)
        except IntegrityError:
            continue


def _has_all(plan: DispatchPlan) -> bool:
    """Whether the trial is locked and its package, as it was built last, was sent or is on its way."""
    if not release.is_released(Artefact.PACKAGE, plan.trial):
        return False
    latest = _package(plan.trial)
    sent = plan.dispatches.filter(what=Dispatch.What.PACKAGE).exclude(state=Dispatch.State.FAILED)
    return latest is not None and sent.filter(sha256=latest.sha256).exists()


def _package(trial: Trial) -> Export | None:
    """Return the package of this very lock, as it was built last; one of a lock before is none."""
    built = Export.objects.filter(kind=ENDPOINT_PACKAGE, trial_id=trial.pk, created_at__gte=trial.locked_at)
    return built.order_by("-pk").first()


@jobs.handler(JOB)
def send(*, dispatch_id: int, at: dt.datetime) -> None:
    """Send one dispatch, unless that was done; a failure is noted by its kind, and tried again."""
    row = Dispatch.objects.select_related("plan__trial").get(pk=dispatch_id)
    if row.state != Dispatch.State.WAITING:
        return
    if row.plan.ended_at:
        row.state, row.answer = Dispatch.State.FAILED, ENDED
        row.save()
        return
    row.tries += 1
    row.save(update_fields=["tries"])
    try:
        _send(row, at)
    except (HouseError, OSError, ValueError) as problem:
        kind = problem.code if isinstance(problem, HouseError) else type(problem).__name__
        row.answer = SAID.get(kind, kind)
        if row.tries >= MOST_TRIES:
            row.state = Dispatch.State.FAILED
        row.save(update_fields=["answer", "state"])
        if row.state == Dispatch.State.FAILED:
            return
        raise


def _send(row: Dispatch, at: dt.datetime) -> None:
    name, data = _fixed(row, Trial.objects.get(pk=row.plan.trial_id), at)
    outlet = row.plan.outlet
    alias, key = settings.OUTLETS[outlet], f"{row.plan.trial.code}/{name}"
    storage.put(alias, key, data)
    if hashlib.sha256(storage.get(alias, key)).hexdigest() != row.sha256:
        raise storage.AlreadyStored("The outlet does not give back what was stored.")
    with transaction.atomic():
        row.state, row.sent_at, row.place, row.answer = Dispatch.State.SENT, at, f"{outlet}: {key}"[:250], READ_BACK
        row.save()
        receipt = {"dispatch": row.pk, "what": row.what, "file": name, "sha256": row.sha256, "outlet": outlet}
        audit.record("dispatch.sent", row.plan.trial, actor=None, at=at, after=receipt)


def _fixed(row: Dispatch, trial: Trial, at: dt.datetime) -> tuple[str, bytes]:
    """Return name and bytes of what is sent, as the first try fixed it."""
    if not row.what:
        if release.is_released(Artefact.PACKAGE, trial):
            export = _package(trial)
            if export is None:
                raise NotYet("The endpoint package is not built yet.")
            row.what, row.export_id, row.sha256, row.size = Dispatch.What.PACKAGE, export.pk, export.sha256, export.size
        else:
            row.what, row.status = Dispatch.What.STATUS, status_of(trial, at)
            data = exporting.readable(row.status)
            row.sha256, row.size = hashlib.sha256(data).hexdigest(), len(data)
        row.save()
    if row.what == Dispatch.What.PACKAGE:
        release.require(Artefact.PACKAGE, trial)
        watching.require_whole(trial)
        assert row.export_id is not None
        export = Export.objects.get(pk=row.export_id)
        return export.file_name, exporting.read(export)
    release.require(Artefact.STATUS, trial)
    assert row.status is not None
    return f"{trial.code}-status-{row.due_at:%Y%m%dT%H%M}Z.json", exporting.readable(row.status)


def status_of(trial: Trial, at: dt.datetime) -> dict[str, Any]:
    """Return the counts of a trial by site: what was planned, received, cleared and read. No outcome is part of it."""
    return {
        "trial": trial.code,
        "state": str(trial.state),
        "at": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sites": [dict(row) for row in selectors.progress(trial)],
    }
