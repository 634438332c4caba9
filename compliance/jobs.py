"""Work that is never lost: jobs are rows, the broker is a doorbell, a lease says who is at it.

`enqueue()` writes the row in the caller's transaction and rings after commit. A worker claims a row by a
conditional update, so a message that comes twice does nothing; one that never comes is rung again by
`sweep()`, which beat runs and each worker runs at its start. Handlers may run twice after a crash and are
written so that the second run has nothing left to do.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from compliance import context, doorbell
from compliance.faults import fault
from compliance.models import Job

log = logging.getLogger(__name__)

Handler = Callable[..., None]

LEASE = dt.timedelta(seconds=15)
#: The sweep rings again for a job that nobody has taken so long after it was rung for, and for so many at a time:
#: messages that wait behind others must not become ever more.
PATIENCE, AT_ONCE = dt.timedelta(seconds=10), 200
#: A job is given up after this many tries; with the longest pause between them that is most of a working day.
MAX_TRIES = 100
LONGEST_PAUSE = dt.timedelta(minutes=5)

_handlers: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Register the function that does jobs of this kind; it takes the job's arguments and `at`."""

    def decorate(function: Handler) -> Handler:
        _handlers[kind] = function
        return function

    return decorate


def enqueue(kind: str, key: str, *, at: dt.datetime, delay: dt.timedelta = dt.timedelta(0), **args: Any) -> None:
    """Ask for work, in the caller's transaction; asking again while it waits changes nothing.

    Parameters
    ----------
    kind
        Name of a registered handler, `<room>.<verb>`.
    key
        What the work is about; one job per kind and key waits at a time.
    args
        Plain identifiers for the handler.
    """
    due, rung_at = at + delay, None if delay else at
    try:
        with transaction.atomic():
            job = Job.objects.create(kind=kind, key=key, args=args, created_at=at, not_before=due, rung_at=rung_at)
    except IntegrityError:
        # It waits already, perhaps for its next try after a failure: not longer than this asking wants.
        waiting = Job.objects.filter(kind=kind, key=key, state=Job.State.QUEUED)
        if not waiting.filter(not_before__gt=due).update(not_before=due, rung_at=rung_at):
            return
        job = waiting.get()
    if not delay:
        transaction.on_commit(lambda: ring(job.pk))


def open_under(kind: str, prefix: str) -> dict[str, bool]:
    """Return the keys with this beginning of work that waits or is done now, and whether a try has failed."""
    asked = Job.objects.filter(kind=kind, key__startswith=prefix, state__in=(Job.State.QUEUED, Job.State.RUNNING))
    return {job.key: bool(job.error) for job in asked}


def ring(job_id: int) -> None:
    """Tell the workers that a job waits; a broker that cannot be reached only delays it."""
    if not settings.JOBS_INLINE:
        doorbell.ring(run_job, job_id)


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _holder_is_gone(worker: str) -> bool:
    """Tell whether the lease holder was a process of this machine that no longer lives."""
    host, _, pid = worker.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def claim(job_id: int, at: dt.datetime) -> Job | None:
    """Take a job if nobody holds it; None if it is done, not yet due, or somebody else's."""
    free = Q(state=Job.State.QUEUED, not_before__lte=at) | Q(state=Job.State.RUNNING, lease_until__lt=at)
    job = Job.objects.filter(pk=job_id).first()
    twins = Job.objects.filter(state=Job.State.RUNNING, lease_until__gte=at).exclude(pk=job_id)
    if job is None or twins.filter(kind=job.kind, key=job.key).exists():
        return None
    if job.state == Job.State.RUNNING and _holder_is_gone(job.worker):
        free |= Q(state=Job.State.RUNNING, worker=job.worker)
    taken = Job.objects.filter(free, pk=job_id).update(
        state=Job.State.RUNNING, worker=_me(), lease_until=at + LEASE, tries=F("tries") + 1
    )
    return Job.objects.get(pk=job_id) if taken else None


class _Lease(threading.Thread):
    """Renews a job's lease while its handler runs."""

    def __init__(self, job: Job) -> None:
        super().__init__(daemon=True)
        self.job, self.over = job, threading.Event()

    def run(self) -> None:
        while not self.over.wait(LEASE.total_seconds() / 3):
            held = Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING, worker=self.job.worker)
            try:
                held.update(lease_until=timezone.now() + LEASE)
            except DatabaseError:
                # It may be back before the lease ends; a connection that is broken is not used again.
                connection.close()
        connection.close()


def run(job_id: int) -> bool:
    """Claim and do one job; tell whether this call did it."""
    job = claim(job_id, timezone.now())
    if job is None:
        return False
    fault("job.claimed")
    lease = _Lease(job)
    if not settings.JOBS_INLINE:
        lease.start()
    state, error = Job.State.DONE, ""
    try:
        with context.surroundings(f"job-{job.pk}", job.kind):
            _handlers[job.kind](**job.args, at=timezone.now())
    except Exception as failure:
        # The text of an exception may quote data, so only its type and place are kept.
        state = Job.State.FAILED if job.tries >= MAX_TRIES else Job.State.QUEUED
        error = type(failure).__name__
        log.error("job %s (%s) failed at try %s: %s", job.pk, job.kind, job.tries, error, exc_info=settings.DEBUG)
        if settings.JOBS_INLINE:
            raise
    finally:
        lease.over.set()
        fault("job.worked")
        _finish(job, state, error)
    return state == Job.State.DONE


def _finish(job: Job, state: str, error: str) -> None:
    now = timezone.now()
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, worker=job.worker)
    values: dict[str, Any] = {"state": state, "error": error, "lease_until": None}
    if state == Job.State.QUEUED:
        values["rung_at"] = None
        values["not_before"] = now + min(dt.timedelta(seconds=2 ** min(job.tries, 10)), LONGEST_PAUSE)
    else:
        values["finished_at"] = now
    try:
        with transaction.atomic():
            mine.update(**values)
    except IntegrityError:
        # The same work was asked for again meanwhile: that job stands for this one.
        mine.update(state=Job.State.DONE, error="superseded", lease_until=None, finished_at=now)


def sweep(at: dt.datetime) -> int:
    """Ring for each job that is due, that nobody holds, and for which nobody has rung lately; return how many."""
    for job in Job.objects.filter(state=Job.State.RUNNING, lease_until__gte=at):
        if _holder_is_gone(job.worker):
            mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, worker=job.worker)
            mine.update(lease_until=at - LEASE, rung_at=None)
    due = Job.objects.filter(
        Q(state=Job.State.QUEUED, not_before__lte=at) | Q(state=Job.State.RUNNING, lease_until__lt=at),
        Q(rung_at=None) | Q(rung_at__lt=at - PATIENCE),
    )
    waiting = list(due.order_by("id").values_list("pk", flat=True)[:AT_ONCE])
    Job.objects.filter(pk__in=waiting).update(rung_at=at)
    for job_id in waiting:
        ring(job_id)
    return len(waiting)


def drain(limit: int = 10_000) -> int:
    """Do every due job in this process; for commands and tests. Return how many were done."""
    done = 0
    while done < limit:
        due = Job.objects.filter(state=Job.State.QUEUED, not_before__lte=timezone.now()).order_by("id").first()
        if due is None:
            return done
        done += run(due.pk)
    return done


@shared_task(name="compliance.run_job", ignore_result=True)
def run_job(job_id: int) -> None:
    """The doorbell's message: do this job if it is still to be done."""
    run(job_id)


@shared_task(name="compliance.sweep_jobs", ignore_result=True)
def sweep_jobs() -> None:
    """Ring again for what waits; runs on the beat."""
    sweep(timezone.now())
