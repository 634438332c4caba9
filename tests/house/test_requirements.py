"""Each requirement has its test, each regulated test its requirement, and neither names what there is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from config.validation import requirements, tracing

ROOT = Path(settings.ROOT)


@pytest.fixture(scope="module")
def wanted() -> set[str]:
    return {requirement.id for requirement in requirements.each(requirements.subjects(ROOT))}


@pytest.fixture(scope="module")
def tests() -> list[tracing.TracedTest]:
    return tracing.tests_below(ROOT)


def test_every_requirement_that_a_test_names_is_written_down(wanted: set[str], tests: list[tracing.TracedTest]) -> None:
    unknown = {test.identifier: sorted(set(test.requirements) - wanted) for test in tests}
    assert {test: ids for test, ids in unknown.items() if ids} == {}


def test_every_requirement_has_a_test(wanted: set[str], tests: list[tracing.TracedTest]) -> None:
    assert sorted(wanted - set(tracing.by_requirement(tests))) == []


def test_every_regulated_test_carries_a_requirement(tests: list[tracing.TracedTest]) -> None:
    assert tracing.without_requirement(tests, requirements.regulated(ROOT)) == []


def test_what_is_said_to_be_regulated_is_there() -> None:
    said = requirements.regulated(ROOT)
    assert [path for path in said if not (ROOT / path).exists()] == []
    assert len(set(said)) == len(said)


def test_what_carries_no_requirement_among_the_regulated_is_named(tmp_path: Path) -> None:
    module = tmp_path / "tests" / "room" / "test_a.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "import pytest\n"
        "def test_bare(): ...\n"
        '@pytest.mark.requirement("REQ-AA-001", "REQ-AA-002")\n'
        "def test_marked(): ...\n"
        '@pytest.mark.requirement("REQ-AA-003")\n'
        "class TestSeveral:\n"
        "    def test_inner(self): ...\n"
    )
    (module.parent / "test_b.py").write_text(
        "import pytest\n"
        'pytestmark = [pytest.mark.slow, pytest.mark.requirement("REQ-AA-004")]\n'
        "def test_by_its_module(): ...\n"
        '@pytest.mark.requirement("REQ-AA-005")\n'
        "def test_by_itself(): ...\n"
    )
    found = tracing.tests_below(tmp_path)
    assert {test.identifier: test.requirements for test in found} == {
        "tests/room/test_a.py::test_bare": (),
        "tests/room/test_a.py::test_marked": ("REQ-AA-001", "REQ-AA-002"),
        "tests/room/test_a.py::TestSeveral::test_inner": ("REQ-AA-003",),
        "tests/room/test_b.py::test_by_its_module": ("REQ-AA-004",),
        "tests/room/test_b.py::test_by_itself": ("REQ-AA-005",),
    }
    for regulated in ("tests/room", "tests/room/test_a.py"):
        assert tracing.without_requirement(found, [regulated]) == ["tests/room/test_a.py::test_bare"]
    assert tracing.without_requirement(found, ["tests/roo", "tests/room/test_b.py"]) == []


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{id: REQ-AA-001}", "lacks 'risk'"),
        ("{id: AA-1, text: t, source: [s], control: c, risk: {harms: data, severity: 1, likelihood: 1}}", "not whole"),
        ("{id: REQ-AA-001, text: t, source: [s], control: c, risk: {harms: us, severity: 1, likelihood: 1}}", "whole"),
        (
            "{id: REQ-AA-001, text: t, source: [s], control: c, risk: {harms: data, severity: 5, likelihood: 1}}",
            "whole",
        ),
        (
            "{id: REQ-AA-001, text: '', source: [s], control: c, risk: {harms: data, severity: 1, likelihood: 1}}",
            "whole",
        ),
    ],
    ids=["without risk", "identifier", "harm", "severity", "without text"],
)
def test_a_requirement_that_is_not_whole_is_refused_by_name(tmp_path: Path, entry: str, says: str) -> None:
    folder = tmp_path / requirements.FOLDER
    folder.mkdir(parents=True)
    (folder / "some.yaml").write_text(f"subject: S\nabout: A\nrequirements: [{entry}]\n")
    with pytest.raises(requirements.NotARequirement, match=says):
        requirements.subjects(tmp_path)


def test_an_identifier_is_given_once(tmp_path: Path) -> None:
    folder = tmp_path / requirements.FOLDER
    folder.mkdir(parents=True)
    entry = "{id: REQ-AA-001, text: t, source: [s], control: c, risk: {harms: data, severity: 3, likelihood: 3}}"
    (folder / "a.yaml").write_text(f"subject: S\nabout: A\nrequirements: [{entry}]\n")
    (only,) = requirements.each(requirements.subjects(tmp_path))
    assert (only.risk, only.rank) == (9, "high")
    (folder / "b.yaml").write_text(f"subject: S\nabout: A\nrequirements: [{entry}]\n")
    with pytest.raises(requirements.NotARequirement, match="two requirements"):
        requirements.subjects(tmp_path)
