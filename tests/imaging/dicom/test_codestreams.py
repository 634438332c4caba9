"""Size and bits of a compressed frame are read from its header."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imaging.dicom.codestreams import precision, size_of
from tests.imaging.deid.frames import HTJ2K, J2K, JPEG_LOSSLESS, JPEG_LS, RLE, compressed


@pytest.mark.parametrize(("kind", "bits"), [("u1", 8), ("u2", 16)])
@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, J2K, HTJ2K])
def test_size_and_bits_are_read_from_the_header_of_a_frame(syntax: str, kind: str, bits: int) -> None:
    stream = compressed(np.zeros((32, 64), kind), syntax)
    assert (size_of(stream), precision(stream)) == ((32, 64), bits)


def test_segments_before_the_header_are_passed_over() -> None:
    buffer = io.BytesIO()
    Image.new("L", (30, 20)).save(buffer, "JPEG", comment=b"\xff\xc0 and more")
    assert (size_of(buffer.getvalue()), precision(buffer.getvalue())) == ((20, 30), 8)


@pytest.mark.parametrize("stream", [b"", b"\0\0\0\1", b"\xff\xd8\xff\xc0", compressed(np.zeros((32, 64), "u1"), RLE)])
def test_of_anything_else_nothing_is_said(stream: bytes) -> None:
    assert (size_of(stream), precision(stream)) == (None, 0)
