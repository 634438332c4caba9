"""How fast scans come in, beside Orthanc: `python -m benchmarks.intake` (`make bench`).

The same CT series goes by DCMTK's `storescu` to Orthanc and to us, in turns, so that a slow moment of the machine hits
both; a ratio is the median of the ratios of the rounds. Both sync each image to the disk before they answer (Orthanc's
default), both senders switch Nagle's algorithm off. Ours includes SHA-256, the reading of the SOP UIDs of the data set,
and the record of the sender. The last arm runs the worker beside it, which indexes, de-identifies and checks meanwhile.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from benchmarks.deid import make_files, renamed  # noqa: E402 - settings come first
from benchmarks.report import machine, publish, version_of  # noqa: E402
from tests.support.installation import Installation  # noqa: E402
from tests.support.orthanc import Orthanc, orthanc  # noqa: E402

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Receiver:
    """A receiver under measurement: where it listens, and which processes do its work."""

    name: str
    port: int
    called: str
    leaders: list[int]
    speeds: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    memory: float = 0.0

    @classmethod
    def of(cls, peer: Orthanc) -> Receiver:
        """Orthanc as the receiver beside us."""
        return cls("Orthanc", peer.port, peer.title, [peer.process.pid])

    def processes(self) -> list[tuple[float, float]]:
        """CPU seconds and MiB (shared pages counted once: Pss) of each of its processes that lives."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text(errors="replace").rpartition(")")[2].split()
                status = (entry.parent / "smaps_rollup").read_text(errors="replace")
            except OSError:
                continue
            if int(fields[2]) in self.leaders:
                resident = re.search(r"^Pss:\s+(\d+)", status, re.MULTILINE)
                cpu = sum(map(int, fields[11:15])) / _TICK
                found.append((cpu, int(resident[1]) / 1024 if resident else 0.0))
        return found


def send(receiver: Receiver, files: list[Path], associations: int) -> float:
    """Send files over so many associations at once; return images per second."""
    with tempfile.TemporaryDirectory() as name:
        parts = [Path(name) / str(number) for number in range(associations)]
        for part in parts:
            part.mkdir()
        for number, path in enumerate(files):
            os.link(path, parts[number % associations] / path.name)
        command = ["storescu", "+sd", "-aet", "NORTH_CT", "-aec", receiver.called, "127.0.0.1", str(receiver.port)]
        before, began = sum(cpu for cpu, _ in receiver.processes()), time.perf_counter()
        environment = os.environ | {"TCP_NODELAY": "1"}
        senders = [subprocess.Popen([*command, str(part)], env=environment) for part in parts]
        if sum(sender.wait() for sender in senders):
            raise SystemExit(f"{receiver.name} did not take everything")
        took = time.perf_counter() - began
        now = receiver.processes()
    receiver.cpu.setdefault(associations, []).append(1000 * (sum(cpu for cpu, _ in now) - before) / len(files))
    receiver.memory = max(receiver.memory, sum(memory for _, memory in now))
    receiver.speeds.setdefault(associations, []).append(len(files) / took)
    return len(files) / took


@contextmanager
def installed_alone(folder: Path) -> Iterator[Installation]:
    """An installation on SQLite that has nothing of this process's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    installation = Installation(folder, environment)
    try:
        yield installation
    finally:
        installation.stop()


@contextmanager
def ours(folder: Path, *members: str) -> Iterator[tuple[Installation, Receiver]]:
    """An installation with a trial; all of its processes, or the members named."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    installation = Installation(folder, environment)
    installation.make_world()
    if not members:
        installation.start()
        try:
            yield (
                installation,
                Receiver(
                    "Parallax, worker beside it", installation.dicom_port, "PARALLAX", [installation.pid_of("receiver")]
                ),
            )
        finally:
            installation.stop()
        return
    with open(folder / "receive.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "receive"],
            env=installation.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not Installation._listens(installation.dicom_port):
            time.sleep(0.1)
        yield installation, Receiver("Parallax", installation.dicom_port, "PARALLAX", [process.pid])
    finally:
        process.terminate()
        process.wait()


def until_checked(installation: Installation, since: float) -> float:
    """Wait until the timepoint is ready for quality control; return the seconds since then."""
    while not installation.rows("SELECT id FROM imaging_qcreview WHERE state = 'open'"):
        time.sleep(0.05)
        if time.perf_counter() - since > 300:
            raise SystemExit("nothing was checked")
    return time.perf_counter() - since


def of_a_subject(made: list[bytes]) -> list[bytes]:
    """Give the series to a subject of the trial's visit, as a scanner would whose worklist knows the trial."""
    from io import BytesIO

    from pydicom import dcmread

    named = []
    for content in made:
        dataset = dcmread(BytesIO(content))
        dataset.ClinicalTrialSubjectID, dataset.ClinicalTrialTimePointID = "N-001", "BL"
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        named.append(buffer.getvalue())
    return named


def measure(count: int, rounds: int) -> list[str]:
    """Run all arms and return the report's lines."""
    made = of_a_subject(make_files(count))
    batch = iter(range(1_000))
    lines: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        peer = Receiver.of(stack.enter_context(orthanc(folder)))
        _, mine = stack.enter_context(ours(folder / "alone", "receiver"))

        def fresh() -> list[Path]:
            place = folder / "files"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            return renamed(made, place, next(batch))

        for receiver in (peer, mine):
            send(receiver, fresh()[:50], 1)
            receiver.speeds.clear()
            receiver.cpu.clear()
        for _ in range(rounds):
            for associations in (1, 4):
                for receiver in (peer, mine):
                    send(receiver, fresh(), associations)
        lines += [
            "| receiver | associations | images/s | × Orthanc | CPU s/1000 | peak MiB |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for associations in (1, 4):
            for receiver in (peer, mine):
                ratios = [a / b for a, b in zip(receiver.speeds[associations], peer.speeds[associations], strict=True)]
                lines.append(
                    f"| {receiver.name} | {associations} | {statistics.median(receiver.speeds[associations]):.0f} | "
                    f"{statistics.median(ratios):.2f} | {statistics.median(receiver.cpu[associations]):.2f} | "
                    f"{receiver.memory:.0f} |"
                )
        installation, whole = stack.enter_context(ours(folder / "whole"))
        speed = send(whole, fresh(), 1)
        took = until_checked(installation, time.perf_counter())
        lines += [
            "",
            f"From the last byte of {count} images to “checked, ready for QC”, web, receiver and worker running: "
            f"{took:.1f} s, {count / took:.0f} images/s (sent at {speed:.0f} images/s meanwhile).",
        ]
    return lines


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    version = version_of("Orthanc")
    lines = measure(options.count, options.rounds)
    size = options.count * 530 // 1000
    about = f"{options.count} CT images of 530 kB ({size} MB), {options.rounds} rounds, {machine()}, {version}."
    publish("intake", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
