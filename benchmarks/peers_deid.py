"""Our de-identification beside other tools, on the same files in the same run: `python -m benchmarks.peers_deid`.

Two tables. Speed: 512 × 512 CT slices of 530 kB, by each tool in turns, headers alone; what counts is processor
seconds. Leaks and losses: the planted upload of the tests (`tests/imaging/deid/planted.py`), by each tool as it comes,
ours by the command. The peers are installed from PyPI into an environment of their own that is thrown away; Orthanc is
the system's.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from benchmarks.deid import make_files, renamed  # noqa: E402 - settings come first
from benchmarks.report import DOCUMENT, machine, needed, publish, version_of  # noqa: E402
from tests.imaging.deid import planted_checks as checks  # noqa: E402
from tests.imaging.deid.planted import Planted, upload  # noqa: E402
from tests.support.orthanc import Orthanc, orthanc  # noqa: E402
from tests.support.senders import request  # noqa: E402

ROOT = Path(__file__).parents[1]
PEERS = {"dicognito": "0.19.0", "deid": "0.4.13", "dicom-anonymizer": "2.1.0"}
PLACES = ("standard", "nested", "private", "free text", "content", "file meta", "overlay", "padding", "pixels")
_TICK = os.sysconf("SC_CLK_TCK")
_CODES = "DeidentificationMethodCodeSequence"


@contextmanager
def environment() -> Iterator[Path]:
    """Give a Python that has the peers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        wanted = [f"{name}=={version}" for name, version in PEERS.items()]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, stderr=subprocess.DEVNULL)
        yield python


def run(tool: str, python: Path, source: Path, target: Path) -> tuple[float, int]:
    """Let a tool go through a folder into an empty one; return its processor seconds and for how many files."""
    shutil.rmtree(target, ignore_errors=True)  # giving up a file's pages on overwriting it would be counted, too
    target.mkdir(parents=True)
    ours = tool == "Parallax"
    child = ["-P", ROOT / "benchmarks" / "peers_child.py", tool, source, target]
    more = {"PYTHONPATH": str(ROOT)} if ours else {}
    ended = subprocess.run(
        [sys.executable if ours else python, *child], env=os.environ | more, capture_output=True, check=True
    )
    said = json.loads(ended.stdout)
    return said["cpu_s"], said["files"]


def by_orthanc(peer: Orthanc, contents: Sequence[bytes]) -> tuple[list[bytes | None], float]:
    """Let Orthanc anonymise studies; return the outputs in the order of the files, and its processor seconds."""
    ids = [peer.ask("POST", "/instances", content)["ID"] for content in contents]
    studies = dict.fromkeys(peer.ask("GET", f"/instances/{one}/study")["ID"] for one in ids)
    before = _spent(peer)
    answers = [request(peer.http_port, "POST", f"/studies/{study}/anonymize", b"{}") for study in studies]
    spent = _spent(peer) - before
    made = [answer.json["ID"] for answer in answers if answer.status == 200]
    outputs: dict[str, bytes] = {}
    for study, answer in zip(studies, answers, strict=True):
        if answer.status != 200:  # it fails at one of its files: the others one by one
            for instance in peer.ask("GET", f"/studies/{study}/instances"):
                alone = request(peer.http_port, "POST", f"/instances/{instance['ID']}/anonymize", b"{}")
                if alone.status == 200:
                    outputs[instance["ID"]] = alone.body
    for study in made:
        for instance in peer.ask("GET", f"/studies/{study}/instances"):
            source = request(peer.http_port, "GET", f"/instances/{instance['ID']}/metadata/AnonymizedFrom").body
            outputs[source.decode()] = request(peer.http_port, "GET", f"/instances/{instance['ID']}/file").body
    for study in (*studies, *made):
        peer.ask("DELETE", f"/studies/{study}")
    return [outputs.get(one) for one in ids], spent


