"""Database rows per second for a series of 250 images, on PostgreSQL with fsync on: `python -m benchmarks.rows`.

A private server is started for it. Each arm writes one series in one transaction, in turns; the table gives the median
of the rounds. The last arms are what happens to every instance: what was received becomes a row with its event and its
job, and what was archived becomes a row of the archive, with its study, its series, its event, and the states of what
was received.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report import machine, publish
from scripts.test_services import postgres, postgres_programs, unprivileged

# The modules of the application are imported when the database is there: `Series` is made after that.


@contextmanager
def database() -> Iterator[None]:
    """A private PostgreSQL whose commits reach the disk, and the application on it, with a trial."""
    programs = postgres_programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed; `scripts/system-packages.sh test` installs it.")
    account = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        with postgres(programs, folder, account, durable=True) as server:
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "config.settings.local",
                "PARALLAX_DATABASE_URL": server.url,
                "PARALLAX_DATA_DIR": str(folder / "parallax"),
            }
            import django
            from django.conf import settings
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            settings.JOBS_INLINE = True  # nobody is there to be rung for
            call_command("migrate", verbosity=0)
            yield
            connections.close_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Series:
    """One series after the other, each new to the database."""

    def __init__(self, count: int) -> None:
        from imaging.deid.recipe import Recipe
        from imaging.models import Transfer
        from imaging.services.archiving import Means
        from tests.factories import AT, SECRET, make_world

        self.count, self.at = count, AT
        self.world = make_world()
        self.timepoint = self.world.timepoint("N-001", "BL")
        self.transfer = Transfer.objects.create(
            site=self.world.north, door=Transfer.Door.DIMSE, sender="NORTH_CT", opened_at=AT
        )
        terms = self.timepoint.charter.content["deidentification"]
        self.means = Means(self.world.trial, terms, Recipe.parse(terms), SECRET)

    def received(self) -> list[Any]:
        """Rows of a series as they are when it was just received; not stored."""
        from imaging.models import ReceivedInstance
        from imaging.services import spool

        series = uuid.uuid4().int
        return [
            ReceivedInstance(
                spool_id=spool.new_id(self.at),
                transfer=self.transfer,
                received_at=self.at,
                size=530_000,
                file_sha256=f"{series + number:064x}"[-64:],
                dataset_sha256=f"{series - number:064x}"[-64:],
                quarantine_key=f"{self.transfer.public_id}/{uuid.uuid4().hex}.dcm",
                sop_uid_key=f"2.25.{series + number}",
                series_uid_key=f"2.25.{series}",
                study_uid_key=f"2.25.{series - 1}",
                modality="CT",
            )
            for number in range(self.count)
        ]

    def stored(self) -> list[Any]:
        """The same, stored."""
        from compliance import rows

        received = self.received()
        rows.insert(received)
        return received

    def cleaned(self) -> list[Any]:
        """The series, received and de-identified: what is left is to write its rows."""
        from imaging.services.archiving import Cleaned

        return [
            Cleaned(
                received=one,
                timepoint=self.timepoint,
                seen={
                    "patient": ["5a" * 32, ""],
                    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
                    "instance_number": number,
                    "series_number": 2,
                    "position_mm": 2.5 * number,
                    "rows": 512,
                    "columns": 512,
                    "frames": 1,
                    "scan_date": "2025-12-31",
                },
                archive_key=f"{one.dataset_sha256[:2]}/{one.dataset_sha256}.dcm",
                sha256=one.dataset_sha256,
                size=529_000,
                counters={"removed": 31, "replaced": 9, "shifted": 6},
                measured=MEASURED | {"ImagePositionPatient": [-250.0, -250.0, 2.5 * number]},
            )
            for number, one in enumerate(self.stored())
        ]

    def rows(self) -> list[Any]:
        """Rows of the archive for a series whose parents are stored; not stored themselves."""
        from imaging.models import ImagingStudy, Instance
        from imaging.models import Series as Archived

        cleaned = self.cleaned()
        first = cleaned[0].received
        study = ImagingStudy.objects.create(
            trial=self.world.trial, timepoint=self.timepoint, study_instance_uid=first.study_uid_key
        )
        series = Archived.objects.create(
            imaging_study=study, series_instance_uid=first.series_uid_key, number=2, modality="CT"
        )
        digest = self.means.recipe.digest()
        return [
            Instance(
                series=series,
                received=one.received,
                trial=self.world.trial,
                sop_instance_uid=one.received.sop_uid_key,
                sop_class_uid=one.seen["sop_class_uid"],
                number=one.seen["instance_number"],
                position_mm=one.seen["position_mm"],
                rows=512,
                columns=512,
                archive_key=one.archive_key,
                sha256=one.sha256,
                size=one.size,
                recipe_sha256=digest,
                deid_counters=one.counters,
                measured=one.measured,
            )
            for one in cleaned
        ]


#: What a CT slice says of its acquisition; see `imaging.dicom.excerpts`.
MEASURED: dict[str, Any] = {
    "Modality": "CT",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SliceThickness": 2.5,
    "PixelSpacing": [0.9766, 0.9766],
    "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    "ConvolutionKernel": "STANDARD",
    "Rows": 512,
    "Columns": 512,
}


def arms(series: Series) -> dict[str, tuple[Callable[[], list[Any]], Callable[[list[Any]], object]]]:
    """By name: what is made beforehand, and what is measured with it."""
    from django.db import transaction

    from compliance import audit, rows
    from imaging.models import Instance
    from imaging.services import receiving
    from imaging.services.archiving import file_instances
    from imaging.services.spool import Entry, Origin

    origin = Origin(door="dimse", site_id=series.world.north.pk, sender="NORTH_CT", delivery=series.transfer.public_id)

    def entries() -> list[Any]:
        return [Entry(Path("spool"), one.spool_id, one.size, one.file_sha256) for one in series.received()]

    def copied(made: list[Any]) -> None:
        with transaction.atomic():
            rows.insert(made)

    def inserted(made: list[Any]) -> None:
        with transaction.atomic():
            Instance._base_manager.bulk_create(made)

    def with_event(made: list[Any]) -> None:
        audit.save_batch(
            made, action="instance.archived", about=made[0].series, of="sop_instance_uid", actor=None, at=series.at
        )

    def received(made: list[Any]) -> None:
        keys = {entry: f"{origin.delivery}/{entry.spool_id.hex}.dcm" for entry in made}
        with transaction.atomic():
            receiving._write_rows(made, keys, series.transfer, origin, series.at)

    def archived(made: list[Any]) -> None:
        file_instances(made, transfer=series.transfer, means=series.means, at=series.at)

    return {
        "rows of the archive alone, by INSERT": (series.rows, inserted),
        "rows of the archive alone, by COPY": (series.rows, copied),
        "rows of the archive with their event": (series.rows, with_event),
        "received: rows, event and job": (entries, received),
        "archived: study, series, rows, event, states of what was received": (series.cleaned, archived),
    }


def measure(count: int, rounds: int) -> list[str]:
    """Run all arms and return the report's lines."""
    todo = arms(Series(count))
    speeds: dict[str, list[float]] = {name: [] for name in todo}
    for number in range(rounds + 3):
        for name, (prepare, work) in todo.items():
            made = prepare()
            began = time.perf_counter()
            work(made)
            if number >= 3:  # the first ones load code and fill caches
                speeds[name].append(count / (time.perf_counter() - began))
    lines = [f"| one transaction for {count} images | rows/s |", "| --- | ---: |"]
    return lines + [f"| {name} | {statistics.median(speed):,.0f} |" for name, speed in speeds.items()]


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with database():
        lines = measure(options.count, options.rounds)
    programs = postgres_programs()
    assert programs is not None
    version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True).stdout.strip()
    about = f"A series of {options.count} images, {options.rounds} rounds, {machine()}, {version}, fsync on."
    publish("rows", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
