"""What we write into an instance: the trial's identity, what was done and by which recipe, and a seal."""

from __future__ import annotations

import hmac
import re
import zlib
from dataclasses import dataclass, fields
from functools import lru_cache

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from imaging.deid.keys import SubjectKeys
from imaging.deid.recipe import Recipe
from imaging.deid.values import copied
from imaging.deid.writing import as_read, encoded, file_meta_bytes

IMPLEMENTATION_CLASS_UID = "2.25.246608625638812650468298638564650933929"
IMPLEMENTATION_VERSION_NAME = "PARALLAX"

_METHOD = 0x00120063
_MARK = "Parallax "
#: Values of the method, of a series in which a face was looked for.
FACE_GONE, NO_FACE = "face taken out of the series", "no face in the series"
_UNSEALED = "seal:" + "0" * 48
_LONGITUDINAL = {"shifted": "MODIFIED", "kept": "UNMODIFIED", "removed": "REMOVED"}
_NOT_TOLD = "REMOVED"
_OPTIONAL = ("site_id", "timepoint_id")
_PIXEL_GROUP, _PIXEL_DATA = 0x7FE00000, 0x7FE00010


@dataclass(frozen=True)
class TrialIdentity:
    """Who the instance belongs to in the trial; plain ASCII, at most 64 characters each.

    Attributes
    ----------
    protocol_id, site_id, subject_code, timepoint_id
        Written as Clinical Trial Protocol, Site, Subject and Time Point ID (PS3.3 §C.7.1.3, §C.7.2.3).
        The subject's code also stands for the patient's name and ID. Site and timepoint may be empty; the site is
        written as such then, and the timepoint is not.
    """

    protocol_id: str
    site_id: str
    subject_code: str
    timepoint_id: str

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if name in _OPTIONAL and not getattr(self, name):
                continue
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,63}", getattr(self, name)):
                raise ValueError(f"{name} holds 1 to 64 ASCII letters, digits, spaces and . _ / + -")

    def values(self) -> frozenset[str]:
        """Return what the output holds by right, for `imaging.deid.leaks`."""
        return frozenset(getattr(self, field.name) for field in fields(self)) - {""}


def write(dataset: Dataset, *, recipe: Recipe, identity: TrialIdentity, face: str = "") -> None:
    """Write identity, method and codes into a cleaned data set (PS3.15 §E.3.1, PS3.3 §C.7.1.1).

    Parameters
    ----------
    face
        `FACE_GONE` or `NO_FACE`, of a series in which one was looked for.
    """
    if face:
        dataset.RecognizableVisualFeatures = "NO"
    encoding = dataset.original_encoding
    written = _elements(recipe, identity, face, *encoding) if None not in encoding else _made(recipe, identity, face)
    for element in written:
        dataset[element.tag] = element
    for keyword in ("ClinicalTrialProtocolName", "ClinicalTrialSiteName"):
        if keyword not in dataset:
            setattr(dataset, keyword, "")


@lru_cache(maxsize=64)
def _elements(
    recipe: Recipe, identity: TrialIdentity, face: str, implicit: bool, little: bool
) -> tuple[DataElement | RawDataElement, ...]:
    """What is written, as if it had been read: it is the same for all files of a subject, and cannot be changed."""
    level = Dataset()
    level.set_original_encoding(implicit, little, default_encoding)
    return tuple(as_read(element, level) or element for element in _made(recipe, identity, face))


def _made(recipe: Recipe, identity: TrialIdentity, face: str) -> Dataset:
    made, codes = Dataset(), recipe.codes(face=bool(face))
    made.PatientName = made.PatientID = made.ClinicalTrialSubjectID = identity.subject_code
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = _method(recipe, face)
    made.DeidentificationMethodCodeSequence = [Dataset() for _ in codes]
    for item, code in zip(made.DeidentificationMethodCodeSequence, codes, strict=True):
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    made.LongitudinalTemporalInformationModified = _LONGITUDINAL[recipe.dates]
    made.ClinicalTrialProtocolID = identity.protocol_id
    made.ClinicalTrialSiteID = identity.site_id
    if identity.timepoint_id:
        made.ClinicalTrialTimePointID = identity.timepoint_id
    # The module is not valid without them (PS3.3 §C.7.1.3); who the sponsor is, is nobody's business here.
    made.ClinicalTrialSponsorName = _NOT_TOLD
    return made


