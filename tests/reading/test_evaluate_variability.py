"""`manage.py evaluate_variability` as another program runs it: lines in, lines out, whatever is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ASKED = b"""\
{"stat": "percent_agreement", "data": {"pairs": [["PR", "PR"], ["PR", "SD"], ["PD", null]]}, "options": {}}
{"stat": "proportion_ci", "data": {"x": 0, "n": 0}}
{"stat": "proportion_ci", "data": {"x": 3, "n": 2}}

{"stat": "icc", "data": {"ratings": [[1, NaN]]}}
not JSON
{"stat": "dice", "data": {"a": [1, 0, 1], "b": [1, 1, 1]}}"""


def test_another_program_has_an_answer_per_line_without_a_database(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "manage.py", "evaluate_variability"],
        input=ASKED,
        capture_output=True,
        cwd=tmp_path,
        env={
            "PARALLAX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        },
    )
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert answers == [
        {"value": 0.5, "agreed": 1, "n": 2},
        {"undefined": True, "reason": "There are no cases, so there is no proportion."},
        {"error": "A proportion is x of n, both whole numbers, with x between 0 and n."},
        {"error": "The line is empty. Give one JSON object per line."},
        {"error": "NaN and Infinity are no numbers of JSON. Give null for a missing value."},
        {"error": "The line is not JSON: Expecting value at character 1."},
        {"value": 0.8, "first": 2, "second": 3, "both": 2},
    ]
