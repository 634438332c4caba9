"""Which headers are of one patient, as far as keyed digests tell."""

from __future__ import annotations

import hashlib

import pytest
from pydicom.dataset import Dataset

from imaging.deid.keys import SubjectKeys
from imaging.deid.patients import PatientKey, digest_of, digests_in
from tests.imaging.deid.conftest import KEYS, SECRET

pytestmark = pytest.mark.requirement("REQ-INT-013")


def key_in(keys: SubjectKeys = KEYS, **values: str) -> PatientKey | None:
    header = Dataset()
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return PatientKey.of(*digests_in(header), keys)


@pytest.mark.parametrize("spelling", ["ab 12345", " AB 12345 ", "Ab  12345\0"])
def test_a_number_is_the_same_however_it_is_spelled(spelling: str) -> None:
    assert digest_of(spelling) == hashlib.sha256(b"AB 12345").hexdigest()


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"PatientID": ""},
        {"PatientID": "00000"},
        {"PatientID": "Anonymous"},
        {"PatientID": "12345", "PatientIdentityRemoved": "YES"},
        {"IssuerOfPatientID": "North"},
    ],
    ids=str,
)
def test_what_names_nobody_has_no_key(header: dict[str, str]) -> None:
    assert key_in(**header) is None


def test_the_key_needs_the_trials_secret_and_is_the_same_for_all_its_subjects() -> None:
    found = key_in(PatientID="12345")

    assert found == key_in(SubjectKeys(SECRET, "ANOTHER"), PatientID="12345")
    assert found != key_in(SubjectKeys(b"another secret of a trial", "A"), PatientID="12345")
    assert found is not None
    assert (len(found.number), found.issuer) == (64, "")
    assert found.number != digest_of("12345")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("12345", "North"), ("12345", "NORTH"), True),
        (("12345", "North"), ("12345", ""), True),
        (("12345", ""), ("12345", ""), True),
        (("12345", "North"), ("12345", "South"), False),
        (("12345", "North"), ("99999", "North"), False),
        (("12345", ""), ("99999", ""), False),
    ],
)
def test_an_issuer_parts_patients_where_both_headers_name_one(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    first, second = (key_in(PatientID=number, IssuerOfPatientID=issuer) for number, issuer in (one, other))
    assert first
    assert second
    assert (first.may_be(second), second.may_be(first)) == (same, same)
