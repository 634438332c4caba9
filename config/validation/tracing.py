"""Which test carries which requirement: read from the sources of the tests, without running or importing any."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "pytest.mark.requirement"


@dataclass(frozen=True, slots=True)
class TracedTest:
    """A test function, where it stands, and the requirements that it carries.

    As with the closest marker of pytest, a test's own word goes before that of its class, and that before its module's.
    """

    path: str
    name: str
    requirements: tuple[str, ...]

    @property
    def identifier(self) -> str:
        """Path and name, as pytest has them; a class stands before its test."""
        return f"{self.path}::{self.name}"


def tests_below(root: Path) -> list[TracedTest]:
    """Return every test function of the project, in the order of paths and lines."""
    found: list[TracedTest] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        found += _tests_in(tree.body, path.relative_to(root).as_posix(), (), _mark_of(tree.body))
    return found


def without_requirement(tests: Iterable[TracedTest], regulated: Iterable[str]) -> list[str]:
    """Return the regulated tests that carry no requirement; `regulated` names folders and files."""
    folders = tuple(f"{path.rstrip('/')}/" for path in regulated if not path.endswith(".py"))
    files = {path for path in regulated if path.endswith(".py")}
    inside = (test for test in tests if test.path in files or test.path.startswith(folders))
    return [test.identifier for test in inside if not test.requirements]


def by_requirement(tests: Iterable[TracedTest]) -> dict[str, list[TracedTest]]:
    """Return the tests of each requirement that any test names."""
    found: dict[str, list[TracedTest]] = {}
    for test in tests:
        for identifier in test.requirements:
            found.setdefault(identifier, []).append(test)
    return found


def _tests_in(
    body: list[ast.stmt], path: str, classes: tuple[str, ...], carried: tuple[str, ...]
) -> Iterator[TracedTest]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            own = _marks_among(node.decorator_list)
            yield TracedTest(path, "::".join((*classes, node.name)), own or carried)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            own = _marks_among(node.decorator_list) or _mark_of(node.body)
            yield from _tests_in(node.body, path, (*classes, node.name), own or carried)


def _mark_of(body: list[ast.stmt]) -> tuple[str, ...]:
    """Return what `pytestmark` says in this module or class."""
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            value = node.value
            return _marks_among(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    return ()


def _marks_among(nodes: Iterable[ast.expr]) -> tuple[str, ...]:
    named = [
        argument.value
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == MARK
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    return tuple(dict.fromkeys(named))
