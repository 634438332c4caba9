"""What a run of the tests says of each requirement: read from a JUnit report, and bound to it by digests."""

from __future__ import annotations

import enum
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from defusedxml import ElementTree

from compliance import signing
from config.validation.requirements import Requirement
from config.validation.tracing import TracedTest


class Result(enum.StrEnum):
    """How a test came out."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_RUN = "not run"


#: A test with several cases is as good as its worst, but a skipped case beside one that passed is none.
_WORST_FIRST = (Result.FAILED, Result.PASSED, Result.SKIPPED)


@dataclass(frozen=True, slots=True)
class Report:
    """One or more reports of a run: the outcome of each test by path and name, with how many cases it had."""

    results: Mapping[str, Result]
    cases: Mapping[str, int]
    sha256: str

    def of(self, test: TracedTest) -> Result:
        """Return how a test came out."""
        return self.results.get(test.identifier, Result.NOT_RUN)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the traceability matrix: a requirement, its tests with their results, and the digest over those."""

    requirement: Requirement
    tests: tuple[tuple[TracedTest, Result, int], ...]

    @property
    def outcome(self) -> Result:
        """Passed if a test passed and none failed."""
        results = {result for _, result, _ in self.tests}
        return next((result for result in _WORST_FIRST if result in results), Result.NOT_RUN)

    @property
    def counts(self) -> str:
        """How many tests came out how."""
        counted = Counter(result for _, result, _ in self.tests)
        return ", ".join(f"{counted[result]} {result}" for result in Result if counted[result])

    @property
    def evidence(self) -> str:
        """SHA-256 over the names and results of the tests."""
        return signing.digest({test.identifier: [str(result), cases] for test, result, cases in self.tests})


def read(paths: Iterable[Path]) -> Report:
    """Read JUnit reports as pytest writes them; where two speak of a test, the worse word counts."""
    seen: defaultdict[str, Counter[Result]] = defaultdict(Counter)
    digest = hashlib.sha256()
    for path in sorted(paths):
        data = path.read_bytes()
        digest.update(hashlib.sha256(data).digest())
        for case in ElementTree.fromstring(data).iter("testcase"):
            kinds = {child.tag for child in case}
            bad, skipped = kinds & {"failure", "error"}, "skipped" in kinds
            result = Result.FAILED if bad else Result.SKIPPED if skipped else Result.PASSED
            seen[_identifier(case.get("classname", ""), case.get("name", ""))][result] += 1
    results = {name: next(one for one in _WORST_FIRST if counted[one]) for name, counted in seen.items()}
    return Report(results, {name: counted.total() for name, counted in seen.items()}, digest.hexdigest())


def matrix(
    requirements: Iterable[Requirement], tests: Mapping[str, list[TracedTest]], report: Report
) -> tuple[Line, ...]:
    """Return a line for each requirement, in their order."""
    return tuple(
        Line(
            requirement,
            tuple(
                (test, report.of(test), report.cases.get(test.identifier, 0)) for test in tests.get(requirement.id, [])
            ),
        )
        for requirement in requirements
    )


def _identifier(classname: str, name: str) -> str:
    """`tests.room.test_x.TestY` and `test_z[case]` are tests/room/test_x.py::TestY::test_z."""
    parts = classname.split(".")
    classes = [part for part in parts if re.match(r"Test[A-Z]", part)]
    path = "/".join(part for part in parts if part not in classes)
    return "::".join([f"{path}.py", *classes, name.partition("[")[0]])
