"""Knowing a patient again by the hospital's number, without keeping the number.

The upload page digests a number before it asks (`imaging/static/imaging/upload/patients.js`); what is stored is keyed
by the trial's secret on top, which lies outside the database. The first digest alone yields the number to whoever tries
all numbers, so it is treated like the number itself.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Self

from pydicom.dataset import Dataset

from imaging.deid.keys import SubjectKeys
from imaging.deid.leaks import NOBODY

_FILLERS = "0X-_.?* "


class PatientKey(NamedTuple):
    """Keyed digests of a Patient ID and of its issuer; the latter empty where no issuer is named."""

    number: str
    issuer: str = ""

    @classmethod
    def of(cls, number: str, issuer: str, keys: SubjectKeys) -> Self | None:
        """Key two digests of `digest_of` by the trial; None where the number names nobody."""
        if not number or number in _NOBODY:
            return None
        return cls(keys.patient(number), keys.patient(issuer) if issuer else "")

    def may_be(self, other: PatientKey) -> bool:
        """Tell whether both may be one patient.

        Numbers are compared within issuers, but an issuer that only one of two headers names parts nobody: scanners
        often leave out what the archive adds.
        """
        return self.number == other.number and (not self.issuer or not other.issuer or self.issuer == other.issuer)


def digest_of(text: str) -> str:
    """SHA-256 of an identifier in capitals and single spaces, as hexadecimal digits; empty where it names nobody.

    Zeros, dashes and the like fill an empty place. `patients.js` does the same.
    """
    normal = " ".join(text.replace("\0", " ").split()).upper()
    return hashlib.sha256(normal.encode("utf-8", "replace")).hexdigest() if normal.strip(_FILLERS) else ""


def digests_in(dataset: Dataset) -> tuple[str, str]:
    """Digests of Patient ID and Issuer of Patient ID; empty where the header says that the identity was removed."""
    if str(dataset.get("PatientIdentityRemoved") or "").strip() == "YES":
        return "", ""
    number, issuer = (str(dataset.get(name) or "") for name in ("PatientID", "IssuerOfPatientID"))
    return digest_of(number), digest_of(issuer)


_NOBODY = frozenset(digest_of(word) for word in NOBODY)
