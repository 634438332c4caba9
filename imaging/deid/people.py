"""Whose files are whose, in a folder that comes as it is, and the pseudonym of each person in it.

A person is a Patient ID within its issuer. A file without a number belongs to whom name and birth date point at, and
one without a name to whose study it is part of, as long as they point at one person.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from pydicom.dataset import Dataset

from imaging.deid.keys import SubjectKeys
from imaging.deid.patients import PatientKey, digest_of

#: Characters of a pseudonym, five bits each.
_LETTERS = 10


class Signs(NamedTuple):
    """What a header says of who the patient is, as keyed digests; empty where it says nothing.

    Attributes
    ----------
    number, issuer
        Patient ID and its issuer (`patients.PatientKey`).
    name
        The parts of the name in any order, and the birth date.
    study
        The Study Instance UID.
    """

    number: str
    issuer: str
    name: str
    study: str

    @classmethod
    def of(cls, dataset: Dataset, keys: SubjectKeys) -> Self:
        """Read the signs of a header."""
        number, issuer, study = (
            str(dataset.get(name) or "") for name in ("PatientID", "IssuerOfPatientID", "StudyInstanceUID")
        )
        known = PatientKey.of(digest_of(number), digest_of(issuer), keys)
        named = PatientKey.of(digest_of(_plain_name(dataset)), "", keys)
        born = digest_of(str(dataset.get("PatientBirthDate") or ""))
        return cls(
            number=known.number if known else "",
            issuer=known.issuer if known else "",
            name=keys.patient(named.number + born) if named else "",
            study=keys.patient(study.strip()) if study.strip() else "",
        )


def people_of(signs: Sequence[Signs]) -> list[str]:
    """Tell for each file whose it is: a key of the person, the same in every folder that says as much of them."""
    issuers = _together((one.number, one.issuer) for one in signs if one.number and one.issuer)
    found = [f"{one.number}.{one.issuer or _only(issuers, one.number)}" if one.number else "" for one in signs]
    for sign in ("name", "study"):
        known = _together((getattr(one, sign), person) for one, person in zip(signs, found, strict=True) if person)
        found = [
            person or (value and (_only(known, value) or f"{sign}.{value}"))
            for person, value in ((person, getattr(one, sign)) for one, person in zip(signs, found, strict=True))
        ]
    return found


def pseudonym(person: str, keys: SubjectKeys) -> str:
    """Return the code that stands for a person in the output, such as `S-K7WQ2M4XAB`."""
    digest = bytes.fromhex(keys.patient(person))
    return f"S-{base64.b32encode(digest).decode()[:_LETTERS]}"


def _plain_name(dataset: Dataset) -> str:
    """The parts of the name's first spelling in the order of the alphabet, without accents."""
    text = str(dataset.get("PatientName") or "").split("=")[0]
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(sorted(part for part in re.split(r"[\^\s,]+", plain.casefold()) if part))


def _together(pairs: Iterable[tuple[Hashable, str]]) -> dict[Hashable, set[str]]:
    groups: dict[Hashable, set[str]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return groups


def _only(groups: Mapping[Hashable, set[str]], key: Hashable) -> str:
    """The one that a key points at; nobody if there are several."""
    found = groups.get(key, set())
    return next(iter(found)) if len(found) == 1 else ""
