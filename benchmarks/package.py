"""How long a large trial's endpoint package takes, and how much memory: `python -m benchmarks.package` (`--write`).

A trial of 500 subjects with eight timepoints, each read by two of eight readers, and adjudicated where the two differ,
is written straight into a database of its own and locked. Another process, as a worker is one, then builds its package
into the store: from the records to the checked ZIP, with the report and a DICOM file for each read. At last the
verifier goes through what came out.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.readers import SUBJECTS, TARGETS, TIMEPOINTS, application, read_trial
from benchmarks.report import machine, publish

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_BUILT = "from benchmarks.package import built; built({trial}, {actor})"


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    given = parser.parse_args()
    with application():
        publish("package", "\n".join(_table(given.subjects)), write=given.write)


def _table(subjects: int) -> Iterator[str]:
    from django.db import connections

    from reading.exports.endpoint_package import VERIFIER

    trial, sponsor = _locked_trial(subjects)
    connections.close_all()
    run = [sys.executable, "-c", _BUILT.format(trial=trial.pk, actor=sponsor.pk)]
    told = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
    found = json.loads(told.stdout.splitlines()[-1])
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", VERIFIER, found["path"]], check=True, stdout=subprocess.DEVNULL)
    verified = time.perf_counter() - began
    size = f"{subjects} subjects × {TIMEPOINTS} timepoints × 2 readers"
    yield (
        f"{size}: {found['reads']:,} signed reads and {found['adjudications']} adjudications; {found['files']:,} files "
        f"in {found['bytes'] / 1e6:.0f} MB; SQLite. {machine()}."
    )
    yield ""
    yield "| what | s | CPU s |"
    yield "| --- | ---: | ---: |"
    for name, (took, cpu) in found["parts"].items():
        yield f"| {name} | {took:.1f} | {cpu:.1f} |"
    yield f"| the package verified offline | {verified:.1f} | |"
    yield ""
    yield f"The process that built it was {found['mib']:.0f} MiB large at most."


def _locked_trial(subjects: int) -> tuple[Any, Any]:
    """A locked trial whose subjects were all scanned and read, with its sponsor."""
    from django.db import transaction

    from compliance import signing
    from compliance.models import User
    from reading.models import ReadTask
    from tests.factories import AT, PASSWORD
    from trials.models import Subject, Timepoint

    trial, _ = read_trial(subjects)
    unread = Subject.objects.filter(trial=trial, timepoints__read_tasks=None).distinct()
    Timepoint.objects.filter(subject__in=list(unread)).update(image_state="missed")
    timepoints = Timepoint.objects.filter(subject__trial=trial, image_state="received")
    with transaction.atomic():
        for timepoint in timepoints.select_related("subject__site__trial"):
            _scan(timepoint)
        for subject in Subject.objects.filter(trial=trial):
            _adjudicate(subject, User.objects.get(username="adjudicator"))
    ReadTask.objects.filter(timepoint__subject__trial=trial).update(state="locked")
    trial.state, trial.locked_at = "locked", AT
    type(trial).objects.filter(pk=trial.pk).update(state="locked", locked_at=AT)
    signing.sign(trial, signing.Intent(PASSWORD), actor=User.objects.get(username="founder"), at=AT)
    return trial, User.objects.get(username="sponsor")


def _scan(timepoint: Any) -> None:
    """Write the scan of a timepoint, an image for each lesion, on which both readers drew two diameters."""
    from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
    from reading.models import Mark, MarkVersion, Measurement
    from tests.factories import AT
    from tests.factories.world import REFERENCE

    root = f"2.25.7{timepoint.pk:09}"
    on = {"study_day": timepoint.day, "shifted_date": REFERENCE + dt.timedelta(days=900 + timepoint.day - 1)}
    study = ImagingStudy(trial=timepoint.trial, timepoint=timepoint, study_instance_uid=root, **on)
    study.save()
    series = Series(imaging_study=study, series_instance_uid=f"{root}0", modality="CT", label="Chest")
    series.for_reading = True
    series.save()
    transfer = Transfer(site=timepoint.subject.site, timepoint=timepoint, door="dimse", sender="CT", opened_at=AT)
    transfer.save()
    received = ReceivedInstance.objects.bulk_create(
        ReceivedInstance(
            spool_id=uuid.uuid4(), transfer=transfer, received_at=AT, size=1, file_sha256="0" * 64, quarantine_key=""
        )
        for _ in range(TARGETS)
    )
    images = Instance.objects.bulk_create(
        Instance(
            series=series, received=one, trial=timepoint.trial, sop_instance_uid=f"{root}{number}",
            sop_class_uid=CT_IMAGE, archive_key=f"{root}{number}", sha256=f"{timepoint.pk:064x}", size=527_184,
            recipe_sha256="0" * 64,
        )
        for number, one in enumerate(received, 1)
    )  # fmt: skip
    found = Measurement.objects.filter(assessment__task__timepoint=timepoint).select_related("assessment", "lesion")
    entries = list(found)
    marks = Mark.objects.bulk_create(
        Mark(task_id=entry.assessment.task_id, key=uuid.uuid4(), drawn_at=AT) for entry in entries
    )
    drawn = MarkVersion.objects.bulk_create(
        MarkVersion(
            mark=mark, number=1, tool="bidirectional", instance=images[entry.lesion.number - 1], made_at=AT,
            points=[[100.25, 120.5], [131.75, 140.0], [110.0, 139.5], [121.5, 118.25]],
            measured={"long_mm": float(entry.diameter_mm), "short_mm": round(float(entry.diameter_mm) * 0.7, 2)},
        )
        for mark, entry in zip(marks, entries, strict=True)
    )  # fmt: skip
    for entry, mark in zip(entries, drawn, strict=True):
        entry.mark, entry.instance = mark, mark.instance
    Measurement.objects.bulk_update(entries, ["mark", "instance"])


def _adjudicate(subject: Any, adjudicator: Any) -> None:
    """Settle a subject whose readers differ, for the second."""
    from reading import selectors
    from reading.models import Adjudication
    from tests.factories import AT

    result = selectors.subject_result(subject)
    if result.discordances:
        Adjudication.objects.bulk_create(
            [
                Adjudication(
                    subject=subject, adjudicator=adjudicator, blinded_code=f"ADJ-{subject.pk:06}", left_slot=1,
                    triggers=[trigger.to_json() for trigger in result.discordances], chosen_slot=2, state="locked",
                    rationale="The other reader measured across the vessel.", opened_at=AT, decided_at=AT,
                )
            ]
        )  # fmt: skip


def _timed(parts: dict[str, Any], name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Let what is called tell how long it took, by the clock and in CPU time."""

    def timed(*given: Any, **named: Any) -> Any:
        clock, cpu = time.perf_counter(), _cpu()
        try:
            return work(*given, **named)
        finally:
            parts[name] = (time.perf_counter() - clock, _cpu() - cpu)

    return timed


