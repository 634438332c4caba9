"""Jobs are rows: asked for once, done once, never lost with a message or a worker."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import socket
import threading
from unittest import mock

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from compliance import doorbell, jobs
from compliance.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-INT-014", "REQ-STO-006")]

DONE: list[int] = []


@pytest.fixture(autouse=True)
def count_job():
    DONE.clear()
    jobs.handler("test.count")(lambda number, at: DONE.append(number))


def ask(number: int = 1, key: str = "k") -> Job:
    jobs.enqueue("test.count", key, at=timezone.now(), number=number)
    return Job.objects.get(kind="test.count", key=key)


def test_asking_twice_while_it_waits_is_asking_once():
    ask()
    ask()
    assert jobs.drain() == 1
    assert DONE == [1]


def test_asking_again_after_it_was_done_does_it_again():
    ask()
    jobs.drain()
    jobs.enqueue("test.count", "k", at=timezone.now(), number=2)
    jobs.drain()
    assert DONE == [1, 2]


def test_a_message_that_comes_twice_does_the_work_once():
    job = ask()
    jobs.run_job(job.pk)
    jobs.run_job(job.pk)
    assert DONE == [1]


def test_work_asked_for_in_a_transaction_that_fails_is_not_asked_for():
    with pytest.raises(RuntimeError), transaction.atomic():
        ask()
        raise RuntimeError
    assert not Job.objects.exists()


def test_a_job_held_by_a_living_worker_is_left_to_it():
    job = ask()
    now = timezone.now()
    assert jobs.claim(job.pk, now)
    assert jobs.claim(job.pk, now) is None


def test_a_job_whose_lease_ended_is_taken_over():
    job = ask()
    now = timezone.now()
    assert jobs.claim(job.pk, now)
    assert jobs.claim(job.pk, now + jobs.LEASE + dt.timedelta(seconds=1))


def died_at(job: Job) -> None:
    """Let a worker of this machine hold a job, and die."""
    dead = multiprocessing.get_context("spawn").Process(target=int)
    dead.start()
    dead.join()
    worker = f"{socket.gethostname()}:{dead.pid}"
    lease_until = timezone.now() + jobs.LEASE
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, worker=worker, lease_until=lease_until)


def test_the_sweep_rings_at_once_for_a_job_whose_worker_died(monkeypatch):
    job = ask()
    died_at(job)
    rung: list[int] = []
    monkeypatch.setattr(jobs, "ring", rung.append)
    assert jobs.sweep(timezone.now()) == 1
    assert rung == [job.pk]
    assert jobs.run(job.pk)


def test_a_message_that_comes_back_from_a_worker_that_died_is_enough():
    job = ask()
    died_at(job)
    assert jobs.run(job.pk)
    assert DONE == [1]


def test_messages_of_a_backlog_do_not_become_ever_more(monkeypatch):
    """With a message for each job at each sweep, workers had to read more of them than they could do jobs."""
    now = timezone.now()
    for number in range(3):
        ask(key=f"{number}")
    jobs.enqueue("test.count", "later", at=now, delay=dt.timedelta(seconds=1), number=9)
    rung: list[int] = []
    monkeypatch.setattr(jobs, "ring", rung.append)

    sweeps = [jobs.sweep(now + dt.timedelta(seconds=second)) for second in range(0, 21, 2)]

    # None while the first message may still be on its way; each job once in the time of patience; what was due later.
    assert sum(sweeps) == len(rung) == 3 * 1 + 2
    assert [rung.count(number) for number in Job.objects.order_by("pk").values_list("pk", flat=True)] == [1, 1, 1, 2]


def test_so_many_at_a_time_are_rung_for(monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE", 2)
    for number in range(3):
        ask(key=f"{number}")
    Job.objects.update(rung_at=None)

    assert [jobs.sweep(timezone.now()) for _ in range(3)] == [2, 1, 0]


def test_a_failing_job_is_tried_again_later_and_in_the_end_given_up(settings):
    settings.JOBS_INLINE = False

    def fail(number: int, at: dt.datetime) -> None:
        raise ValueError("a subject's name")

    jobs.handler("test.count")(fail)
    job = ask()
    for attempt in range(1, jobs.MAX_TRIES + 1):
        Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
        assert jobs.run(job.pk) is False
        job.refresh_from_db()
        assert job.tries == attempt
    assert (job.state, job.error) == (Job.State.FAILED, "ValueError")


def test_a_broker_that_is_away_only_delays_and_is_left_alone_for_a_while(
    settings, monkeypatch, django_capture_on_commit_callbacks
):
    tried = []

    def away(job_id: int) -> None:
        tried.append(job_id)
        raise ConnectionError

    settings.JOBS_INLINE = False
    monkeypatch.setattr(doorbell, "_silent_until", 0.0)
    monkeypatch.setattr(jobs.run_job, "delay", away)
    with django_capture_on_commit_callbacks(execute=True):
        first, _ = ask(1, "first"), ask(2, "second")
    assert tried == [first.pk]
    assert jobs.drain() == 2

    monkeypatch.setattr(doorbell, "_silent_until", 0.0)
    jobs.ring(first.pk)
    assert tried == [first.pk, first.pk]


def test_a_lease_outlives_a_database_that_does_not_answer(monkeypatch):
    renewed = threading.Event()
    answers = iter([OperationalError, None])

    class Held:
        def update(self, **values: object) -> None:
            if problem := next(answers, None):
                raise problem
            renewed.set()

    monkeypatch.setattr(jobs, "LEASE", dt.timedelta(seconds=0.03))
    monkeypatch.setattr(jobs.Job, "objects", mock.Mock(filter=lambda **which: Held()))
    lease = jobs._Lease(Job(pk=1))
    lease.start()
    try:
        assert renewed.wait(60)
    finally:
        lease.over.set()
        lease.join()
