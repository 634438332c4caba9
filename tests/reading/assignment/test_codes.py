"""Blinded codes: stable, unambiguous, and silent about what they name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.assignment import blinded_code

pytestmark = pytest.mark.requirement("REQ-BLI-003")

SECRET = bytes(range(32))


def test_a_code_is_stable_across_machines_and_versions() -> None:
    # Pinned: a change here would rename every read of every trial.
    assert blinded_code(SECRET, "read", "subject 1 reader 2") == "R-AM5QP2"


@given(secret=st.binary(min_size=16, max_size=40), key=st.text())
def test_a_code_is_a_letter_and_six_unambiguous_characters(secret: bytes, key: str) -> None:
    assert re.fullmatch(r"R-[0-9A-HJKMNP-TV-Z]{6}", blinded_code(secret, "read", key))


def test_secret_kind_and_key_each_change_the_whole_code() -> None:
    codes = {
        blinded_code(SECRET, "read", "1")[2:],
        blinded_code(SECRET, "rescan", "1")[2:],
        blinded_code(SECRET, "read", "2")[2:],
        blinded_code(SECRET[::-1], "read", "1")[2:],
    }
    assert len(codes) == 4


def test_a_taken_code_gives_way_to_the_next_of_its_sequence() -> None:
    first = blinded_code(SECRET, "read", "1")
    second = blinded_code(SECRET, "read", "1", taken={first})
    assert first != second
    assert second == blinded_code(SECRET, "read", "1", taken={first})


def test_a_short_secret_or_a_kind_without_a_letter_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        blinded_code(b"short", "read", "1")
    with pytest.raises(ValueError, match="letter"):
        blinded_code(SECRET, "7", "1")


def test_a_thousand_codes_are_a_thousand() -> None:
    taken: set[str] = set()
    for i in range(1000):
        taken.add(blinded_code(SECRET, "case", str(i), taken=taken))
    assert len(taken) == 1000
