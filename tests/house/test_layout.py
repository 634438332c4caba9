"""Where code lives: the rooms' furniture, and what no file of the project may name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


@pytest.mark.parametrize("room", ["trials", "imaging", "reading"])
@pytest.mark.parametrize(
    "piece",
    ["states.py", "models", "selectors.py", "rules.py", "services", "signals.py", "views.py", "api.py", "urls.py"],
)
def test_the_upper_rooms_keep_the_same_furniture(room, piece):
    assert (ROOT / room / piece).exists()


def test_only_env_reads_the_environment():
    readers = [path for path in tracked("*.py") if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))]
    inside = {str(p.relative_to(ROOT)) for p in readers} - {"manage.py"}
    allowed = re.compile(
        r"^(config/(env|celery|wsgi|asgi)\.py|config/settings/test\.py|config/demo/|tests/|scripts/|benchmarks/)"
    )
    assert {name for name in inside if not allowed.match(name)} <= {"compliance/faults.py"}


@pytest.mark.requirement("REQ-SEQ-001")
def test_states_change_through_transitions_only():
    """A state is set by `advance()`; assigning one of a life's states would go round access and audit."""
    assignment = re.compile(r"\.(state|image_state|qc_state|reading_state|verdict)\s*=\s*(\w*State|Verdict|S)\.")
    rooms = tracked("trials/**/*.py", "imaging/**/*.py", "reading/**/*.py", "config/**/*.py")
    found = [
        f"{p.relative_to(ROOT)}: {line}"
        for p in rooms
        for line in p.read_text().splitlines()
        if assignment.search(line)
    ]
    assert found == []


@pytest.mark.requirement("REQ-AUD-001")
def test_regulated_records_are_not_changed_behind_the_trail():
    """`update()`, `bulk_*` and raw SQL on regulated records would leave no event."""
    rooms = tracked("trials/**/*.py", "imaging/**/*.py", "reading/**/*.py")
    behind = re.compile(
        r"\.(bulk_create|bulk_update|raw)\(|objects\.[\w.()=, _\"]*\.update\(|\.filter\([^)]*\)\.(update|delete)\("
    )
    found = [
        f"{p.relative_to(ROOT)}: {line.strip()}"
        for p in rooms
        if "/migrations/" not in str(p)
        for line in p.read_text().splitlines()
        if behind.search(line)
    ]
    assert found == []


def test_the_trails_door_alone_announces_writes():
    """Whoever announces a write to the database's triggers records its event; see `compliance.announcing`."""
    rooms = tracked("compliance/*.py", "trials/*.py", "imaging/*.py", "reading/*.py", "config/*.py")
    announcing = [str(p.relative_to(ROOT)) for p in rooms if re.search(r"\bannounced\(\)", p.read_text())]
    outside_migrations = {name for name in announcing if "/migrations/" not in name}
    assert outside_migrations == {f"compliance/{name}.py" for name in ("announcing", "audit", "transitions")}


def test_each_icon_that_a_page_names_is_in_the_sprite():
    sprite = (ROOT / "compliance/static/vendor/tabler/icons.svg").read_text("utf-8")
    there = set(re.findall(r'id="([a-z0-9-]+)"', sprite))
    named = re.compile(r'(?:\bicon=|icon\.html" with name=)"([a-z0-9-]+)"')
    pages = sorted((ROOT / "templates").rglob("*.html"))
    missing = [
        (page.name, name) for page in pages for name in named.findall(page.read_text("utf-8")) if name not in there
    ]
    assert missing == []