def _method(recipe: Recipe, face: str) -> list[str]:
    said = [f"{_MARK}{recipe.identifier} {recipe.version}", f"recipe sha256:{recipe.digest()[:16]}"]
    return [*said, *([face] if face else []), _UNSEALED]


def claims_to_be_ours(dataset: Dataset) -> bool:
    """Tell whether the method attribute begins as we write it; anybody can write that."""
    return any(str(value).startswith((_MARK, "seal:")) for value in _values(dataset))


def is_sealed(dataset: Dataset, *, recipe: Recipe, keys: SubjectKeys, identity: TrialIdentity) -> bool:
    """Tell whether the instance left here for this identity by this recipe and was not changed since."""
    *method, seal_found = _values(dataset) or [""]
    expected = _method(recipe, next((face for face in (FACE_GONE, NO_FACE) if face in method), ""))
    subject = (str(dataset.get(name, "")) for name in ("PatientID", "PatientName", "ClinicalTrialSubjectID"))
    places = tuple(str(dataset.get(f"ClinicalTrial{name}ID", "")) for name in ("Protocol", "Site", "TimePoint"))
    if method != expected[:-1] or set(subject) != {identity.subject_code}:
        return False
    if places != (identity.protocol_id, identity.site_id, identity.timepoint_id):
        return False
    unsealed = copied(dataset)
    unsealed.file_meta = dataset.file_meta
    unsealed[_METHOD] = DataElement(_METHOD, "LO", expected)
    return hmac.compare_digest(seal_found, _seal_of(b"".join(_encoded(unsealed, before=_PIXEL_GROUP)), unsealed, keys))


def seal(dataset: Dataset, keys: SubjectKeys) -> bytes:
    """Replace the open seal by the keyed digest of everything else.

    Returns
    -------
    bytes
        What is before the pixels, encoded with the seal in it, for `file_bytes`.
    """
    *method, _ = _values(dataset)
    head = b"".join(_encoded(dataset, before=_PIXEL_GROUP))
    found = _seal_of(head, dataset, keys)
    dataset[_METHOD] = DataElement(_METHOD, "LO", [*method, found])
    if head.count(_UNSEALED.encode()) != 1:
        return b"".join(_encoded(dataset, before=_PIXEL_GROUP))
    return head.replace(_UNSEALED.encode(), found.encode())


def _values(dataset: Dataset) -> list[str]:
    value = dataset.get(_METHOD)
    if value is None or not value.value:
        return []
    return [value.value] if isinstance(value.value, str) else [str(part) for part in value.value]


def _seal_of(head: bytes, dataset: Dataset, keys: SubjectKeys) -> str:
    pixels = dataset.get_item(_PIXEL_DATA) if _PIXEL_DATA in dataset else None
    value = b"" if pixels is None else pixels.value
    return f"seal:{keys.seal(head, value if isinstance(value, bytes) else b'')}"


def _encoded(dataset: Dataset, *, since: int = 0, before: int = 1 << 32) -> list[bytes]:
    syntax = dataset.file_meta.TransferSyntaxUID
    return encoded(dataset, implicit=syntax.is_implicit_VR, little=syntax.is_little_endian, since=since, before=before)


def file_bytes(dataset: Dataset, head: bytes = b"") -> bytes:
    """Write a file with an empty preamble (PS3.10 §7.1).

    Parameters
    ----------
    head
        What `seal` gave, to save encoding it again.
    """
    start = b"\0" * 128 + b"DICM" + file_meta_bytes(dataset.file_meta)
    pieces = [head, *_encoded(dataset, since=_PIXEL_GROUP)] if head else _encoded(dataset)
    if dataset.file_meta.TransferSyntaxUID.is_deflated:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflater.compress(b"".join(pieces)) + deflater.flush()
        pieces = [content, b"\0" * (len(content) % 2)]
    return b"".join([start, *pieces])
