"""Reading a header safely: is this an instance, which one, and is it whole?"""

from __future__ import annotations

import datetime as dt
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from compliance.errors import HouseError
from imaging.dicom.elements import (
    PIXEL_TAGS,
    TEXT_VRS,
    Encoding,
    Kind,
    Limits,
    Malformed,
    TooComplex,
    Truncated,
    fragments,
    walk,
)
from imaging.dicom.files import (
    DEFAULT_LIMITS,
    EmptyFile,
    NotDicom,
    Source,
    TooLarge,
    UnsupportedTransferSyntax,
    layout_of,
    opened,
)

__all__ = [
    "EmptyFile",
    "Header",
    "InvalidUid",
    "Limits",
    "Malformed",
    "MediaDirectory",
    "MissingAttribute",
    "NotDicom",
    "NulCharacter",
    "TooComplex",
    "TooLarge",
    "Truncated",
    "UnsupportedTransferSyntax",
    "is_valid_uid",
    "read_header",
    "scan_date",
]

_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
_DIRECTORY_RECORD_SEQUENCE = 0x00041220

_UIDS = {
    0x00080016: "SOP Class UID",
    0x00080018: "SOP Instance UID",
    0x0020000D: "Study Instance UID",
    0x0020000E: "Series Instance UID",
}
_FRAME_OF_REFERENCE_UID = 0x00200052
_MODALITY = 0x00080060
_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _BITS = (
    0x00280002,
    0x00280004,
    0x00280008,
    0x00280010,
    0x00280011,
    0x00280100,
)
_KEPT = frozenset({*_UIDS, _FRAME_OF_REFERENCE_UID, _MODALITY, _SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _BITS})
_PIXEL_DATA_PROVIDER_URL = 0x00287FE0
#: MPEG-2, MPEG-4 and HEVC, .100 to .108 (PS3.6 table A-1).
_VIDEO = "1.2.840.10008.1.2.4.10"
_UID_PATTERN = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


class InvalidUid(HouseError):
    """A UID that identifies the instance breaks PS3.5 §9.1."""

    code = "invalid_uid"
    status = 422


class MissingAttribute(HouseError):
    """An attribute without which the instance cannot be filed or shown is absent or empty."""

    code = "missing_attribute"
    status = 422


class NulCharacter(HouseError):
    """A text attribute holds a NUL character within its value (PS3.5 §6.1)."""

    code = "nul_character"
    status = 422


class MediaDirectory(HouseError):
    """The file is the DICOMDIR of an exported disc: it lists images and holds none."""

    code = "media_directory"
    status = 422


def is_valid_uid(value: str) -> bool:
    """Whether a UID follows PS3.5 §9.1: dotted numbers, no leading zeros, at most 64 characters."""
    return len(value) <= 64 and _UID_PATTERN.fullmatch(value) is not None


@dataclass(frozen=True)
class Header:
    """What identifies an instance and says whether it is whole.

    Attributes
    ----------
    transfer_syntax_uid
        Syntax of the data set in the file.
    rows, columns
        Size of a frame in pixels; None for an instance without an image.
    number_of_frames
        1 for a single-frame image, 0 for an instance without an image.
    size
        Bytes in the file.
    pixel_offset, pixel_length
        Where the pixel data lie in the file, in bytes, so that frames can be served by range; None when
        they are absent or the data set is deflated.
    encapsulated
        Whether those bytes are fragments of compressed frames (PS3.5 §A.4) rather than native pixels.
    pixel_vr
        VR of the pixel data, which says how big-endian pixels were swapped; empty when absent.
    n_elements
        Elements at all levels, a measure of how much work the instance is.
    """

    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    rows: int | None
    columns: int | None
    number_of_frames: int
    size: int
    pixel_offset: int | None
    pixel_length: int | None
    encapsulated: bool
    pixel_vr: str
    n_elements: int
    encoding: Encoding = field(repr=False)
    head: bytes = field(repr=False)

    @cached_property
    def dataset(self) -> Dataset:
        """Every attribute before the pixel data, parsed on first use (about 1 ms)."""
        implicit, little = self.encoding
        dataset = read_dataset(BytesIO(self.head), is_implicit_VR=implicit, is_little_endian=little)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(self.transfer_syntax_uid)
        dataset.set_original_encoding(implicit, little)
        return dataset


