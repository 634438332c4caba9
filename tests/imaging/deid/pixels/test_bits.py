"""What lies in the unused bits of pixels goes, and no value changes: native and compressed, signed and unsigned."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from imaging.deid.admission import CannotDeidentify
from imaging.deid.engine import serialise
from imaging.deid.pixels.bits import Layout, clear_compressed, clear_native
from imaging.deid.pixels.frames import Pixels
from tests.imaging.deid.conftest import as_file, clean
from tests.imaging.deid.frames import (
    HTJ2K,
    HTJ2K_RPCL,
    J2K_LOSSY,
    JPEG_LOSSLESS,
    JPEG_LS,
    LOSSLESS,
    UNCOMPRESSED,
    compressed,
)
from tests.imaging.deid.pixels.pictures import instance

pytestmark = pytest.mark.requirement("REQ-DEI-004")


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    allocated = draw(st.sampled_from([8, 16, 32]))
    high = draw(st.integers(0, allocated - 1))
    return Layout(allocated, draw(st.integers(0, high)), high, draw(st.booleans()))


def value_in(word: int, layout: Layout) -> int:
    """The value of a word by PS3.5 §8.1.1, bit by bit."""
    bits = [word >> at & 1 for at in range(layout.low, layout.high + 1)]
    value = sum(bit << at for at, bit in enumerate(bits))
    return value - (1 << len(bits)) if layout.signed and bits[-1] else value


@given(layouts(), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9), st.booleans())
def test_every_value_stays_and_unused_bits_say_nothing_beside_it(
    layout: Layout, words: list[int], little: bool
) -> None:
    size = layout.allocated // 8
    order = "little" if little else "big"
    words = [word & (1 << layout.allocated) - 1 for word in words]
    native = b"".join(word.to_bytes(size, order) for word in words)
    after = clear_native(native, layout, little=little)
    found = [int.from_bytes(after[at : at + size], order) for at in range(0, len(after), size)]
    values = [value_in(word, layout) for word in words]
    assert [value_in(word, layout) for word in found] == values
    bare = [(value << layout.low) & (1 << layout.high + 1) - 1 for value in values]
    filled = [(value << layout.low) & (1 << layout.allocated) - 1 for value in values]
    assert found in ([bare, filled] if layout.signed else [bare])
    assert clear_native(after, layout, little=little) is after


@pytest.mark.parametrize("signed", [False, True])
def test_the_sign_above_some_values_and_not_above_others_is_a_message(signed: bool) -> None:
    layout = Layout(16, 0, 11, signed)
    mixed = np.array([0xFFFF, 0x0FFF, 0x0001], "<u2").tobytes()
    expected = [0xFFFF, 0xFFFF, 0x0001] if signed else [0x0FFF, 0x0FFF, 0x0001]
    assert np.frombuffer(clear_native(mixed, layout, little=True), "<u2").tolist() == expected


#: Whose encoder takes pictures without a sign.
_UNSIGNED = (HTJ2K, HTJ2K_RPCL)
#: The bits of a bitmap of letters, over values of twelve bits.
OVERLAY = np.kron(np.eye(4, dtype=np.uint16), np.ones((8, 16), np.uint16))


def values(signed: bool) -> NDArray[np.generic]:
    picture = np.arange(32 * 64).reshape(32, 64) % 4096 // 7
    return (picture - 300).astype(np.int16) if signed else picture.astype(np.uint16)


def overlaid(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """An overlay in bit 13 of words whose values have twelve bits."""
    return ((picture.view(np.uint16) & 0x0FFF) | OVERLAY << 13).view(picture.dtype)


def dataset_of(frames: list[NDArray[np.generic]], syntax: str) -> Dataset:
    dataset = instance(np.stack(frames), frames=len(frames))
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.PixelData = encapsulate([compressed(frame, syntax) for frame in frames])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.stack(frames).byteswap().tobytes()
    return dataset


def stored(dataset: Dataset) -> list[NDArray[np.generic]]:
    """Words of every frame, with their unused bits."""
    return [frame.copy() for frame in Pixels(dataset, dataset.file_meta.TransferSyntaxUID).frames(unused_bits=True)]


@pytest.mark.parametrize(
    ("syntax", "signed"),
    [(syntax, signed) for syntax in LOSSLESS for signed in (False, True) if not (signed and syntax in _UNSIGNED)],
)
def test_an_overlay_in_the_bits_of_one_compressed_frame_goes(syntax: str, signed: bool) -> None:
    plain = values(signed)
    dataset = dataset_of([plain, overlaid(plain)], syntax)
    assert not np.array_equal(stored(dataset)[1], plain)
    frames, after = clear_compressed(dataset, Layout.of(dataset))
    assert [frame.tolist() for frame in stored(dataset)] == [plain.tolist()] * 2
    assert frames == 1
    assert after == dataset.file_meta.TransferSyntaxUID
    assert after == (syntax if syntax in (RLELossless, JPEG2000Lossless) else ExplicitVRLittleEndian)


def test_what_was_compressed_with_losses_loses_no_more() -> None:
    dataset = dataset_of([overlaid(values(False))], J2K_LOSSY)
    (before,) = stored(dataset)
    assert clear_compressed(dataset, Layout.of(dataset)) == (1, ExplicitVRLittleEndian)
    assert np.array_equal(stored(dataset)[0], before & 0x0FFF)
    assert dataset.LossyImageCompressionMethod == "ISO_15444_1"


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_values_at_the_top_of_their_words_lose_what_is_below_them(syntax: str) -> None:
    words = values(False) << 4
    dataset = dataset_of([words | OVERLAY], syntax)
    dataset.HighBit = 15
    assert clear_compressed(dataset, Layout.of(dataset)) == (1, syntax)
    assert np.array_equal(stored(dataset)[0], words)


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG2000Lossless, HTJ2K])
def test_a_stream_of_no_more_bits_than_the_value_is_not_decoded(syntax: str) -> None:
    stream = compressed(np.zeros((32, 64), np.uint8), syntax)
    # A decoder of JPEG 2000 forgives an end that is missing, but not the rest of the main header.
    broken = stream[: 60 if syntax in (JPEG2000Lossless, HTJ2K) else len(stream) - 8 & ~1]
    dataset = dataset_of([values(False)], RLELossless)
    dataset.file_meta.TransferSyntaxUID, dataset.PixelData = UID(syntax), encapsulate([broken])
    dataset.BitsStored, dataset.HighBit = 8, 7
    before = dataset.PixelData
    assert clear_compressed(dataset, Layout.of(dataset)) == (0, syntax)
    assert dataset.PixelData is before
    dataset.BitsStored, dataset.HighBit = 6, 5
    with pytest.raises(CannotDeidentify) as held:
        clear_compressed(dataset, Layout.of(dataset))
    assert held.value.reason == "pixels_unreadable"


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG2000Lossless])
def test_a_stream_of_more_bits_than_a_word_has_is_held(syntax: str) -> None:
    """Decoded into words of 8 bits, half of each sample would be looked at."""
    dataset = dataset_of([np.zeros((32, 64), np.uint8)], RLELossless)
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = encapsulate([compressed(np.zeros((32, 64), np.uint16), syntax)])
    dataset.BitsAllocated = 8
    dataset.BitsStored, dataset.HighBit = 6, 5
    with pytest.raises(CannotDeidentify) as held:
        clear_compressed(dataset, Layout.of(dataset))
    assert held.value.reason == "pixels_unreadable"


def test_native_frames_in_items_are_looked_at_whatever_they_begin_with() -> None:
    frame = overlaid(values(False))
    frame.view(np.uint8)[0, :8] = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0]  # as a JPEG stream of 8 bits does
    dataset = dataset_of([frame], UNCOMPRESSED)
    assert clear_compressed(dataset, Layout.of(dataset))[0] == 1
    assert np.array_equal(stored(dataset)[0], frame & 0x0FFF)


@pytest.mark.parametrize(
    "description",
    [
        {"BitsStored": None},
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 16},
        {"HighBit": 10},
        {"BitsAllocated": 12, "BitsStored": 10, "HighBit": 9},
    ],
)
def test_who_does_not_say_which_bits_are_the_value_is_held(
    description: dict[str, int | None], make_ct: Callable[..., Dataset]
) -> None:
    with pytest.raises(CannotDeidentify) as held:
        clean(make_ct(**{"BitsStored": 12, "HighBit": 11, **description}))
    assert held.value.reason == "pixel_description"


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEG_LOSSLESS])
def test_an_image_with_an_overlay_in_its_bits_passes_without_it(syntax: str, signed: bool) -> None:
    plain = values(signed)
    original = announced(dataset_of([overlaid(plain)], syntax), 13)
    result = clean(original)
    output = dcmread(BytesIO(serialise(result)))
    assert np.array_equal(stored(output)[0], plain)
    assert np.array_equal(output.pixel_array, plain)
    assert 0x60020010 not in output
    assert (result.actions[-1], result.counters["bits"]) == (("(7FE0,0010)", "C"), 1)
    assert dict(clean(output).counters) == {"unchanged": 1}


@pytest.mark.parametrize("bit", [0, 5, 11])
def test_an_overlay_among_the_bits_of_the_value_cannot_be_told_from_the_picture(bit: int) -> None:
    with pytest.raises(CannotDeidentify) as held:
        clean(announced(dataset_of([values(False)], ExplicitVRLittleEndian), bit))
    assert held.value.reason == "embedded_overlay"


def test_an_overlay_with_data_of_its_own_goes_with_them() -> None:
    original = announced(dataset_of([values(False)], ExplicitVRLittleEndian), 0)
    original.add_new(0x60020100, "US", 1)
    original.add_new(0x60023000, "OW", bytes(256))
    assert dict(clean(original).counters).get("bits") is None


def announced(dataset: Dataset, bit: int) -> Dataset:
    """A slice of CT that says of a bit of its pixels that an overlay is there, as editions before 2004 did."""
    dataset.SOPClassUID, dataset.Modality = CTImageStorage, "CT"
    dataset.add_new(0x60020010, "US", 32)
    dataset.add_new(0x60020011, "US", 64)
    dataset.add_new(0x60020100, "US", 16)
    dataset.add_new(0x60020102, "US", bit)
    return as_file(dataset, dataset.file_meta.TransferSyntaxUID)
