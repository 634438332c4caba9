"""Invented identities to plant in headers, so that tests can look for what de-identification left behind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.valuerep import VR

_FAMILY = ("Quillbrook", "Zaneveld", "Marrowick", "Thistlewood", "Obermayr", "Castellane", "Vintgarten", "Ilmarson")
_GIVEN = ("Perpetua", "Evander", "Philippa", "Thaddeus", "Rosalind", "Leopold", "Seraphine", "Octavian")
_PLACES = ("Harrowgate General Hospital", "Saint Aldhelm Infirmary", "Kestrel Bay Clinic", "Norrland Cancer Centre")
_STREETS = ("Cooperage Lane", "Larkspur Terrace", "Old Tannery Road", "Weavers Quay")

PRIVATE_CREATOR = "PARALLAX PHANTOM 1.0"


def planted_identity(seed: int, *, name: str = "", number: str = "") -> dict[str, str]:
    """An invented person, hospital and staff as DICOM keywords and values; nobody real.

    The values are long and odd enough to be searched for in raw bytes without chance matches. Texts written by hand
    name the person too: `name` and `number` (Patient ID) take the place of the invented ones wherever they stand.
    """
    random = np.random.Generator(np.random.PCG64((seed, 7)))

    def pick(options: tuple[str, ...]) -> str:
        return options[int(random.integers(len(options)))]

    def person() -> str:
        return f"{pick(_FAMILY)}^{pick(_GIVEN)}"

    def digits(count: int) -> str:
        return "".join(str(d) for d in random.integers(1, 10, size=count).tolist())

    invented, place = person(), pick(_PLACES)
    name = name or invented
    counted, accession = f"MRN{digits(8)}", f"ACC{digits(9)}"
    number = number or counted
    birth = f"19{int(random.integers(38, 75))}{int(random.integers(1, 13)):02d}{int(random.integers(1, 29)):02d}"
    street = f"{int(random.integers(2, 99))} {pick(_STREETS)}"
    return {
        "PatientName": name,
        "PatientID": number,
        "PatientBirthDate": birth,
        "PatientAddress": street,
        "PatientTelephoneNumbers": f"+44 {digits(4)} {digits(6)}",
        "OtherPatientNames": person(),
        "PatientComments": f"Brought by the family of {name.split('^')[0]}, file {number}",
        "AccessionNumber": accession,
        "StudyID": f"ST{digits(6)}",
        "InstitutionName": place,
        "InstitutionAddress": f"{street}, {place}",
        "InstitutionalDepartmentName": f"Radiology {place}",
        "ReferringPhysicianName": person(),
        "PerformingPhysicianName": person(),
        "RequestingPhysician": person(),
        "OperatorsName": person(),
        "StationName": f"STATION{digits(5)}",
        "DeviceSerialNumber": f"SN{digits(8)}",
        "RequestedProcedureDescription": f"CT chest of {name.split('^')[0]}",
    }


def plant(dataset: Dataset, identity: Mapping[str, str]) -> None:
    """Write an identity into a header: at the top, in nested sequences, and in private attributes.

    Parameters
    ----------
    identity
        Values by DICOM keyword. Names and numbers are repeated in sequences two levels deep, public and
        private, because that is where leaks come from.

    Raises
    ------
    KeyError
        A keyword is not in the DICOM dictionary.
    """
    for keyword, value in identity.items():
        dataset.add_new(keyword, VR(dictionary_VR(keyword)), value)
    name, number = identity.get("PatientName"), identity.get("PatientID")
    if name is None and number is None:
        return
    other = Dataset()
    other.PatientID = number or ""
    other.TypeOfPatientID = "TEXT"
    other.IssuerOfPatientID = identity.get("InstitutionName", "")
    dataset.OtherPatientIDsSequence = [other]
    request = Dataset()
    request.RequestedProcedureID = identity.get("AccessionNumber", "")[:16]
    request.ScheduledProcedureStepID = "SPS1"
    request.ScheduledProcedureStepDescription = f"Chest {name or ''}"[:64]
    dataset.RequestAttributesSequence = [request]
    inner = Dataset()
    inner.PatientName = name or ""
    inner.PatientID = number or ""
    outer = Dataset()
    outer.OtherPatientIDsSequence = [other]
    block = dataset.private_block(0x0029, PRIVATE_CREATOR, create=True)
    block.add_new(0x10, "PN", name or "")
    block.add_new(0x11, "LO", number or "")
    block.add_new(0x12, "SQ", [inner])
    block.add_new(0x13, "UN", f"raw {name or ''} {number or ''} ".encode().ljust(64))
    block.add_new(0x14, "SQ", [outer])


def planted_values(identity: Mapping[str, str]) -> frozenset[str]:
    """Strings of which none may be found once the identity was removed: values, and the parts of names."""
    found = set()
    for keyword, value in identity.items():
        found.add(value)
        if dictionary_VR(keyword) == "PN":
            found.update(value.split("^"))
    return frozenset(found)
