"""What a charter asks of sites: nothing unless it says so; answers hold or do not; a later version may ask more."""

from __future__ import annotations

import pytest

from trials.charter import RECIST_TEMPLATE, Charter, read
from trials.form_terms import FieldTerms
from trials.site_terms import SiteTerms, Training, asked_for_the_first_time


def test_a_charter_that_says_nothing_of_sites_asks_nothing():
    content = {name: value for name, value in RECIST_TEMPLATE.items() if name != "sites"}
    assert not Charter.parse(content).sites.asks
    assert not SiteTerms(valid_days=365).asks


@pytest.mark.parametrize(
    "terms",
    [
        SiteTerms(scanners=True),
        SiteTerms(test_upload="site"),
        SiteTerms(questions=(FieldTerms(code="CT", label="Is there a CT?", kind="yes_no"),)),
        SiteTerms(training=(Training("Transfer", "Read it."),)),
    ],
)
def test_each_part_by_itself_asks_something(terms):
    assert terms.asks


def question(label: str, *, code: str = "A", required: bool = True) -> FieldTerms:
    return FieldTerms(code=code, label=label, kind="yes_no", required=required)


ASKED = SiteTerms(
    scanners=True, test_upload="site", questions=(question("A?"),), training=(Training("Transfer", "Version 1"),)
)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (SiteTerms(), ASKED, ["questionnaire", "scanners", "training", "test upload"]),
        (ASKED, ASKED, []),
        (ASKED, SiteTerms(), []),
        (ASKED, SiteTerms(questions=(question("A, really?"),)), ["questionnaire"]),
        (ASKED, SiteTerms(questions=(question("B?", code="B", required=False),)), []),
        (ASKED, SiteTerms(training=(Training("Transfer", "Version 2"),)), ["training"]),
        (ASKED, SiteTerms(test_upload="scanner"), ["test upload"]),
    ],
)
def test_what_a_later_version_asks_more(before, after, more):
    assert asked_for_the_first_time(before, after) == more


def test_questions_are_held_to_the_rules_of_every_form():
    asked = [
        {"code": "A", "label": "Which one?", "kind": "choice", "choices": ["ONE = One"]},
        {"code": "B", "label": "Patient name", "kind": "text"},
        {"code": "C", "label": "How many?", "kind": "integer"},
    ]
    _, problems = read({**RECIST_TEMPLATE, "sites": {"questions": asked}})
    assert [problem.place for problem in problems] == [
        ("sites", "questions", 1, "choices"),
        ("sites", "questions", 2, "label"),
    ]
