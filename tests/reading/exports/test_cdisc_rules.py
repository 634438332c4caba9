"""The script that asks CDISC's rules engine: what it hands to the engine, and how it tells of what that said.

The engine itself is in no environment of ours; here it is played (docs/cdisc-rules.md says what the true one said).
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from reading.exports.sdtm_files import sdtm_files
from tests.reading.exports.sample import locked_trial

pytestmark = [pytest.mark.one_database, pytest.mark.requirement("REQ-LOC-008")]

SCRIPT = Path(settings.ROOT) / "scripts" / "cdisc_rules.py"
PLAYED = """#!{python}
import json, pathlib, sys
assert pathlib.Path(sys.argv[1]).name == "cdisc_engine.py"
order = json.loads(pathlib.Path(sys.argv[2]).read_text())
datasets = pathlib.Path(order["datasets"])
assert len(list(datasets.glob("rs." + datasets.name))) == 1 and len(list(datasets.iterdir())) > 5
assert pathlib.Path(order["define"]).read_bytes().startswith(b"<?xml")
assert "TULOBXFL" in pathlib.Path(order["variables"]).read_text()
answers = [answer for rule in order["rules"] for answer in json.loads(pathlib.Path(rule).read_text())]
pathlib.Path(order["report"]).write_text(json.dumps(answers))
"""
OUTSIDE = {"dataset": "TU", "status": "skipped", "message": "", "count": 0, "errors": [{"error": "Outside scope"}]}
NO_COLUMN = {**OUTSIDE, "errors": [{"error": "Column not found in data", "message": "TUBLFL"}]}
FINE = {**OUTSIDE, "status": "success", "errors": []}
FOUND = {
    "dataset": "DM", "status": "issue reported", "message": "SEX is missing.", "count": 2,
    "errors": [{"row": 1, "value": {"SEX": None}}],
}  # fmt: skip


def answer(rule: str, *datasets: dict, crash: str = "") -> dict:
    return {"rule": rule, "executability": "", "crash": crash, "datasets": list(datasets)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A package as ZIP and as folder, and the environment of a played engine."""
    place = tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(place / "package.zip", "w") as archive:
        for name, data in (*sdtm_files(locked_trial(1)), ("report.pdf", b"%PDF")):
            archive.writestr(name, data)
            (place / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "folder" / name).write_bytes(data)
    (place / "made" / "bin").mkdir(parents=True)
    python = place / "made" / "bin" / "python"
    python.write_text(PLAYED.format(python=sys.executable))
    python.chmod(0o755)
    (place / "made" / "made-of").write_text("cdisc-rules-engine==0.17.1")
    return place


def run(packages: Path, rules: Path, *more: str, package: str = "package.zip") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), package, "--rules", str(rules), *("--environment", "made"), *more]
    return subprocess.run(command, cwd=packages, capture_output=True, text=True)


def folder(place: Path, *answers: dict) -> Path:
    (place / "one.json").write_text(json.dumps(answers))
    return place


@pytest.mark.parametrize("package", ["package.zip", "folder"])
@pytest.mark.parametrize("form", ["xpt", "json"])
def test_every_rule_is_told_with_what_came_of_it(packages, tmp_path, package, form):
    rules = folder(
        tmp_path,
        answer("CORE-1", FINE, OUTSIDE),
        answer("CORE-2", FOUND, FINE),
        answer("CORE-3", NO_COLUMN, OUTSIDE),
        answer("CORE-4", OUTSIDE),
        answer("CORE-5", crash="KeyError: 'x'"),
    )
    done = run(packages, rules, "--form", form, package=package)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "CORE-1 passed",
        "CORE-2 FINDINGS",
        "    DM: 2 × SEX is missing.",
        "        record 1 {'SEX': None}",
        "CORE-3 skipped  Column not found in data: TUBLFL",
        "CORE-4 skipped  for other domains",
        "CORE-5 error  KeyError: 'x'",
        "5 rules: 1 passed, 1 with findings, 2 skipped by the engine, 1 that it could not run.",
    ]


def test_rules_that_find_nothing_end_with_zero_and_rules_that_do_not_run_do_not(packages, tmp_path):
    assert run(packages, folder(tmp_path, answer("CORE-1", FINE))).returncode == 0
    without = run(packages, folder(tmp_path, answer("CORE-1", OUTSIDE)))
    assert (without.returncode, without.stdout.splitlines()[-1]) == (2, "No rule ran, so nothing is known.")


def test_of_a_checkout_the_published_rules_are_run_and_no_test_data(packages, tmp_path):
    for place, made in {"Published/CORE-1": "CORE-1", "Unpublished/CORE-2": "CORE-2"}.items():
        (tmp_path / place / "negative").mkdir(parents=True)
        (tmp_path / place / "rule.yml").write_text(json.dumps([answer(made, FINE)]))
        (tmp_path / place / "negative" / "results.json").write_text("no rule")
    assert run(packages, tmp_path).stdout.splitlines()[0] == "CORE-1 passed"
    assert "1 rules" in run(packages, tmp_path).stdout


def test_what_is_missing_is_said(packages, tmp_path):
    rules = folder(tmp_path, answer("CORE-1", FINE))
    (tmp_path / "empty").mkdir()
    cases = {
        "has no SDTM": run(packages, rules, package="made"),
        "neither a ZIP nor a folder": run(packages, rules, package="made/made-of"),
        "has no rules": run(packages, tmp_path / "empty"),
        "There is no no-such-python here": run(
            packages, rules, "--python", "no-such-python", "--environment", str(tmp_path / "none")
        ),
    }
    for said, done in cases.items():
        assert (done.returncode, said in done.stderr) == (2, True), done
