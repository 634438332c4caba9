"""How long a large trial's readers take to be judged: `python -m benchmarks.readers` (`--write`).

A trial of 500 subjects with eight timepoints, each read by two of eight readers: 8,000 signed reads, written straight
into a database of its own. Measured are the page of reader agreement, by a browser's request to the application, when
its report has to be computed and when it is there, and the derivation of every signed read anew.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.report import machine, publish

# The modules of the application are imported when its database is there.

SUBJECTS, TIMEPOINTS, READERS, TARGETS = 500, 8, 8, 3
ROUNDS = 20


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    given = parser.parse_args()
    with application():
        publish("readers", "\n".join(_table(given.subjects)), write=given.write)


@contextmanager
def application() -> Iterator[None]:
    """The application on the embedded default, its data in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings.local", "PARALLAX_DATA_DIR": str(folder)}
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        settings.JOBS_INLINE = True  # nobody is there to be rung for
        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _table(subjects: int) -> Iterator[str]:
    from django.test import Client
    from django.utils import timezone

    from reading.models import AgreementReport
    from reading.services.rederiving import rederive

    trial, manager = read_trial(subjects)
    client = Client()
    client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/reading/trials/{trial.pk}/variability/"

    def asked() -> float:
        began = time.perf_counter()
        assert client.get(address).status_code == 200
        return time.perf_counter() - began

    cold = asked()
    warm = [asked() for _ in range(ROUNDS)]
    AgreementReport.objects.all().delete()
    began = time.perf_counter()
    result = rederive(trial=trial, actor=None, at=timezone.now())
    took = time.perf_counter() - began
    assert not result.differences, result.differences[0]
    size = f"{subjects} subjects × {TIMEPOINTS} timepoints × 2 readers"
    yield f"{size}: {result.reads:,} signed reads; SQLite. {machine()}."
    yield ""
    yield "| what | time |"
    yield "| --- | ---: |"
    yield f"| page of reader agreement, report there (median of {ROUNDS}) | {1000 * statistics.median(warm):.0f} ms |"
    yield f"| the same, slowest of {ROUNDS} | {1000 * max(warm):.0f} ms |"
    yield f"| page of reader agreement, report computed | {cold:.1f} s |"
    yield f"| every signed read derived anew and compared, one process | {took:.1f} s |"


def read_trial(subjects: int) -> tuple[Any, Any]:
    """A trial whose subjects were all read, with somebody who manages the reading."""
    from django.db import transaction

    from tests.factories import AT, make_user, make_world
    from trials.models import Role
    from trials.services import setting_up

    visits = [
        {"code": f"W{8 * n}" if n else "BL", "name": f"Week {8 * n}" if n else "Baseline", "day": 56 * n + 1}
        for n in range(TIMEPOINTS)
    ]
    schedule = [{**visit, "window_before": 7, "window_after": 7} for visit in visits]
    world = make_world(charter={"schedule": schedule})
    readers = [make_user(f"reader-{n}") for n in range(READERS)]
    for reader in readers:
        setting_up.grant_membership(trial=world.trial, user=reader, role=Role.READER, actor=world.founder, at=AT)
    draw = random.Random(20261126)
    for number in range(subjects):
        site = (world.north, world.south)[number % 2]
        with transaction.atomic():
            _read(world.enrol(site, f"P-{number:04}"), draw.sample(readers, 2), draw, AT)
    return world.trial, world.people[Role.READING_MANAGER]


def _read(subject: Any, readers: list[Any], draw: random.Random, at: Any) -> None:
    """Write both readers' signed reads of a subject: three targets that shrink or grow, each measured with an error."""
    from reading import derivation
    from reading.models import Assessment, Lesion, Measurement, ReadTask
    from trials.models import Timepoint

    timepoints = list(subject.timepoints.order_by("order"))
    Timepoint.objects.filter(subject=subject).update(image_state="received", qc_state="cleared", reading_state="read")
    growth = draw.gauss(-0.03, 0.08)
    sizes = [draw.uniform(15, 60) for _ in range(TARGETS)]
    for slot, reader in enumerate(readers, 1):
        tasks, lesions = [], []
        for timepoint in timepoints:
            code = f"{slot}{timepoint.pk:07}"
            task = ReadTask.objects.create(
                timepoint=timepoint, reader=reader, slot=slot, charter=timepoint.charter, blinded_code=code,
                case_code=f"{slot}{subject.pk:05}", order=timepoint.order, state="submitted", created_at=at,
                opened_at=at, submitted_at=at,
            )  # fmt: skip
            assessment = Assessment.objects.create(task=task, version=1)
            if not lesions:
                lesions = [
                    Lesion.objects.create(
                        reader=reader, subject=subject, first_seen=task, number=n, category="target", organ=organ
                    )
                    for n, organ in enumerate(("LIVER", "LUNG", "SPLEEN"), 1)
                ]
            for lesion, size in zip(lesions, sizes, strict=True):
                found = size * (1 + growth) ** timepoint.order * draw.gauss(1, 0.05)
                Measurement.objects.create(
                    assessment=assessment, lesion=lesion, state="MEASURED", diameter_mm=Decimal(f"{max(found, 5):.2f}")
                )
            task.assessment = assessment
            tasks.append(task)
        for task, derived in zip(tasks, derivation.derivations_of(tasks), strict=True):
            Assessment.objects.filter(pk=task.assessment.pk).update(derivation=derived)


if __name__ == "__main__":
    main()
