"""Comments in compressed frames go, the picture stays."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from imaging.deid.codestreams import without_comments
from tests.imaging.deid.frames import COMPRESSED, HTJ2K, J2K, JPEG, JPEG_LOSSLESS, JPEG_LS, commented, compressed

pytestmark = pytest.mark.requirement("REQ-DEI-008")

FRAMES = [np.arange(n, n + 32 * 48, dtype=np.uint16).astype(np.uint8).reshape(32, 48) for n in (0, 99)]
SECRET = b"Plantagenet, HOSP-77123"


def decoded(value: bytes, syntax: str) -> np.ndarray:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames, dataset.SamplesPerPixel = 32, 48, 2, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = value
    dataset["PixelData"].is_undefined_length = True
    return dataset.pixel_array


@pytest.mark.parametrize(
    ("syntax", "marker"),
    [
        *((syntax, marker) for syntax in (JPEG, JPEG_LOSSLESS, JPEG_LS) for marker in (b"\xff\xfe", b"\xff\xe1")),
        *((syntax, b"\xff\x64") for syntax in (J2K, HTJ2K)),
    ],
)
@pytest.mark.parametrize("has_bot", [True, False])
def test_comments_go_and_the_picture_stays(syntax: str, marker: bytes, has_bot: bool) -> None:
    streams = [compressed(frame, syntax) for frame in FRAMES]
    value = encapsulate([commented(stream, marker, SECRET) for stream in streams], has_bot=has_bot)

    cleaned = without_comments(value)

    assert SECRET in value
    assert SECRET not in cleaned
    assert np.array_equal(decoded(cleaned, syntax), decoded(encapsulate(streams), syntax))
    assert without_comments(cleaned) is cleaned


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_frames_without_comments_are_not_touched(syntax: str) -> None:
    once = without_comments(encapsulate([compressed(frame, syntax) for frame in FRAMES]))

    assert without_comments(once) is once


def test_what_colours_need_stays() -> None:
    buffer = BytesIO()
    picture = Image.fromarray(np.dstack([FRAMES[0], FRAMES[1], FRAMES[0]]))
    picture.save(buffer, "JPEG", comment=SECRET, keep_rgb=True)

    cleaned = without_comments(encapsulate([buffer.getvalue()], has_bot=False))

    (stream,) = generate_frames(cleaned, number_of_frames=1)
    assert SECRET not in stream
    assert np.array_equal(np.asarray(Image.open(BytesIO(stream))), np.asarray(Image.open(buffer)))


def test_what_follows_the_end_of_a_picture_goes() -> None:
    stream = compressed(FRAMES[0], JPEG, "") + SECRET

    assert SECRET not in without_comments(encapsulate([stream + b"\0" * (len(stream) % 2)]))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no items",
        encapsulate([b"\xff\xd8\xff\xfe\xff\xff cut off "]),
        encapsulate([b"\xff\xd8 no marker"]),
        encapsulate([b"\xff\x4f\xff"]),
        encapsulate([b"anything"]),
        encapsulate([compressed(FRAMES[0], JPEG, "c")])[:-6],
    ],
)
def test_what_is_not_understood_stays(value: bytes) -> None:
    assert without_comments(value) is value
