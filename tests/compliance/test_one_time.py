"""Codes of an app are those of RFC 6238, each is taken once, and a recovery code is known however it is typed."""

from __future__ import annotations

import pytest

from compliance import one_time

pytestmark = pytest.mark.requirement("REQ-ACC-004")

#: RFC 6238, appendix B, SHA-1; its eight digits end in our six.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("seconds", "digits"), VECTORS)
def test_codes_are_those_of_the_standard(seconds: int, digits: str) -> None:
    assert one_time.code_of(SECRET, one_time.step_at(seconds)) == digits[-6:]


@pytest.mark.parametrize(("drift", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_wrong_by_one_step(drift: int, taken: bool) -> None:
    code = one_time.code_of(SECRET, one_time.step_at(90_000 + drift))
    assert (one_time.step_of(SECRET, code, 90_000, after=0) is not None) is taken


def test_a_step_that_was_taken_is_taken_no_more() -> None:
    step = one_time.step_at(90_000)
    code = one_time.code_of(SECRET, step)
    assert one_time.step_of(SECRET, code, 90_000, after=step - 1) == step
    assert one_time.step_of(SECRET, code, 90_000, after=step) is None


def test_an_app_reads_the_secret_from_the_address() -> None:
    address = one_time.address_of(SECRET, account="ada b", issuer="Parallax")
    assert address == "otpauth://totp/Parallax:ada%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Parallax"
    assert one_time.as_text(SECRET).split()[:2] == ["GEZD", "GNBV"]


def test_a_recovery_code_is_known_with_and_without_hyphens_and_belongs_to_one_person() -> None:
    code = one_time.new_recovery_code()
    assert len(one_time.plain(code)) == 16
    assert one_time.digest_of(code.upper().replace("-", " "), 7) == one_time.digest_of(code, 7)
    assert one_time.digest_of(code, 8) != one_time.digest_of(code, 7)
