"""The script that asks about advisories: findings fail, and a service that is away is said and does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.one_database

SCRIPT = Path(settings.ROOT) / "scripts" / "advisories.py"
UNKNOWN = {"dependencies": [{"name": "django", "skip_reason": "Dependency not found on PyPI"}]}
FINE = {"dependencies": [{"name": "django", "version": "5.2.19", "vulns": []}]}
FOUND = {
    "dependencies": [
        {
            "name": "django",
            "version": "5.2.1",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["5.2.2"]}],
        },
        {"name": "ours", "skip_reason": "not found"},
    ]
}
AWAY = {"message": "405 Method Not Allowed", "error": {"summary": "", "detail": ""}}
CLEAN = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 139}}}


def vulnerable(severity: str) -> dict:
    found = {"severity": severity, "range": "<0.6.0", "via": [{"title": "Denial of service"}]}
    return {"vulnerabilities": {"adm-zip": found, "dcmjs": {**found, "via": ["adm-zip"]}}, "metadata": {}}


def played(place: Path, name: str, answers: dict | str) -> str:
    """A program that prints a report, by the service that it is asked to ask; or a text on the other stream."""
    program = place / name
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nanswers = json.loads({json.dumps(json.dumps(answers))})\n"
        "if isinstance(answers, str): sys.exit(answers)\n"
        "print(json.dumps(answers.get(sys.argv[-1], answers)))\n"
    )
    program.chmod(0o755)
    return str(program)


def run(place: Path, python: dict | str, npm: dict | str) -> tuple[int, list[str]]:
    command = [sys.executable, str(SCRIPT)]
    command += ["--pip-audit", played(place, "pip-audit", python), "--npm", played(place, "npm", npm)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def test_services_that_find_nothing_end_with_zero(tmp_path):
    assert run(tmp_path, FINE, CLEAN) == (
        0,
        ["Python: 1 packages asked about, 0 findings.", "npm: 139 packages asked about, 0 findings."],
    )


def test_findings_fail_and_name_the_package_and_the_release_that_mends_it(tmp_path):
    code, lines = run(tmp_path, FOUND, vulnerable("high"))
    assert code == 1
    assert lines == [
        "Python: FOUND  django 5.2.1: PYSEC-1 CVE-1, mended in 5.2.2",
        "Python: 1 packages asked about, 1 findings.",
        "Python: NOT ASKED  of 1 packages: not found",
        "npm: FOUND  adm-zip <0.6.0: high, Denial of service",
        "npm: FOUND  dcmjs <0.6.0: high, by what it needs",
        "npm: 1 packages asked about, 2 findings.",
    ]


def test_of_npm_what_is_not_high_is_told_and_does_not_fail(tmp_path):
    code, lines = run(tmp_path, FINE, vulnerable("moderate"))
    assert (code, lines[1]) == (0, "npm: lesser  adm-zip <0.6.0: moderate, Denial of service")


def test_a_service_that_is_away_is_said_and_does_not_fail(tmp_path):
    code, lines = run(tmp_path, {"pypi": UNKNOWN, "osv": {}}, AWAY)
    assert code == 0
    assert lines == [
        "Python: NOT ASKED  pypi: Dependency not found on PyPI; osv: It said nothing.",
        "npm: NOT ASKED  405 Method Not Allowed",
    ]


def test_where_one_service_does_not_answer_the_next_is_asked(tmp_path):
    assert run(tmp_path, {"pypi": UNKNOWN, "osv": FOUND}, CLEAN)[0] == 1


def test_a_program_that_breaks_or_is_not_there_is_no_finding(tmp_path):
    code, lines = run(tmp_path, "The name of the service cannot be resolved.", "offline")
    assert (code, lines[1]) == (0, "npm: NOT ASKED  offline")
    assert lines[0].count("The name of the service cannot be resolved.") == 2
    missing = [sys.executable, str(SCRIPT), "--pip-audit", "no-pip-audit", "--npm", "no-npm"]
    done = subprocess.run(missing, capture_output=True, text=True)
    assert (done.returncode, "There is no no-npm here." in done.stdout) == (0, True)
