"""Files per second that one core de-identifies: `python -m benchmarks.deid`.

The files are 512 × 512 × 16-bit CT slices of a computed phantom, 530 kB each, with about 116 attributes at the top
and an invented person in them; each slice has a place, a number, times and a dose of its own. Arms take turns in each
round, so that a slow moment of the machine hits all of them; the table gives the median of the rounds. Writing is not
synced: this measures processors, not disks.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom import config, dcmread, dcmwrite
from pydicom.uid import UID

from benchmarks.report import machine, publish
from imaging.deid import engine, workshop
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import TrialIdentity
from imaging.deid.recipe import Recipe, standard_terms
from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject

TERMS = standard_terms("trial-default")
SECRET = bytes(range(32))
CODES = ("TRIAL-1", "S01", "S01-004", "WEEK8")

# What a scanner writes beyond the phantom: technical attributes, as in the files of the large makers.
_TECHNICAL = {
    "InstanceCreationDate": "20240229",
    "PatientAge": "061Y",
    "PatientSize": "1.72",
    "PatientWeight": "71.5",
    "AdditionalPatientHistory": "Follow-up",
    "ScanOptions": "HELIX",
    "DistanceSourceToDetector": "1040",
    "DistanceSourceToPatient": "570",
    "RotationDirection": "CW",
    "GeneratorPower": "36",
    "FocalSpots": "1.2",
    "SingleCollimationWidth": 0.625,
    "TotalCollimationWidth": 40.0,
    "TableSpeed": 55.0,
    "TableFeedPerRotation": 22.0,
    "SpiralPitchFactor": 0.984,
    "ReconstructionTargetCenterPatient": [0.0, 0.0, 0.0],
    "ExposureModulationType": "XYZ_EC",
    "CTDIvol": 8.25,
    "ProtocolName": "Chest",
    "PerformedProcedureStepStartDate": "20240229",
    "PerformedProcedureStepID": "PPS88123",
    "PatientOrientation": ["L", "P"],
    "ImagesInAcquisition": 96,
    "LossyImageCompression": "00",
}
_UID = "2.25.1{:019d}"


def make_files(count: int) -> list[bytes]:
    """Make `count` slices of one series."""
    subject, grid = PhantomSubject.with_scenario(1, "stable"), Grid(rows=512, slices=24)
    slices = list(ct_series(subject, 0, study_date=date(2024, 2, 29), identity=planted_identity(1), grid=grid))
    made = []
    for number in range(count):
        instance = slices[number % len(slices)]
        for keyword, value in _TECHNICAL.items():
            setattr(instance, keyword, value)
        for keyword, value in _own(number).items():
            setattr(instance, keyword, value)
        instance.SOPInstanceUID = instance.file_meta.MediaStorageSOPInstanceUID = UID(_UID.format(number))
        buffer = BytesIO()
        instance.save_as(buffer, enforce_file_format=True)
        made.append(buffer.getvalue())
    return made


def _own(number: int) -> dict[str, object]:
    """What differs from slice to slice of a scan, beside the identifier: place, number, times and dose."""
    seconds = f"{number // 60 % 60:02}{number % 60:02}.{number:06}"
    place = -1.25 * number
    return {
        "InstanceNumber": number + 1,
        "ImagePositionPatient": [-180.0, -180.0, place],
        "SliceLocation": place,
        "AcquisitionTime": f"10{seconds}",
        "ContentTime": f"11{seconds}",
        "InstanceCreationTime": f"12{seconds}",
        "AcquisitionDateTime": f"2024022910{seconds}",
        "XRayTubeCurrent": 200 + number,
        "Exposure": 100 + number,
    }


def renamed(made: Sequence[bytes], folder: Path, batch: int) -> list[Path]:
    """Write the slices under identifiers that nothing has seen before, as new ones come in, into one folder."""
    paths = []
    for number, content in enumerate(made):
        path = folder / f"{number}.dcm"
        new = _UID.format((batch + 1) * 1_000_000 + number)
        path.write_bytes(content.replace(_UID.format(number).encode(), new.encode()))
        paths.append(path)
    return paths


def arms(out: Path) -> dict[str, Callable[[Path], object]]:
    """What is done with one file, by name."""
    recipe = Recipe.parse(TERMS)
    identity = TrialIdentity(*CODES)
    keys = SubjectKeys(SECRET, identity.subject_code)

    def rewrite(path: Path) -> None:
        dcmwrite(out, dcmread(path))

    def engine_alone(path: Path) -> None:
        with config.disable_value_validation():
            dataset = dcmread(BytesIO(path.read_bytes()), force=True)
        out.write_bytes(engine.serialise(engine.deidentify(dataset, recipe=recipe, keys=keys, identity=identity)))

    def searched(path: Path) -> None:
        result, content = workshop.deidentify(str(path), TERMS, SECRET, CODES)
        _refuse_held(result)
        out.write_bytes(content)

    def look(path: Path) -> None:
        _refuse_held(workshop.look(str(path), SECRET))

    def whole(path: Path) -> None:
        look(path)
        searched(path)

    return {
        "copy": lambda path: shutil.copyfile(path, out),
        "pydicom read and write": rewrite,
        "look: header, digest, facts": look,
        "de-identify": engine_alone,
        "de-identify and search for leaks": searched,
        "look, de-identify and search": whole,
    }


def _refuse_held(result: dict[str, object]) -> None:
    if "held" in result:
        raise SystemExit(f"a file of the benchmark is held: {result['sentence']}")


def measure(made: Sequence[bytes], folder: Path, rounds: int) -> list[dict[str, object]]:
    """Median files per second and processor seconds per 1000 files of each arm."""
    todo = arms(folder / "out")
    wall: dict[str, list[float]] = {name: [] for name in todo}
    busy: dict[str, list[float]] = {name: [] for name in todo}
    for round_ in range(rounds + 1):
        for number, (name, work) in enumerate(todo.items()):
            files = renamed(made, folder, round_ * len(todo) + number)
            started, cpu = time.perf_counter(), time.process_time()
            for path in files:
                work(path)
            if round_:  # the first one loads code and tables
                wall[name].append(time.perf_counter() - started)
                busy[name].append(time.process_time() - cpu)
    size = sum(map(len, made))
    rows = []
    for name in todo:
        cpu = statistics.median(busy[name])
        rows.append(
            {
                "arm": name,
                "files_per_s": round(len(made) / statistics.median(wall[name]), 1),
                "files_per_cpu_s": round(len(made) / cpu, 1),
                "cpu_s_per_1000": round(1000 * cpu / len(made), 2),
                "mb_per_cpu_s": round(size / cpu / 1e6),
            }
        )
    return rows


def as_markdown(rows: Sequence[dict[str, object]]) -> str:
    lines = ["| arm | files/s | files/CPU s | CPU s/1000 | MB/CPU s |", "| --- | ---: | ---: | ---: | ---: |"]
    return "\n".join(lines + ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a Markdown table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    made = make_files(options.files)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(made, Path(folder), options.rounds)
    first = dcmread(BytesIO(made[0]))
    about = {
        "machine": f"{machine()}, pydicom {pydicom.__version__}, numpy {np.__version__}",
        "files": f"{len(made)} of {len(made[0])} bytes, {len(first)} attributes at the top",
        "rounds": options.rounds,
    }
    if options.json:
        sys.stdout.write(json.dumps({**about, "arms": rows}, indent=2) + "\n")
        return
    text = f"{about['files']}, {options.rounds} rounds, one core of {about['machine']}."
    publish("deid", f"{text}\n\n{as_markdown(rows)}", write=options.write)


if __name__ == "__main__":
    main()
