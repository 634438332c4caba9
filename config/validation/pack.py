"""The validation pack of a release: requirements, risks, traceability, IQ, OQ, PQ template, materials, summary."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from compliance import printing
from compliance.errors import HouseError
from compliance.exporting import code_version, readable
from config.validation import materials, requirements, results, tracing
from config.validation.performing import SCENARIOS
from config.validation.records import CODE
from config.validation.results import Line, Report, Result

MANIFEST = "SHA256SUMS"
#: The papers by their file's name: template, title, and what each is about.
_PAPERS = {
    "validation-summary": (
        "summary",
        "Validation summary",
        "What was required, what was tested, what came of it, and what is known to be open",
    ),
    "traceability-and-risks": (
        "matrix",
        "Traceability and risks",
        "Each requirement, its risk, the tests that show it, and what came of them",
    ),
    "pq-template": (
        "pq",
        "Performance qualification",
        "Template: scenarios that the users of an installation run by their own charter, before the first subject",
    ),
}


class NotAPack(HouseError):
    """The folder for the pack holds something else, which is not removed."""

    code = "not_a_pack"
    status = 409


@dataclass(frozen=True, slots=True)
class Pack:
    """What was built, and what stands against it."""

    folder: Path
    lines: tuple[Line, ...]
    bare: tuple[str, ...]

    @property
    def open(self) -> list[Line]:
        """The requirements without a passing test, or with one that failed."""
        return [line for line in self.lines if line.outcome is not Result.PASSED]


def traced_files(root: Path) -> list[str]:
    """Return the files with tests that carry a requirement: what a run for the pack runs."""
    return sorted({test.path for test in tracing.tests_below(root) if test.requirements})


def build(root: Path, folder: Path, reports: Sequence[Path], records: Path | None, *, at: dt.datetime) -> Pack:
    """Write the pack into a folder, which is emptied of an earlier one.

    Parameters
    ----------
    reports
        JUnit reports of the run; kept in the pack.
    records
        Folder with the records of IQ and OQ of an installation; the newest of each is taken in.

    Raises
    ------
    NotAPack
        The folder holds something else.
    compliance.printing.PrintNotPossible
        Pango is missing on this machine.
    """
    release = dict(code_version(CODE))
    subjects, tests = requirements.subjects(root), tracing.tests_below(root)
    report = results.read(reports)
    lines = results.matrix(requirements.each(subjects), tracing.by_requirement(tests), report)
    bare = tuple(tracing.without_requirement(tests, requirements.regulated(root)))
    made = Pack(folder, lines, bare)
    kept = {f"test-reports/{path.name}": path.read_bytes() for path in reports}
    for name in ("IQ", "OQ"):
        kept |= _newest(records, name)
    files = {
        **kept,
        "requirements.json": readable({"subjects": [_subject(subject) for subject in subjects]}),
        "traceability.csv": _table(_matrix_rows(lines)),
        "traceability.json": readable({"report_sha256": report.sha256, "lines": [_line(line) for line in lines]}),
        "risks.csv": _table(_risk_rows(lines)),
        "sbom.cdx.json": readable(materials.bill(root, release)),
        "release-notes.md": (root / "CHANGELOG.md").read_bytes(),
        "known-issues.md": (root / "docs" / "known-issues.md").read_bytes(),
        "part11.md": (root / "docs" / "part11.md").read_bytes(),
    }
    said = _context(made, subjects, report, release, kept, root, at)
    for name, (template, paper, about) in _PAPERS.items():
        html = render_to_string(f"validation/{template}.html", {**said, "paper": paper, "about": about})
        files[f"{name}.pdf"] = printing.pdf(html, hashlib.sha256(html.encode()).digest()[:16])
    _write(folder, files)
    return made


def _write(folder: Path, files: dict[str, bytes]) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MANIFEST).is_file():
            raise NotAPack(f"{folder} holds something else than an earlier pack. Name another folder.")
        shutil.rmtree(folder)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    (folder / MANIFEST).write_text(sums, "utf-8")


def _newest(records: Path | None, kind: str) -> dict[str, bytes]:
    found = sorted(records.glob(f"{kind.lower()}-*.json")) if records else []
    if not found:
        return {}
    paths = [path for path in (found[-1], found[-1].with_suffix(".pdf")) if path.exists()]
    return {f"{kind.lower()}/{path.name}": path.read_bytes() for path in paths}


def _context(
    made: Pack,
    subjects: tuple[requirements.Subject, ...],
    report: Report,
    release: dict[str, str],
    kept: dict[str, bytes],
    root: Path,
    at: dt.datetime,
) -> dict[str, Any]:
    lines = {line.requirement.id: line for line in made.lines}
    return {
        "release": release,
        "at": at,
        "report": report,
        "outcomes": Counter(str(result) for result in report.results.values()),
        "subjects": [_with_lines(subject, lines) for subject in subjects],
        "ranks": [(rank, *_ranked(made.lines, rank)) for rank in ("high", "medium", "low")],
        "total": len(made.lines),
        "passed": len(made.lines) - len(made.open),
        "open": made.open,
        "bare": made.bare,
        "records": {kind: _verdict(kept, kind) for kind in ("iq", "oq")},
        "known": _items(root / "docs" / "known-issues.md"),
        "notes": _items(root / "CHANGELOG.md"),
        "scenarios": SCENARIOS,
    }


def _with_lines(
    subject: requirements.Subject, lines: Mapping[str, Line]
) -> tuple[requirements.Subject, list[Line], int]:
    """Return a subject with its lines of the matrix, and how many of them passed."""
    own = [lines[one.id] for one in subject.requirements]
    return subject, own, sum(line.outcome is Result.PASSED for line in own)


def _ranked(lines: Sequence[Line], rank: str) -> tuple[int, int]:
    those = [line for line in lines if line.requirement.rank == rank]
    return len(those), sum(line.outcome is Result.PASSED for line in those)


def _verdict(kept: dict[str, bytes], kind: str) -> dict[str, Any] | None:
    """Return what a record of the pack says of itself."""
    for name, data in kept.items():
        if name.startswith(f"{kind}/") and name.endswith(".json"):
            return {**json.loads(data), "name": name, "sha256": hashlib.sha256(data).hexdigest()}
    return None


def _items(path: Path) -> list[str]:
    """Return the list under the first second-level heading of a page, an entry in one line each."""
    text = path.read_text("utf-8").partition("\n## ")[2].partition("\n## ")[0]
    entries = ("\n" + text).split("\n- ")[1:]
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(entry.split())).replace("`", "") for entry in entries]


def _subject(subject: requirements.Subject) -> dict[str, Any]:
    return {
        "subject": subject.title,
        "about": subject.about,
        "requirements": [
            {
                "id": one.id,
                "text": one.text,
                "source": list(one.source),
                "harms": one.harms,
                "severity": one.severity,
                "likelihood": one.likelihood,
                "risk": one.rank,
                "control": one.control,
            }
            for one in subject.requirements
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "requirement": line.requirement.id,
        "outcome": str(line.outcome),
        "evidence_sha256": line.evidence,
        "tests": [
            {"test": test.identifier, "result": str(result), "cases": cases} for test, result, cases in line.tests
        ],
    }


def _matrix_rows(lines: Sequence[Line]) -> list[list[object]]:
    rows: list[list[object]] = [
        ["requirement", "subject", "text", "source", "risk", "test", "cases", "result", "evidence_sha256"]
    ]
    for line in lines:
        one = line.requirement
        said = [one.id, one.subject, one.text, "; ".join(one.source), one.rank]
        rows += [[*said, test.identifier, cases, result, line.evidence] for test, result, cases in line.tests]
    return rows


def _risk_rows(lines: Sequence[Line]) -> list[list[object]]:
    rows: list[list[object]] = [
        ["requirement", "harms", "severity", "likelihood", "risk", "rank", "control", "tests", "outcome"]
    ]
    for line in sorted(lines, key=lambda line: -line.requirement.risk):
        one = line.requirement
        rows.append(
            [
                one.id,
                one.harms,
                one.severity,
                one.likelihood,
                one.risk,
                one.rank,
                one.control,
                len(line.tests),
                line.outcome,
            ]
        )
    return rows


def _table(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
