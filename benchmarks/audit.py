"""What the chain of the audit trail costs: `python -m benchmarks.audit` (`make bench`).

A private PostgreSQL whose commits reach the disk, and twenty processes that write. Each act is a transaction that
changes a record and has its event; a process waits between two acts, as people do, and all of them write with the
chain and without it in turns. Then the chain is verified, by one process, on PostgreSQL.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.report import machine, publish
from benchmarks.rows import database
from scripts.test_services import postgres_programs

# The modules of the application are imported when the database is there.

CHAINED, PLAIN = "with the chain", "without it"


def main() -> None:
    """Measure, print, and put the tables into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--acts", type=int, default=60, help="of each writer in each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds from one act of a writer to the next")
    parser.add_argument("--events", type=int, default=100_000, help="that are verified, at least")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    given = parser.parse_args()
    with database():
        lines = [*_writing(given), "", *_verifying(given.events)]
    programs = postgres_programs()
    assert programs is not None
    version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True).stdout.strip()
    about = (
        f"{given.writers} processes, each an act every {1000 * given.pause:.0f} ms, {given.turns} turns of "
        f"{given.acts} acts, {machine()}, {version}, fsync on."
    )
    publish("audit", "\n".join([about, "", *lines]), write=given.write)


def _writing(given: argparse.Namespace) -> Iterator[str]:
    from django.db import connections

    from tests.factories import make_world

    world = make_world()
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    start, results = fork.Barrier(given.writers), fork.Queue()
    for number in range(given.writers):
        fork.Process(target=_write, args=(number, world.trial.pk, given, start, results), daemon=True).start()
    times: dict[str, list[float]] = {CHAINED: [], PLAIN: []}
    for _ in range(given.writers):
        for arm, measured in results.get().items():
            times[arm] += measured
    yield "| an act and its event, all in one trial | p50 ms | p95 ms |"
    yield "| --- | ---: | ---: |"
    p50s, p95s = [], []
    for arm in (PLAIN, CHAINED):
        p50s.append(1000 * statistics.median(times[arm]))
        p95s.append(1000 * statistics.quantiles(times[arm], n=20)[-1])
        yield f"| {arm} | {p50s[-1]:.2f} | {p95s[-1]:.2f} |"
    yield f"| more | {p50s[1] - p50s[0]:.2f} | {p95s[1] - p95s[0]:.2f} |"
    yield f"| ratio | {p50s[1] / p50s[0]:.2f} | {p95s[1] / p95s[0]:.2f} |"


def _verifying(events: int) -> Iterator[str]:
    from compliance import verifying

    chain = _trail(events)
    speeds = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        report = verifying.verify(chains=[chain])
        speeds.append((report.links / (time.perf_counter() - wall), report.links / (time.process_time() - cpu)))
        assert (report.links, report.damages) == (events, ()), report
    wall, cpu = (statistics.median(speed) for speed in zip(*speeds, strict=True))
    yield "| verifying one chain, one process | events/s | events per second of its processor time |"
    yield "| --- | ---: | ---: |"
    yield f"| {events:,} events | {wall:,.0f} | {cpu:,.0f} |"


def _trail(events: int) -> int:
    """A trial's chain of so many events, as acts of people leave them."""
    from django.db import transaction
    from django.utils import timezone

    from compliance import rows, sealing
    from compliance.models import AuditEvent

    at, chain = timezone.now(), 4711
    for begin in range(0, events, 1000):
        made = [
            AuditEvent(
                at=at,
                recorded_at=at,
                actor_name="Quinn Analyst",
                role="QC analyst",
                action="timepoint.cleared",
                object_type="trials.timepoint",
                object_id=str(number),
                object_label=f"N-{number} · Week 8",
                trial_id=chain,
                site_id=2,
                before={"state": "awaiting review"},
                after={"state": "cleared", "cleared_at": "2026-01-31T10:00:00+00:00", "note": number},
                request_id="5f2b6c1a9d",
                via="web",
            )
            for number in range(begin, min(begin + 1000, events))
        ]
        with transaction.atomic():
            rows.insert(made)
            for event in made:
                sealing.enlist(event)
    return chain


def _write(number: int, trial: int, given: argparse.Namespace, start: Any, results: Any) -> None:
    """One writer: a process of its own, as each worker is."""
    from django.utils import timezone

    from compliance import audit, sealing
    from trials.models import Trial

    enlist, about = sealing.enlist, Trial.objects.get(pk=trial)
    times: dict[str, list[float]] = {CHAINED: [], PLAIN: []}
    for turn in range(given.turns + 1):
        for arm in (CHAINED, PLAIN):
            sealing.enlist = enlist if arm == CHAINED else lambda event: None
            start.wait()
            begin = time.perf_counter() + given.pause * number / given.writers
            for act in range(given.acts):
                time.sleep(max(0.0, begin + act * given.pause - time.perf_counter()))
                began = time.perf_counter()
                audit.record("benchmark.done", about, actor=None, at=timezone.now(), after={"act": act, "by": number})
                if turn:  # the first one loads code and fills caches
                    times[arm].append(time.perf_counter() - began)
    results.put(times)


if __name__ == "__main__":
    main()
