"""What the documentation says of the charter's terms is what their declaration says."""

from __future__ import annotations

from pathlib import Path

from trials.charter import TEMPLATES
from trials.charter.reference import reference

PAGE = (Path(__file__).parents[3] / "docs/charter.md").read_text(encoding="utf-8")


def test_the_chapter_on_terms_is_current():
    """Renew it with `manage.py charter reference`."""
    assert PAGE.partition("<!-- terms -->\n")[2].partition("<!-- end of terms -->")[0] == f"\n{reference()}\n"


def test_each_template_is_in_the_table_with_its_criteria():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    told = {row.split("|")[1].strip(" `"): row.split("|")[3].strip() for row in rows}
    assert {name: told.get(name) for name in (one.name for one in TEMPLATES)} == {
        one.name: one.content["criteria"] for one in TEMPLATES
    }