def _spent(peer: Orthanc) -> float:
    """Processor seconds of Orthanc so far."""
    fields = Path(f"/proc/{peer.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


# --- speed --------------------------------------------------------------------------------------------------


def speed(python: Path, peer: Orthanc, folder: Path, count: int, rounds: int) -> list[str]:
    """Files per processor second of each tool, the median of the rounds."""
    made = make_files(count + 1)
    found: dict[str, list[float]] = {name: [] for name in ("Parallax", *PEERS, "Orthanc")}
    for round_ in range(rounds):
        source = folder / "speed"
        source.mkdir(exist_ok=True)
        paths = renamed(made, source, round_)
        for tool in ("Parallax", *PEERS):
            spent, files = run(tool, python, source, folder / f"speed {tool}")
            found[tool].append(files / spent)
        contents = [path.read_bytes() for path in paths]
        found["Orthanc"].append(len(contents) / by_orthanc(peer, contents)[1])
    ours = statistics.median(found["Parallax"])
    lines = [
        "| tool | version | files/CPU s | lowest and highest | Parallax is |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for tool, speeds in found.items():
        middle = statistics.median(speeds)
        ratio = "" if tool == "Parallax" else f"{ours / middle:.2f} ×"
        lines.append(f"| {tool} | {_version(tool)} | {middle:.0f} | {min(speeds):.0f} – {max(speeds):.0f} | {ratio} |")
    return lines


def _version(tool: str) -> str:
    if tool == "Parallax":
        return "this commit"
    return PEERS.get(tool) or version_of("Orthanc").split()[-1]


# --- leaks and losses ---------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a tool made of the planted upload."""

    written: int
    left: Counter[str]
    named: int
    lost: int
    kept: int
    intervals: bool
    references: bool
    codes: int


def judge(outputs: Mapping[Planted, bytes], folder: Path) -> Result:
    """Look at outputs for what was left behind and what was lost."""
    left: Counter[str] = Counter()
    named = lost = kept = codes = 0
    probe = folder / "probe"
    for file, output in outputs.items():
        left.update({place for place, _ in checks.left_behind(file, output)})
        probe.write_bytes(output)
        named += bool(checks.named_anywhere(file, str(probe))["hits"])
        lost += len(list(checks.lost(file, output)))
        kept += len(file.kept) + ("PixelData" in checks.read(file.content))
        codes += bool(checks.read(output).get(_CODES))
    intervals = checks.intervals_kept(outputs)
    references = checks.references_intact(outputs.values())
    return Result(len(outputs), left, named, lost, kept, intervals, references, codes)


def by_command(files: Sequence[Planted], folder: Path) -> dict[Planted, bytes]:
    """De-identify the upload as its folders come, by our command."""
    for file in files:
        path = folder / "upload" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    private = folder / "list.csv"
    subprocess.run(
        [sys.executable, "manage.py", "deidentify", folder / "upload", folder / "cleaned", "--private-list", private],
        cwd=ROOT,
        env=os.environ | {"PARALLAX_DATA_DIR": str(folder / "var")},
        stdout=subprocess.DEVNULL,
    )
    with open(private, newline="", encoding="utf-8") as table:
        made = {row["path"]: row["new path"] for row in csv.DictReader(table) if row["new path"]}
    return {file: (folder / "cleaned" / made[file.name]).read_bytes() for file in files if file.name in made}


def leaks(python: Path, peer: Orthanc, folder: Path) -> list[str]:
    """The table of leaks and losses."""
    files = list(upload())
    source = folder / "planted"
    source.mkdir()
    for number, file in enumerate(files):
        (source / f"{number:04}").write_bytes(file.content)
    results = {"Parallax": judge(by_command(files, folder), folder)}
    for tool in PEERS:
        target = folder / f"planted {tool}"
        run(tool, python, source, target)
        there = {file: target / f"{number:04}" for number, file in enumerate(files)}
        results[tool] = judge({file: path.read_bytes() for file, path in there.items() if path.exists()}, folder)
    outputs, _ = by_orthanc(peer, [file.content for file in files])
    results["Orthanc"] = judge({file: out for file, out in zip(files, outputs, strict=True) if out}, folder)
    planted = Counter(
        place for file in files for place in {*file.planted.values(), *(["pixels"] if file.texts else [])}
    )
    return list(_as_table(results, planted, len(files)))


def _as_table(results: Mapping[str, Result], planted: Mapping[str, int], count: int) -> Iterator[str]:
    yield f"| {count} files, {len({file.person for file in upload()})} people | " + " | ".join(results) + " |"
    yield "| --- |" + " ---: |" * len(results)
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("files written", lambda one: str(one.written)),
        *(
            (f"identifiers left: {place} (of {planted[place]} files)", lambda one, place=place: str(one.left[place]))
            for place in PLACES
        ),
        ("files in which any search finds the person", lambda one: str(one.named)),
        ("attributes lost, of those a trial keeps", lambda one: f"{one.lost} of {one.kept}"),
        ("intervals kept, dates moved", lambda one: _yes(one.intervals)),
        ("references lead to files that are there", lambda one: _yes(one.references)),
        ("files with the method's codes", lambda one: str(one.codes)),
    ]
    for name, value in rows:
        yield f"| {name} | " + " | ".join(value(one) for one in results.values()) + " |"


def _yes(whether: bool) -> str:
    return "yes" if whether else "no"


def main() -> None:
    """Measure, print, and put the tables into the documents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the tables into the documents")
    options = parser.parse_args()
    needed("ojph_compress")  # the planted upload is written by it, too
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, environment() as python:
        folder = Path(name)
        with orthanc(folder / "peer", OverwriteInstances=True) as peer:
            fast = speed(python, peer, folder, options.files, options.rounds)
            clean = leaks(python, peer, folder)
    about = f"{options.files} CT images of 530 kB, {options.rounds} rounds, one core of {machine()}."
    publish("peers-deid", "\n".join([about, "", *fast]), write=options.write)
    versions = ", ".join(f"{tool} {_version(tool)}" for tool in (*PEERS, "Orthanc"))
    document = DOCUMENT.with_name("deidentification.md")
    said = f"As each comes, without options: {versions}."
    publish("peers-leaks", "\n".join([said, "", *clean]), write=options.write, document=document)
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
