"""Passwords that are guessed first, and the ways in which people make them longer."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from compliance.common_passwords import WORDS_OF_THE_HOUSE, is_common

pytestmark = [pytest.mark.requirement("REQ-ACC-041"), pytest.mark.one_database]


@pytest.mark.parametrize(
    "password",
    [
        "telechargement",
        "password1234",
        "P@ssw0rd2026!",
        "Christopher1987",
        "!!!!sunshine",
        "passwordpassword",
        "qwerty123qwerty123",
        "Monkey! Monkey! Monkey! ",
        "aaaaaaaaaaaa",
        "123456789012",
        "987654321098",
        "qwertyuiop123",
        "1qaz2wsx3edc",
        "abcdefghijklmn",
    ],
)
def test_what_is_guessed_first_is_refused(password):
    with pytest.raises(ValidationError, match="common one"):
        validate_password(password)


@pytest.mark.parametrize("word", sorted(WORDS_OF_THE_HOUSE))
def test_words_of_the_house_count_as_common(word):
    assert is_common(f"{word.title()}-2026-{word}"[len(word) + 1 :] + "!")
    assert is_common(word * 3)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "another good long password", "xK9#mPq2$vLw", "8317402957163", "Zürich im Regen"],
)
def test_any_composition_is_taken_that_is_not_common(password):
    validate_password(password)