def _cpu() -> float:
    """Seconds that this process and those that it ran have computed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def built(trial_id: int, actor_id: int) -> None:
    """Build the package in a process of its own, and print what it took as JSON."""
    import django

    django.setup()
    from django.core.files.storage import storages

    from compliance import storage
    from compliance.models import User
    from reading.exports import endpoint_report
    from reading.exports.endpoint_package import EndpointPackage
    from reading.models import Adjudication
    from reading.services.packaging import build_package
    from tests.factories import AT
    from trials.models import Trial

    parts: dict[str, Any] = {}
    trial = Trial.objects.get(pk=trial_id)
    EndpointPackage.snapshot = _timed(parts, "records", EndpointPackage.snapshot)  # type: ignore[method-assign]
    endpoint_report.report = _timed(parts, "report", endpoint_report.report)
    build = _timed(parts, "the whole package", build_package)
    export = build(trial=trial, actor=User.objects.get(pk=actor_id), at=AT)
    files = export.manifest["files"]
    reads = sum(file["name"].startswith("images/sr/") for file in files)
    told = {
        "path": storages[storage.EXPORTS].path(export.storage_key),
        "bytes": export.size,
        "files": len(files),
        "reads": reads,
        "adjudications": Adjudication.objects.filter(subject__trial=trial).count(),
        "parts": parts,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
