"""Pseudonyms: repeatable within a trial, different between trials, and intervals of dates kept."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.deid.keys import SubjectKeys
from tests.imaging.deid.conftest import KEYS, SECRET

pytestmark = pytest.mark.requirement("REQ-DEI-006")

CODES = st.text(alphabet="ABCDEFGHIJ0123456789-", min_size=1, max_size=12)
DATES = st.dates(min_value=date(1912, 1, 1), max_value=date(2099, 12, 31))
UIDS = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(lambda parts: "1.3." + ".".join(map(str, parts)))


@given(UIDS, CODES)
def test_uid_is_valid_and_the_same_for_every_subject_of_the_trial(uid: str, code: str) -> None:
    pseudonym = SubjectKeys(SECRET, code).uid(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", pseudonym)  # PS3.5 §9.1, §B.2
    assert len(pseudonym) <= 44
    assert pseudonym == KEYS.uid(uid)


@given(UIDS, UIDS)
def test_different_uids_stay_different(one: str, other: str) -> None:
    assert (KEYS.uid(one) == KEYS.uid(other)) == (one == other)


def test_uid_depends_on_the_trial() -> None:
    assert SubjectKeys(b"another secret of a trial", "A").uid("1.2.3") != KEYS.uid("1.2.3")


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.4.1.1", ""])
def test_uids_of_the_standard_stay(uid: str) -> None:
    assert KEYS.uid(uid) == uid


def test_padding_of_a_uid_does_not_change_its_pseudonym() -> None:
    assert KEYS.uid("1.2.3\0") == KEYS.uid("1.2.3")


@given(CODES)
def test_shift_is_whole_weeks_back_within_ten_years_and_never_zero(code: str) -> None:
    days = SubjectKeys(SECRET, code).shift_days
    assert -3650 <= days <= -35
    assert days % 7 == 0


@given(DATES, DATES, CODES)
def test_intervals_and_weekdays_are_kept(one: date, other: date, code: str) -> None:
    keys = SubjectKeys(SECRET, code)
    moved = [date.fromisoformat(keys.shift_date(day.strftime("%Y%m%d")) or "") for day in (one, other)]
    assert moved[1] - moved[0] == other - one
    assert moved[0] - one == timedelta(days=keys.shift_days)
    assert moved[0].weekday() == one.weekday()


@given(
    DATES,
    st.sampled_from(["", "23", "2359", "235959", "235959.999999", "120000.5"]),
    st.sampled_from(["", "+0200", "-0530"]),
)
def test_date_times_keep_time_fraction_and_offset(day: date, time: str, offset: str) -> None:
    text = day.strftime("%Y%m%d")
    assert KEYS.shift_datetime(text + time + offset) == f"{KEYS.shift_date(text)}{time}{offset}"


def test_dates_of_acr_nema_are_read() -> None:
    assert KEYS.shift_date("2024.02.29") == KEYS.shift_date("20240229")  # PS3.5 §6.2, note on DA


@pytest.mark.parametrize("value", ["", "20240230", "2024", "20241301", "yesterday", "00010101", "2024022", "٢٠٢٤٠٢٢٩"])
def test_what_is_no_date_is_to_be_removed(value: str) -> None:
    assert KEYS.shift_date(value) is None
    assert KEYS.shift_datetime(value) is None


@pytest.mark.parametrize(("secret", "code"), [(b"short", "A"), (SECRET, "")])
def test_weak_secret_and_missing_code_are_refused(secret: bytes, code: str) -> None:
    with pytest.raises(ValueError, match=r"secret|code"):
        SubjectKeys(secret, code)
