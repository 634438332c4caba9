"""Frames become pictures by the standard's window, within a budget."""

from __future__ import annotations

import io
from struct import pack

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

from compliance import confined
from imaging.dicom import rendering
from imaging.dicom.rendering import (
    NoSuchFrame,
    UnreadablePixels,
    Window,
    frame_values,
    header_window,
    render_frame,
)
from tests.imaging.deid.frames import J2K, JPEG_LOSSLESS, JPEG_LS, compressed


def picture(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


# PS3.3 §C.11.2.1.2.1, Table C.11-2a: centre 2048, width 4096; and the narrow windows of its notes.
LINEAR = [
    (Window(2048, 4096), [0, 4095], [0, 255]),
    (Window(2048, 1), [2047, 2048], [0, 255]),
    (Window(0, 100), [-50, -51, 49, 50], [0, 0, 255, 255]),
    (Window(0, 100, "LINEAR_EXACT"), [-50, 0, 50], [0, 128, 255]),
    (Window(0, 100, "SIGMOID"), [-1000, 0, 1000], [0, 128, 255]),
]


@pytest.mark.parametrize(("window", "values", "shades"), LINEAR)
def test_windows_follow_the_standard(window, values, shades):
    assert window.apply(np.array(values)).tolist() == shades


@pytest.mark.parametrize(("centre", "width"), [(0, 0), (0, -1), (float("nan"), 100), (0, float("inf"))])
def test_windows_without_meaning_are_refused(centre, width):
    with pytest.raises(ValueError, match="window"):
        Window(centre, width)


def test_a_grey_frame_is_rescaled_windowed_and_encoded(make_ct, as_file):
    pixels = np.array([[0, 1024 - 160, 1024 + 40, 1024 + 239, 4095, 1024]] * 4, dtype="<u2")
    content = as_file(make_ct(PixelData=pixels.tobytes()))
    shades = picture(render_frame(content, window=Window(40, 400)))
    assert shades.shape == (4, 6)
    assert shades[0].tolist() == [0, 0, 128, 255, 255, 102]


def test_monochrome1_is_inverted(make_ct, as_file):
    content = as_file(make_ct(PhotometricInterpretation="MONOCHROME1"))
    assert picture(render_frame(content, window=Window(0, 100))).tolist() == [[255] * 6] * 4


def test_the_headers_first_window_is_the_default(make_ct):
    assert header_window(make_ct(WindowCenter=[40, -600], WindowWidth=[400, 1500])) == Window(40, 400)
    assert header_window(make_ct(WindowCenter=40, WindowWidth=400)) == Window(40, 400)
    assert header_window(make_ct(WindowCenter=40, WindowWidth=0)) is None
    assert header_window(make_ct()) is None


READABLE = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "693_J2KI.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_rgb_rle_2frame.dcm",
]


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_genuine_files_decode_as_pydicom_decodes_them(genuine, name):
    values, _ = frame_values(genuine / name)
    dataset = pydicom.dcmread(genuine / name)
    reference = pydicom.pixels.pixel_array(dataset, index=0).astype(np.float32)
    if values.ndim == 2:
        reference = reference * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
    assert np.allclose(values, reference)
    assert picture(render_frame(genuine / name)).shape == values.shape


def test_palettes_are_looked_up(genuine):
    shades = picture(render_frame(genuine / "examples_palette.dcm"))
    assert shades.shape == (350, 800, 3)
    assert np.ptp(shades) > 200


def test_each_frame_is_its_own(genuine):
    path = genuine / "examples_ybr_color.dcm"
    assert render_frame(path, frame=0) != render_frame(path, frame=29)
    for frame in (-1, 30):
        with pytest.raises(NoSuchFrame):
            render_frame(path, frame=frame)


def test_what_holds_no_image_has_no_frame(genuine):
    with pytest.raises(NoSuchFrame):
        render_frame(genuine / "reportsi.dcm")


def test_pixels_that_cannot_be_decoded_are_named(genuine):
    content = bytearray((genuine / "MR_small_jp2klossless.dcm").read_bytes())
    at = content.index(b"\xff\x4f\xff\x51")
    content[at + 60 : at + 400] = bytes(340)
    with pytest.raises(UnreadablePixels):
        render_frame(bytes(content))


def test_a_codestream_may_not_claim_another_size(genuine):
    """100 bytes that claim 60 000 × 60 000 pixels would cost the decoder gigabytes."""
    content = bytearray((genuine / "MR_small_jp2klossless.dcm").read_bytes())
    at = content.index(b"\xff\x4f\xff\x51")
    content[at + 8 : at + 16] = pack(">LL", 60_000, 60_000)
    with pytest.raises(UnreadablePixels, match="size"):
        render_frame(bytes(content))


def _of_bits(make_ct, as_file, values, stored, syntax=ExplicitVRLittleEndian):
    """A slice whose header says so many bits of a value, and nothing of the stream."""
    allocated = 8 * values.dtype.itemsize
    dataset = make_ct(
        Rows=values.shape[0], Columns=values.shape[1], BitsAllocated=allocated, BitsStored=stored, HighBit=stored - 1,
        WindowCenter=8, WindowWidth=16, RescaleIntercept=None, RescaleSlope=None,
        PixelData=values.tobytes() if syntax == ExplicitVRLittleEndian else encapsulate([compressed(values, syntax)]),
    )  # fmt: skip
    dataset["PixelData"].is_undefined_length = syntax != ExplicitVRLittleEndian
    return as_file(dataset, syntax)


@pytest.mark.parametrize(("kind", "stored"), [("u1", 6), ("u2", 12)])
@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, J2K])
def test_a_stream_of_more_bits_than_the_header_says_shows_the_value(make_ct, as_file, tmp_path, syntax, kind, stored):
    """Told of 6 bits of 8 the decoder of JPEG lossless ends its process, so this asks in a child."""
    words = (np.arange(32 * 64).reshape(32, 64) % 16).astype(kind)
    plain = _of_bits(make_ct, as_file, words, stored)
    path = tmp_path / "image"
    path.write_bytes(_of_bits(make_ct, as_file, words | words.dtype.type(1 << stored), stored, syntax))

    assert confined.call("imaging.dicom.rendering:picture", str(path), 0, None) == render_frame(plain)


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, J2K])
def test_a_stream_of_more_bits_than_a_word_has_is_refused(make_ct, as_file, syntax):
    dataset = pydicom.dcmread(io.BytesIO(_of_bits(make_ct, as_file, np.zeros((32, 64), "u2"), 12, syntax)))
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7

    with pytest.raises(UnreadablePixels, match="more bits than its header says"):
        render_frame(as_file(dataset, syntax))


def test_frames_beyond_the_budget_are_not_decoded(make_ct, as_file, monkeypatch):
    monkeypatch.setattr(rendering, "MAX_FRAME_SAMPLES", 23)
    with pytest.raises(UnreadablePixels):
        render_frame(as_file(make_ct()))
