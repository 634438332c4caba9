"""How codes of subjects are made, and what is said of one that is made otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.subject_terms import CodeRange, SubjectTerms

pytestmark = pytest.mark.requirement("REQ-SUB-001")

MADE = SubjectTerms(code_format="{site}-{number:3}X", code_ranges=(CodeRange("101", 5, 12),))


def test_a_charter_that_says_nothing_takes_any_code():
    assert SubjectTerms().codes_of("101") is None


@pytest.mark.parametrize(
    ("site", "words"), [("101", "101-005X to 101-012X"), ("102", "102-001X to 102-999X")], ids=["named", "not named"]
)
def test_each_site_gives_its_own_numbers(site, words):
    assert MADE.codes_of(site).words == words


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("101-005X", ""),
        ("101-012X", ""),
        ("101-013X", "Its number is not one of this site's: 101-005X to 101-012X."),
        ("101-004X", "Its number is not one of this site's: 101-005X to 101-012X."),
        *[
            (code, "It is not made as the charter says. A right one is 101-005X.")
            for code in ("102-005X", "101-5X", "101-0005X", "101-005", "101-X", "X", "", "101-٠٠٥X", "101-00²X")
        ],
    ],
)
def test_what_is_wrong_with_a_code_is_said_with_a_right_one(code, fault):
    assert MADE.codes_of("101").fault_of(code) == fault


@given(
    before=st.text("AB1-", max_size=4),
    after=st.text("AB1-", max_size=4),
    digits=st.integers(1, 4),
    code=st.text("AB10-", max_size=12),
)
def test_a_code_is_right_as_an_expression_would_say(before, after, digits, code):
    codes = SubjectTerms(code_format=f"{before}{{number:{digits}}}{after}").codes_of("101")
    found = re.fullmatch(rf"{re.escape(before)}(\d{{{digits}}}){re.escape(after)}", code)
    assert (codes.fault_of(code) == "") == bool(found and int(found[1]) > 0)
    assert codes.fault_of(codes.example) == ""


def test_the_next_free_code_is_the_first_that_is_not_used():
    codes = MADE.codes_of("101")
    assert codes.free({"101-005X", "101-007X"}) == "101-006X"
    assert codes.free({codes.code(n) for n in range(5, 13)}) == ""
