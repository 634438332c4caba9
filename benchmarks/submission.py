"""How soon a coordinator hears of a scan: `python -m benchmarks.submission` (`--write`).

A CT of 250 slices of 512 × 512 goes by one request (STOW-RS) to the running application on its embedded database and
broker, with all of its processes; measured is the time from the answer, so from the last byte, to the findings of the
check. Each round is a scan of another subject, de-identified by the recipe that trials start from.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from benchmarks.deid import make_files
from benchmarks.intake import Receiver, installed_alone
from benchmarks.report import machine, publish
from benchmarks.stow import Server
from tests.support.installation import Installation


def named(made: list[bytes], number: int) -> list[bytes]:
    """The slices as a scan of a subject's first visit."""
    files = []
    for content in made:
        dataset = dcmread(BytesIO(content))
        dataset.ClinicalTrialSubjectID, dataset.ClinicalTrialTimePointID = f"N-{number:03}", "BL"
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, f"{dataset[keyword].value}.{number}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        files.append(buffer.getvalue())
    return files


def measure(count: int, rounds: int) -> list[str]:
    """Run all rounds and return the report's lines."""
    made = make_files(count)
    subjects = range(2, 2 + rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, installed_alone(Path(folder)) as installation:
        token = installation.make_world(
            "from trials.services import connecting\n"
            "from django.utils import timezone\n"
            f"for number in range(3, {subjects.stop}):\n"
            "    world.enrol(world.north, f'N-{number:03}')\n"
            "answer = connecting.issue_token(site=world.north, label='PACS', actor=world.founder, at=timezone.now())[1]"
        )
        installation.start()
        receiver = Receiver("Parallax", installation.web_port, "", [installation.pid_of("web")])
        server = Server(receiver, "/dicomweb/studies", token)
        assert installation.process is not None
        sent, heard, spent = [], [], []
        for number in subjects:
            files, before = named(made, number), _processor_seconds(installation.process.pid)
            sent.append(server.send(files))
            heard.append(_until_findings(installation, number - 1))
            spent.append(_processor_seconds(installation.process.pid) - before)
    size = sum(map(len, made)) / 1e6
    return [
        f"{count} CT slices of 512 × 512 ({size:.0f} MB) in one request, {rounds} rounds, {machine()}.",
        "",
        "| | median | least | most |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {what}, s | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |"
            for what, times in (
                ("sending", sent),
                ("last byte to findings", heard),
                ("processor time of the application, from the first byte", spent),
            )
        ),
    ]


def _until_findings(installation: Installation, rounds: int) -> float:
    """Seconds from now until so many timepoints are checked."""
    began = time.perf_counter()
    while len(installation.rows("SELECT id FROM imaging_qcreview WHERE state = 'open'")) < rounds:
        time.sleep(0.02)
        if time.perf_counter() - began > 300:
            raise SystemExit("the scan was not checked")
    return time.perf_counter() - began


def _processor_seconds(root: int) -> float:
    """Of a process and all that descend from it."""
    parents, spent = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)], spent[int(entry.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {root}
    while grown := {number for number, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(spent.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    publish("submission", "\n".join(measure(options.count, options.rounds)), write=options.write)


if __name__ == "__main__":
    main()
