"""What a charter says of queries, and what is usual where it says nothing."""

from __future__ import annotations

import pytest

from trials.charter import RECIST_TEMPLATE, Charter, CharterInvalid
from trials.query_terms import SHIPPED, QueryTerms

OWN = {"code": "phase", "title": "Which phase?", "text": "Please say which.", "about": ["imaging.series"]}


def read(section: object) -> QueryTerms:
    return Charter.parse({**RECIST_TEMPLATE, "queries": section}).queries


def test_what_is_left_out_is_as_usual():
    assert read({}) == QueryTerms(remind_days_before=2, remind_every_days=3, escalate_days_after=7)
    assert read({}).texts == SHIPPED


def test_the_charters_own_texts_replace_the_shipped_ones():
    terms = read({"templates": [OWN], "blocks": ["clearance"], "escalate_days_after": 0})
    assert [(t.code, t.title, t.fits("imaging.series"), t.fits("trials.site")) for t in terms.texts] == [
        ("phase", "Which phase?", True, False)
    ]
    assert (terms.blocks, terms.escalate_days_after) == (("clearance",), 0)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"remind_days_before": -1}, "queries.remind_days_before: a whole number from 0 to 365 is expected"),
        ({"remind_every_days": True}, "queries.remind_every_days: a whole number from 0 to 365 is expected"),
        ({"blocks": ["lunch"]}, "queries.blocks[1]: “lunch” is unknown; choose clearance"),
        ({"templates": [OWN, OWN]}, "queries.templates[2].code: another text has the same"),
        ({"templates": [OWN | {"title": ""}]}, "queries.templates[1].title: this is missing"),
        (
            {"templates": [OWN | {"code": "A B"}]},
            "queries.templates[1].code: a name in small letters is expected",
        ),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(section, problem):
    with pytest.raises(CharterInvalid) as refused:
        read(section)
    assert refused.value.problems == [problem]


def test_shipped_texts_are_what_a_charter_could_say():
    stored = [{"code": t.code, "title": t.title, "text": t.text, "about": list(t.about)} for t in SHIPPED]
    assert read({"templates": stored}).texts == SHIPPED
