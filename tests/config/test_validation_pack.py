"""The validation pack: each requirement is followed to its tests and their results, and what is open fails it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from compliance import printing
from config.validation import materials, pack, requirements, results, tracing
from config.validation.results import Result
from tests.factories.world import AT

pytestmark = pytest.mark.requirement("REQ-OPS-003")

ROOT = Path(settings.ROOT)

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.room.test_a" name="test_one[x-1]" time="0.1"/>
<testcase classname="tests.room.test_a" name="test_one[y]"><skipped type="pytest.skip"/></testcase>
<testcase classname="tests.room.test_a.TestSome" name="test_two"><failure message="no">no</failure></testcase>
<testcase classname="tests.room.test_a.TestSome" name="test_three"><skipped type="pytest.skip"/></testcase>
<testcase classname="tests.room.test_a" name="test_four"/>
<testcase classname="tests.room.test_a" name="test_four"><error message="teardown"/></testcase>
</testsuite></testsuites>
"""


def requirement(identifier: str) -> requirements.Requirement:
    return requirements.Requirement(identifier, "S", "T", ("21 CFR 11.10(a)",), "data", 3, 3, "C")


def test_a_report_says_of_each_test_how_it_came_out(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(REPORT)
    report = results.read([path])
    assert dict(report.results) == {
        "tests/room/test_a.py::test_one": Result.PASSED,
        "tests/room/test_a.py::TestSome::test_two": Result.FAILED,
        "tests/room/test_a.py::TestSome::test_three": Result.SKIPPED,
        "tests/room/test_a.py::test_four": Result.FAILED,
    }
    assert report.cases["tests/room/test_a.py::test_one"] == 2
    assert report.of(tracing.TracedTest("tests/room/test_b.py", "test_x", ())) is Result.NOT_RUN


@pytest.mark.parametrize(
    ("came_out", "outcome"),
    [
        ([Result.PASSED, Result.PASSED], Result.PASSED),
        ([Result.PASSED, Result.SKIPPED, Result.NOT_RUN], Result.PASSED),
        ([Result.PASSED, Result.FAILED], Result.FAILED),
        ([Result.SKIPPED, Result.NOT_RUN], Result.SKIPPED),
        ([Result.NOT_RUN], Result.NOT_RUN),
        ([], Result.NOT_RUN),
    ],
)
def test_a_requirement_is_met_if_a_test_passed_and_none_failed(came_out: list[Result], outcome: Result) -> None:
    tests = [tracing.TracedTest("tests/test_a.py", f"test_{number}", ()) for number in range(len(came_out))]
    report = results.Report({test.identifier: one for test, one in zip(tests, came_out, strict=True)}, {}, "")
    (line,) = results.matrix([requirement("REQ-AA-001")], {"REQ-AA-001": tests}, report)
    assert line.outcome is outcome


def test_the_evidence_of_a_requirement_follows_its_results_and_nothing_else() -> None:
    test = tracing.TracedTest("tests/test_a.py", "test_x", ())

    def evidence(result: Result) -> str:
        report = results.Report({test.identifier: result}, {test.identifier: 1}, "any")
        return results.matrix([requirement("REQ-AA-001")], {"REQ-AA-001": [test]}, report)[0].evidence

    assert evidence(Result.PASSED) == evidence(Result.PASSED)
    assert evidence(Result.PASSED) != evidence(Result.FAILED)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Pages as they go to the printer, by their titles."""
    seen: dict[str, str] = {}

    def keep(html: str, identifier: bytes) -> bytes:
        seen[html.partition("<title>")[2].partition(" ·")[0]] = html
        return b"%PDF " + identifier

    monkeypatch.setattr(printing, "pdf", keep)
    return seen


def report_of(tmp_path: Path, *, but: str = "") -> Path:
    """A report in which every traced test passed, but one."""
    cases = []
    for test in tracing.tests_below(ROOT):
        names = test.name.split("::")
        classname = ".".join([test.path.removesuffix(".py").replace("/", "."), *names[:-1]])
        inside = "<failure/>" if test.identifier == but else ""
        cases.append(f'<testcase classname="{classname}" name="{names[-1]}">{inside}</testcase>')
    path = tmp_path / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def test_the_pack_holds_what_is_promised_under_its_digests(tmp_path: Path, plain: dict[str, str]) -> None:
    records = tmp_path / "records"
    records.mkdir()
    for name in ("iq-20260101T000000", "iq-20260301T000000"):
        (records / f"{name}.json").write_text(json.dumps({"passed": True, "name": name}))
    folder = tmp_path / "pack"
    made = pack.build(ROOT, folder, [report_of(tmp_path)], records, at=AT)

    assert (made.open, made.bare) == ([], ())
    sums = dict(line.split("  ")[::-1] for line in (folder / pack.MANIFEST).read_text().splitlines())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {pack.MANIFEST}
    assert set(sums) == files
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in sums.items())
    assert files >= {
        *("requirements.json", "traceability.csv", "traceability.json", "risks.csv", "sbom.cdx.json"),
        *("release-notes.md", "known-issues.md", "part11.md", "test-reports/report.xml", "iq/iq-20260301T000000.json"),
        *("validation-summary.pdf", "traceability-and-risks.pdf", "pq-template.pdf"),
    }
    rows = list(csv.DictReader(io.StringIO((folder / "traceability.csv").read_text())))
    wanted = {one.id for one in requirements.each(requirements.subjects(ROOT))}
    assert {row["requirement"] for row in rows} == wanted
    assert {row["result"] for row in rows} == {"passed"}
    assert set(plain) == {"Validation summary", "Traceability and risks", "Performance qualification"}
    assert all(identifier in plain["Traceability and risks"] for identifier in wanted)
    assert "iq/iq-20260301T000000.json, passed" in plain["Validation summary"]


@pytest.mark.usefixtures("plain")
def test_a_test_that_failed_is_named_and_fails_the_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = "tests/config/test_validation_pack.py::test_a_test_that_failed_is_named_and_fails_the_pack"
    options = {"output": str(tmp_path / "pack"), "records": str(tmp_path / "none")}
    with pytest.raises(CommandError, match="what is open"):
        call_command("validation_pack", report=[str(report_of(tmp_path, but=bad))], **options)
    assert f"REQ-OPS-003 failed: {bad}" in capsys.readouterr().out
    (row,) = [
        line
        for line in json.loads((tmp_path / "pack" / "traceability.json").read_text())["lines"]
        if line["requirement"] == "REQ-OPS-003"
    ]
    assert row["outcome"] == "failed"


@pytest.mark.usefixtures("plain")
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(pack.NotAPack):
        pack.build(ROOT, tmp_path / "mine", [report_of(tmp_path)], None, at=AT)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_without_a_report_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Name the report"):
        call_command("validation_pack", output=str(tmp_path / "pack"))
    assert not (tmp_path / "pack").exists()


def test_the_bill_of_materials_names_what_is_locked_and_is_the_same_each_time() -> None:
    release = {"name": "parallax-core-lab", "version": "0", "sources_sha256": "00"}
    bill = materials.bill(ROOT, release)
    assert bill == materials.bill(ROOT, release)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    purls = {part["purl"].partition("@")[0]: part for part in bill["components"] if "npm/%40" not in part["purl"]}
    assert {"pkg:pypi/django", "pkg:pypi/pydicom", "pkg:npm/htmx.org"} <= set(purls)
    assert purls["pkg:pypi/django"]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    viewer = [part for part in bill["components"] if part["name"] == "@cornerstonejs/core"]
    assert len(viewer[0]["hashes"][0]["content"]) == 128
    assert len({part["bom-ref"] for part in bill["components"]}) == len(bill["components"])