def read_header(source: Source, *, transfer_syntax_uid: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Header:
    """Read and prove the header of one instance; pixel data are measured and not read.

    Parameters
    ----------
    source
        A file, or its bytes.
    transfer_syntax_uid
        Give it when `source` holds a bare data set, as C-STORE delivers it.
    limits
        Budgets for size, elements and nesting.

    Raises
    ------
    EmptyFile, NotDicom, Truncated, Malformed, TooLarge, TooComplex, UnsupportedTransferSyntax
        The bytes cannot be an instance; see `imaging.dicom.elements`.
    MediaDirectory
        The file is a DICOMDIR.
    InvalidUid, MissingAttribute
        The instance cannot be filed.
    NulCharacter
        A text value would be cut by whatever stores it.
    """
    with opened(source, limits) as whole:
        layout = layout_of(whole, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
        view = layout.view
        kept: dict[int, bytes] = {}
        tags: set[int] = set()
        head_end = len(view)
        pixels: tuple[int, int] | None = None
        n_fragments: int | None = None
        pixel_vr = ""
        count = 0
        for part in walk(layout, limits):
            count += 1
            kind, tag, vr, start, stop, depth, _ = part
            if kind is Kind.VALUE:
                if vr in TEXT_VRS and not tag >> 16 & 1:
                    _refuse_nul(view, start, stop)
                if depth == 0 and tag in _KEPT:
                    kept[tag] = bytes(view[start:stop])
            if depth:
                continue
            tags.add(tag)
            if tag in PIXEL_TAGS:
                # An explicit header before these values is 12 bytes long, an implicit one 8.
                head_end = min(head_end, start - (8 if part.encoding.implicit else 12))
                pixels, pixel_vr = (start, stop - start), vr
                if kind is Kind.FRAGMENTS:
                    n_fragments = sum(1 for _ in fragments(view, start, stop))
                    if n_fragments and layout.transfer_syntax_uid.startswith(_VIDEO):
                        # All frames of a film are one stream, in any number of fragments: PS3.5 §8.2.5 to §8.2.11.
                        n_fragments = sys.maxsize
        if head_end > limits.max_header_bytes:
            raise TooLarge("The header of the file is larger than this system accepts.")
        little = layout.encoding.little
        sop_class, sop_instance, study, series = _uids(kept, tags)
        frames = _check_pixels(sop_class, kept, tags, little, pixels, n_fragments)
        if layout.inflated:
            pixels = None
        return Header(
            transfer_syntax_uid=layout.transfer_syntax_uid,
            sop_class_uid=sop_class,
            sop_instance_uid=sop_instance,
            study_instance_uid=study,
            series_instance_uid=series,
            modality=_text(kept, _MODALITY),
            rows=_short(kept, _ROWS, little),
            columns=_short(kept, _COLUMNS, little),
            number_of_frames=frames,
            size=len(whole),
            pixel_offset=pixels[0] if pixels else None,
            pixel_length=pixels[1] if pixels else None,
            encapsulated=n_fragments is not None,
            pixel_vr=pixel_vr,
            n_elements=count,
            encoding=layout.encoding,
            head=bytes(view[layout.start : head_end]),
        )


def scan_date(dataset: Dataset) -> dt.date | None:
    """Date of the scan: of acquisition, else series, else study; None where the header gives no date."""
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate"):
        text = str(dataset.get(keyword) or "")[:8]
        try:
            return dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - DICOM DA has no zone
        except ValueError:
            continue
    return None


def _refuse_nul(view: memoryview, start: int, stop: int) -> None:
    value = bytes(view[start:stop])
    # Trailing NULs are padding: required for UIDs, tolerated elsewhere (PS3.5 §6.2).
    if b"\0" in value and b"\0" in value.rstrip(b"\0 "):
        raise NulCharacter("A text attribute holds a NUL character. Correct the source and export it again.")


def _text(kept: dict[int, bytes], tag: int) -> str:
    return kept.get(tag, b"").rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace")


def _short(kept: dict[int, bytes], tag: int, little: bool) -> int | None:
    value = kept.get(tag, b"")
    return int.from_bytes(value[:2], "little" if little else "big") if len(value) >= 2 else None


def _uids(kept: dict[int, bytes], tags: set[int]) -> tuple[str, ...]:
    if _DIRECTORY_RECORD_SEQUENCE in tags or _text(kept, 0x00080016) == _MEDIA_STORAGE_DIRECTORY:
        raise MediaDirectory("The file is a DICOMDIR, the list of a disc. It is not needed: send the images.")
    values = []
    for tag, name in _UIDS.items():
        value = _text(kept, tag)
        if not value:
            raise MissingAttribute(f"The {name} is missing. Export the image again.", attribute=name)
        if not is_valid_uid(value):
            raise InvalidUid(f"The {name} is not a valid UID. Export the image again.", attribute=name)
        values.append(value)
    frame_of_reference = _text(kept, _FRAME_OF_REFERENCE_UID)
    if frame_of_reference and not is_valid_uid(frame_of_reference):
        name = "Frame of Reference UID"
        raise InvalidUid(f"The {name} is not a valid UID. Export the image again.", attribute=name)
    return tuple(values)


def _check_pixels(
    sop_class_uid: str,
    kept: dict[int, bytes],
    tags: set[int],
    little: bool,
    pixels: tuple[int, int] | None,
    n_fragments: int | None,
) -> int:
    """Number of frames; refuses an image whose pixel data are missing or shorter than it says."""
    rows, columns = _short(kept, _ROWS, little), _short(kept, _COLUMNS, little)
    bits = _short(kept, _BITS, little)
    if pixels is None:
        # Cut before the image module, only the SOP class still says that this is an image.
        image = (rows and columns and bits) or "Image Storage" in UID(sop_class_uid).name
        if image and _PIXEL_DATA_PROVIDER_URL not in tags:
            raise Truncated("The image has no pixel data. Send it again from the source.")
        return 0
    if not (rows and columns and bits):
        raise MissingAttribute(
            "The image does not say how large it is. Export it again.",
            attribute="Rows, Columns, Bits Allocated",
        )
    try:
        frames = int(_text(kept, _FRAMES) or 1)
    except ValueError:
        frames = 0
    if frames < 1:
        raise Malformed("The number of frames of the image is not a number. Export it again.")
    if n_fragments is not None:
        if n_fragments < frames:
            raise Truncated("The compressed image holds fewer frames than it says. Send it again from the source.")
        return frames
    samples = _short(kept, _SAMPLES, little) or 1
    expected = (frames * rows * columns * samples * bits + 7) // 8
    if _text(kept, _PHOTOMETRIC) == "YBR_FULL_422":
        expected = expected // 3 * 2  # two pixels share their chrominance: PS3.3 §C.7.6.3.1.2
    if pixels[1] < expected:
        raise Truncated("The pixel data are shorter than the image says. Send it again from the source.")
    return frames
