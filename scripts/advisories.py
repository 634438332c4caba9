"""Ask the services of security advisories about every pinned package: of Python by pip-audit, of the viewer by npm.

    python3 scripts/advisories.py [--pip-audit PROGRAM] [--npm PROGRAM]

pip-audit has an environment of its own, made at the first run. Exit code 1: there are findings (of Python any, of npm
those that are high or critical). 0: there are none, or a service could not be asked, which is said plainly and is no
answer: a build must not fail because somebody else's service is away.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = "pip-audit==2.10.1"
LOCKS = ("bootstrap", "runtime", "dev")
SERVICES = ("pypi", "osv")
GRAVE = ("high", "critical")
PATIENCE = 90
MOST_LETTERS = 160


@dataclass
class Answer:
    """What came of asking: of how many packages, what was found, and why there is no answer of the rest."""

    asked: int = 0
    findings: list[str] = field(default_factory=list)
    lesser: list[str] = field(default_factory=list)
    silence: str = ""


def run(command: list[str], at: Path) -> tuple[str, str]:
    """Return what a program printed, and what it said beside; nothing, and why, where it cannot run."""
    surroundings = {**os.environ, "PATH": os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")))}
    try:
        done = subprocess.run(
            command, cwd=at, env=surroundings, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
        )
    except FileNotFoundError:
        return "", f"There is no {command[0]} here."
    except subprocess.TimeoutExpired:
        return "", f"No answer within {PATIENCE} seconds."
    return done.stdout, done.stderr


def read(text: str) -> dict[str, Any]:
    """Return a report, or nothing where a program wrote none."""
    try:
        made = json.loads(text)
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


def last_line(text: str) -> str:
    """Return the last line of what a program said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:MOST_LETTERS] if lines else "It said nothing."


def pip_audit(folder: Path) -> tuple[str, str]:
    """Return pip-audit's program in its own environment, or why there is none."""
    program = folder / "bin" / "pip-audit"
    if not program.exists():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", PIP_AUDIT],
        ):
            _, said = run(command, ROOT)
        if not program.exists():
            return "", f"pip-audit could not be installed: {last_line(said)}"
    return str(program), ""


def of_python(program: str) -> Answer:
    """Ask about the packages of the lock files, of each service in turn until one answers."""
    command = [program, "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    for lock in LOCKS:
        command += ["--requirement", str(ROOT / "requirements" / f"{lock}.txt")]
    silences = []
    for service in SERVICES:
        printed, said = run([*command, "--vulnerability-service", service], ROOT)
        told = read(printed).get("dependencies", [])
        skipped = [one for one in told if one.get("skip_reason")]
        answer = Answer(asked=len(told) - len(skipped))
        if answer.asked:
            answer.findings = [
                f"{one['name']} {one['version']}: {' '.join([found['id'], *found.get('aliases', [])])}, "
                f"mended in {', '.join(found.get('fix_versions', [])) or 'no release'}"
                for one in told
                for found in one.get("vulns", [])
            ]
            answer.silence = f"of {len(skipped)} packages: {skipped[0]['skip_reason']}" if skipped else ""
            return answer
        silences.append(f"{service}: {str(skipped[0]['skip_reason'])[:MOST_LETTERS] if skipped else last_line(said)}")
    return Answer(silence="; ".join(silences))


def of_npm(program: str) -> Answer:
    """Ask about the packages of the viewer's lock file."""
    printed, said = run([program, "audit", "--package-lock-only", "--json"], ROOT / "frontend")
    told = read(printed)
    if "vulnerabilities" not in told:
        why = told.get("message") or (told.get("error") or {}).get("summary") or last_line(said)
        return Answer(silence=str(why)[:MOST_LETTERS])
    answer = Answer(asked=told.get("metadata", {}).get("dependencies", {}).get("total", 1))
    for name, found in sorted(told["vulnerabilities"].items()):
        titles = [via["title"] for via in found.get("via", []) if isinstance(via, dict)]
        line = f"{name} {found.get('range', '')}: {found['severity']}, {'; '.join(titles) or 'by what it needs'}"
        (answer.findings if found["severity"] in GRAVE else answer.lesser).append(line)
    return answer


def told(what: str, answer: Answer) -> list[str]:
    """Return an answer as lines."""
    lines = [f"{what}: FOUND  {line}" for line in answer.findings]
    lines += [f"{what}: lesser  {line}" for line in answer.lesser]
    if answer.asked:
        lines.append(f"{what}: {answer.asked} packages asked about, {len(answer.findings)} findings.")
    if answer.silence:
        lines.append(f"{what}: NOT ASKED  {answer.silence}")
    return lines


def main(arguments: list[str]) -> int:
    """Run from a shell."""
    said = argparse.ArgumentParser(description="Ask the services of security advisories about every pinned package.")
    said.add_argument("--pip-audit", default="", help="the program; without it one is installed in build/")
    said.add_argument("--npm", default="npm", help="the program")
    given = said.parse_args(arguments)
    program, missing = (given.pip_audit, "") if given.pip_audit else pip_audit(ROOT / "build" / "pip-audit")
    answers = {
        "Python": of_python(program) if program else Answer(silence=missing),
        "npm": of_npm(given.npm),
    }
    for what, answer in answers.items():
        sys.stdout.write("\n".join(told(what, answer)) + "\n")
    return 1 if any(answer.findings for answer in answers.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
