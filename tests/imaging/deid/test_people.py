"""Whose files are whose."""

from __future__ import annotations

import re

import pytest
from pydicom.dataset import Dataset

from imaging.deid.people import Signs, people_of, pseudonym
from tests.imaging.deid.conftest import KEYS

pytestmark = pytest.mark.requirement("REQ-DEI-009")


def signs(number: str = "", issuer: str = "", name: str = "", born: str = "", study: str = "") -> Signs:
    dataset = Dataset()
    dataset.PatientID, dataset.IssuerOfPatientID, dataset.PatientName = number, issuer, name
    dataset.PatientBirthDate, dataset.StudyInstanceUID = born, study
    return Signs.of(dataset, KEYS)


def groups(*files: Signs) -> list[int]:
    """The files' people, numbered as they come."""
    people = people_of(files)
    return [list(dict.fromkeys(people)).index(person) for person in people]


def test_a_number_is_a_person_however_it_is_spelt() -> None:
    assert groups(signs("mrn 12"), signs("MRN  12 "), signs("MRN 13")) == [0, 0, 1]


def test_numbers_are_parted_by_their_issuers() -> None:
    assert groups(signs("12", "NORTH"), signs("12", "SOUTH"), signs("12", "north")) == [0, 1, 0]


def test_a_number_without_issuer_joins_the_only_one_and_none_of_two() -> None:
    assert groups(signs("12", "NORTH"), signs("12")) == [0, 0]
    assert groups(signs("12", "NORTH"), signs("12", "SOUTH"), signs("12")) == [0, 1, 2]


@pytest.mark.parametrize("spelling", ["ROE^JANE", "Jane Roe", "Röe^Jané", "Roe, Jane", "Roe^Jane=羅^珍"])
def test_without_a_number_name_and_birth_date_point_at_a_person(spelling: str) -> None:
    assert groups(signs("12", name="Roe^Jane", born="19400102"), signs(name=spelling, born="19400102")) == [0, 0]
    assert groups(signs("12", name="Roe^Jane", born="19400102"), signs(name=spelling, born="19400103")) == [0, 1]


def test_a_name_that_two_have_points_at_neither() -> None:
    assert groups(signs("12", name="Roe^Jane"), signs("13", name="Roe^Jane"), signs(name="Roe^Jane")) == [0, 1, 2]


def test_without_a_name_the_study_points_at_a_person() -> None:
    assert groups(signs("12", study="1.2"), signs(study="1.2"), signs(study="1.3"), signs(study="1.3")) == [0, 0, 1, 1]
    assert groups(signs("12", study="1.2"), signs("13", study="1.2"), signs(study="1.2")) == [0, 1, 2]


@pytest.mark.parametrize("nobody", ["", "0000", "Anonymous", "UNKNOWN"])
def test_placeholders_are_nobody(nobody: str) -> None:
    assert groups(signs(nobody, study="1.2"), signs(nobody, study="1.3")) == [0, 1]
    assert groups(signs(name=nobody, study="1.2"), signs(name=nobody, study="1.3")) == [0, 1]


def test_a_person_is_the_same_in_every_folder() -> None:
    alone = people_of([signs("12", name="Roe^Jane", study="1.2")])
    among_others = people_of([signs("13"), signs("12", name="Roe^J", study="1.4"), signs(name="Poe^A")])

    assert alone[0] == among_others[1]


def test_a_pseudonym_is_readable_and_says_nothing() -> None:
    one, other = (pseudonym(person, KEYS) for person in people_of([signs("12"), signs("13")]))

    assert re.fullmatch(r"S-[A-Z2-7]{10}", one)
    assert one != other
