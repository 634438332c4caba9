"""The JSON Schema of a charter: it is current, and takes and refuses what the charter itself does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.trials.charter.test_sections import CONTRADICTIONS, template
from trials.charter import RECIST_TEMPLATE
from trials.charter.schema import schema

pytestmark = pytest.mark.requirement("REQ-CHA-007")

PUBLISHED = Path(__file__).parents[3] / "docs/charter.schema.json"
#: What no schema can say: it is about two values at once, or about signs.
BEYOND = (
    *("another", "in the order", "overlap", "below", "among the", "required series", "twice", "printed", "texts, "),
    *("these numbers too", "3 digits", "letters and digits", "not screened", "before all others", "comes again"),
    *("before enrolment", "meet over one timepoint"),
)


def test_the_published_schema_is_current():
    """Renew it with `manage.py charter schema > docs/charter.schema.json`."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


def test_the_schema_is_one_and_takes_the_template():
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(dict(RECIST_TEMPLATE))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=sentence)
        for change, sentence in CONTRADICTIONS
        if not any(word in sentence for word in BEYOND) and "nan" not in str(change)
    ],
)
def test_the_schema_refuses_what_the_charter_refuses(change):
    assert not Draft202012Validator(schema()).is_valid(template(**change))
