"""The charter's rule on how long originals stay: what it may say, and that they stay where it says nothing."""

from __future__ import annotations

import pytest

from tests.trials.charter.test_sections import problems_of, template
from trials.charter import Charter
from trials.retention import Leave, Retention

pytestmark = pytest.mark.requirement("REQ-STO-005")

REFUSED = (
    "retention: “originals” is the one entry, and is “kept”, “at_lock”, or “after_days” with 1 to 7300 days",
    "retention: entries with names are expected",
)


@pytest.mark.parametrize(
    ("section", "rule", "words"),
    [
        ({"originals": "kept"}, Retention(Leave.KEPT), "are kept"),
        ({"originals": "at_lock"}, Retention(Leave.AT_LOCK), "leave when the database is locked"),
        (
            {"originals": {"after_days": 1}},
            Retention(Leave.AFTER_DAYS, 1),
            "leave 1 day after QC has cleared their timepoint",
        ),
        (
            {"originals": {"after_days": 7300}},
            Retention(Leave.AFTER_DAYS, 7300),
            "leave 7300 days after QC has cleared their timepoint",
        ),
    ],
)
def test_a_rule_is_read_said_and_written_again(section: dict, rule: Retention, words: str) -> None:
    read = Charter.parse(template(retention=section)).retention

    assert (read, read.words, read.content()) == (rule, words, section)


@pytest.mark.parametrize("said", [{}, {"retention": {}}])
def test_a_charter_that_says_nothing_keeps_the_originals(said: dict) -> None:
    assert Charter.parse(template(**said)).retention == Retention(Leave.KEPT, 0)


@pytest.mark.parametrize(
    ("section", "refused"),
    [
        ({"originals": "after_days"}, REFUSED[0]),
        ({"originals": "never"}, REFUSED[0]),
        ({"originals": None}, REFUSED[0]),
        ({"originals": 30}, REFUSED[0]),
        ({"originals": {"after_days": 0}}, REFUSED[0]),
        ({"originals": {"after_days": 7301}}, REFUSED[0]),
        ({"originals": {"after_days": True}}, REFUSED[0]),
        ({"originals": {"after_days": "30"}}, REFUSED[0]),
        ({"originals": {"after_days": 30, "at_lock": True}}, REFUSED[0]),
        ({"originals": ["at_lock"]}, REFUSED[0]),
        ({"originals": "kept", "archive": "kept"}, REFUSED[0]),
        ("kept", REFUSED[1]),
    ],
)
def test_what_is_no_rule_is_refused_by_name(section: object, refused: str) -> None:
    assert problems_of(template(retention=section)) == [refused]
