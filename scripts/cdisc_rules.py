"""Ask CDISC's open rules engine (CORE) about a package's SDTM, and print what came of every rule.

    python3 scripts/cdisc_rules.py PACKAGE --rules FOLDER [--form json] [--python PROGRAM]

PACKAGE is an endpoint package, the ZIP or its folder. FOLDER is a checkout of CDISC's repository of open rules, or any
folder of rules as YAML or JSON; those for SDTMIG 3.4 are run. The engine wants Python 3.12 and has an environment of
its own, made at the first run; nothing of it touches ours. Exit code 0: rules ran and found nothing. 1: findings.
2: nothing could be asked, or no rule ran, which is no answer.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENGINE = "cdisc-rules-engine==0.17.1"
VARIABLES = ROOT / "fixtures" / "reading" / "sdtm" / "sdtmig_3_4.csv"
MADE_OF = "made-of"
FORMS = ("xpt", "json")
MOST_DETAILS = 5
MOST_LETTERS = 160


class NotAsked(Exception):
    """The engine could not be run; the text says what is missing."""


def rules_in(folder: Path) -> list[str]:
    """Return the files of rules: of a checkout those that are published."""
    published = folder / "Published"
    found = published.glob("*/rule.yml") if published.is_dir() else folder.glob("*")
    files = sorted(str(file) for file in found if file.suffix in (".yml", ".yaml", ".json"))
    if not files:
        raise NotAsked(f"{folder} has no rules.")
    return files


def environment(folder: Path, program: str) -> Path:
    """Return the Python of the engine's environment, which is made where it is not there or of another engine."""
    python, mark = folder / "bin" / "python", folder / MADE_OF
    if python.exists() and mark.exists() and mark.read_text() == ENGINE:
        return python
    for command in (
        [program, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ENGINE],
    ):
        try:
            done = subprocess.run(command, check=False)
        except FileNotFoundError:
            raise NotAsked(f"There is no {program} here; name one with --python.") from None
        if done.returncode:
            raise NotAsked("The engine's environment could not be made; what failed stands above.")
    mark.write_text(ENGINE)
    return python


def unpacked(package: Path, form: str, beside: Path) -> Path:
    """Return the folder `sdtm` of a package; of a ZIP its members are written beside, by their own names alone."""
    found = package / "sdtm" if package.is_dir() else beside / "sdtm"
    if not package.is_dir():
        (found / form).mkdir(parents=True)
        try:
            with zipfile.ZipFile(package) as archive:
                for name in archive.namelist():
                    last = name.rpartition("/")[2]
                    if name == "sdtm/define.xml":
                        (found / last).write_bytes(archive.read(name))
                    elif name == f"sdtm/{form}/{last}" and last.endswith(f".{form}"):
                        (found / form / last).write_bytes(archive.read(name))
        except (OSError, zipfile.BadZipFile):
            raise NotAsked(f"{package} is no package: neither a ZIP nor a folder.") from None
    if not any((found / form).glob(f"*.{form}")) or not (found / "define.xml").exists():
        raise NotAsked(f"{package} has no SDTM.")
    return found.resolve()


def asked(python: Path, sdtm: Path, form: str, rules: list[str], beside: Path) -> list[dict[str, Any]]:
    """Run the engine on a folder of SDTM and return what it said of each rule."""
    order, report = beside / "order.json", beside / "report.json"
    given = {"rules": rules, "datasets": str(sdtm / form), "define": str(sdtm / "define.xml")}
    order.write_text(json.dumps({**given, "variables": str(VARIABLES), "report": str(report)}), encoding="utf-8")
    done = subprocess.run([str(python), str(ROOT / "scripts" / "cdisc_engine.py"), str(order)], check=False)
    if done.returncode or not report.exists():
        raise NotAsked(f"The engine ended with {done.returncode} and wrote no report; what it said stands above.")
    told: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
    return told


def outcome(answer: dict[str, Any]) -> str:
    """Return in one word what came of a rule."""
    seen = {one["status"] for one in answer["datasets"]}
    if "issue reported" in seen:
        return "FINDINGS"
    if answer["crash"] or "execution error" in seen:
        return "error"
    return "passed" if "success" in seen else "skipped"


def reason(answer: dict[str, Any]) -> str:
    """Return why a rule did not run, in the engine's words."""
    if answer["crash"]:
        return str(answer["crash"])
    said = {
        f"{error.get('error')}: {error.get('message')}"
        for one in answer["datasets"]
        if one["status"] in ("skipped", "execution error")
        for error in one["errors"]
        if error.get("error") != "Outside scope"
    }
    return "; ".join(sorted(said))[:MOST_LETTERS] or "for other domains"


def told(report: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return a report as lines, and the exit code that it means."""
    lines: list[str] = []
    counted: collections.Counter[str] = collections.Counter()
    for answer in report:
        word = outcome(answer)
        counted[word] += 1
        why = f"  {reason(answer)}" if word in ("skipped", "error") else ""
        lines.append(f"{answer['rule']} {word}{why}")
        for one in answer["datasets"] if word == "FINDINGS" else ():
            if one["status"] == "issue reported":
                lines.append(f"    {one['dataset']}: {one['count']} × {one['message']}")
                lines += [
                    f"        record {error.get('row', '')} {error.get('value', '')}"
                    for error in one["errors"][:MOST_DETAILS]
                ]
    lines.append(
        f"{len(report)} rules: {counted['passed']} passed, {counted['FINDINGS']} with findings, "
        f"{counted['skipped']} skipped by the engine, {counted['error']} that it could not run."
    )
    if not counted["passed"] + counted["FINDINGS"]:
        return [*lines, "No rule ran, so nothing is known."], 2
    return lines, 1 if counted["FINDINGS"] else 0


def main(arguments: list[str]) -> int:
    """Run from a shell."""
    said = argparse.ArgumentParser(description="Ask CDISC's open rules engine about a package's SDTM.")
    said.add_argument("package", type=Path)
    said.add_argument(
        "--rules", type=Path, required=True, help="a checkout of CDISC's open rules, or a folder of rules"
    )
    said.add_argument("--form", choices=FORMS, default="xpt", help="transport files, or Dataset-JSON")
    said.add_argument("--python", default="python3.12", help="the Python from which its environment is made")
    said.add_argument("--environment", type=Path, default=ROOT / "build" / "cdisc-rules", help="where that is")
    given = said.parse_args(arguments)
    try:
        rules = rules_in(given.rules.resolve())
        with tempfile.TemporaryDirectory() as beside:
            sdtm = unpacked(given.package, given.form, Path(beside))
            python = environment(given.environment.absolute(), given.python)
            lines, code = told(asked(python, sdtm, given.form, rules, Path(beside)))
    except NotAsked as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
