"""Names written into pixels are blanked, in every frame and encoding; all other pixels stay."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import convert_color_space
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from imaging.deid.admission import CannotDeidentify
from imaging.deid.pixels.cleaning import Cleaned, clean
from tests.imaging.deid.frames import (
    HTJ2K_LOSSY,
    J2K_LOSSY,
    JPEG,
    JPEG_EXTENDED,
    JPEG_LS_NEAR,
    LOSSLESS,
    compressed,
)
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import Written, instance, people

pytestmark = pytest.mark.requirement("REQ-DEI-004")

LINES = people(3)[:2]


def _written(ink: int = 230, size: int = 14) -> Written:
    return pictures.write(pictures.fan(144, 224), LINES, size=size, ink=ink)


def _reopened(dataset: Dataset) -> Dataset:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))


def _compressed(written: Written, syntax: str) -> Dataset:
    dataset = instance(written.pixels)
    dataset.PixelData = encapsulate([compressed(written.pixels, syntax)])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


def _mask(cleaned: Cleaned, shape: tuple[int, ...], frame: int = 0) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for left, top, right, bottom in cleaned.regions[frame]:
        mask[top:bottom, left:right] = True
    return mask


def _assert_blanked(cleaned: Cleaned, written: Written, before: np.ndarray, after: np.ndarray) -> None:
    mask = _mask(cleaned, before.shape[:2])
    assert all(mask[top:bottom, left:right].mean() > 0.95 for left, top, right, bottom in written.boxes)
    assert np.array_equal(after[~mask], before[~mask])
    assert not np.array_equal(after, before)


@pytest.mark.parametrize(
    ("paper", "ink", "size"),
    [
        (None, 230, 10),
        (235, 20, 14),
    ],
)
def test_text_is_blanked_on_light_and_dark_and_other_pixels_stay(paper: int | None, ink: int, size: int) -> None:
    under = pictures.fan(144, 224) if paper is None else pictures.capture(144, 224, paper=paper)
    written = pictures.write(under, LINES, size=size, ink=ink)
    dataset = instance(written.pixels, modality="US")
    cleaned = clean(dataset)
    _assert_blanked(cleaned, written, written.pixels, _reopened(dataset).pixel_array)
    assert dataset.BurnedInAnnotation == "NO"


@pytest.mark.parametrize("inverted", [False, True])
def test_text_is_blanked_on_the_gradient_of_a_radiograph_that_losses_have_blurred(inverted: bool) -> None:
    written = pictures.write(pictures.radiograph(144, 224), LINES, size=12, ink=235)
    content = pictures.jpeg(255 - written.pixels if inverted else written.pixels, 60)
    before = np.asarray(Image.open(BytesIO(content)))
    dataset = instance(before, modality="DX")
    cleaned = clean(dataset)
    _assert_blanked(cleaned, written, before, _reopened(dataset).pixel_array)


@pytest.mark.parametrize("kind", ["planes", "YBR_FULL", "PALETTE COLOR", "MONOCHROME1", "signed"])
def test_every_kind_of_pixels_is_blanked_as_it_is_stored(kind: str) -> None:
    written = _written()
    grey = written.pixels
    if kind == "MONOCHROME1":
        dataset = instance(255 - grey, photometric="MONOCHROME1")
    elif kind == "signed":
        dataset = instance(grey.astype(np.int16) * 8 - 1024)
    elif kind == "PALETTE COLOR":
        dataset = instance(grey, photometric=kind)
        for name in ("Red", "Green", "Blue"):
            setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(dataset, f"{name}PaletteColorLookupTableData", (np.arange(256, dtype="<u2") * 257).tobytes())
    else:
        colour = np.stack([grey, grey // 2, grey // 3], axis=2)
        if kind == "YBR_FULL":
            colour = convert_color_space(colour, "RGB", "YBR_FULL")
        dataset = instance(colour, photometric="YBR_FULL" if kind == "YBR_FULL" else "RGB")
        if kind == "planes":
            dataset.PlanarConfiguration, dataset.PixelData = 1, np.moveaxis(colour, 2, 0).tobytes()
    before = _reopened(dataset).pixel_array
    cleaned = clean(dataset)
    _assert_blanked(cleaned, written, before, _reopened(dataset).pixel_array)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
def test_a_lossless_syntax_stays_and_frames_without_text_keep_their_bytes(syntax: str) -> None:
    written, bare = _written(), pictures.fan(144, 224)
    dataset = instance(np.stack([bare, written.pixels, bare]), frames=3)
    dataset.compress(syntax)
    before = list(generate_frames(dataset.PixelData, number_of_frames=3))
    cleaned = clean(dataset)
    result = _reopened(dataset)
    after = list(generate_frames(result.PixelData, number_of_frames=3))
    assert (cleaned.transfer_syntax, result.file_meta.TransferSyntaxUID) == (syntax, syntax)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert [bool(boxes) for boxes in cleaned.regions] == [False, True, False]
    mask = _mask(cleaned, bare.shape, 1)
    assert np.array_equal(result.pixel_array[1][~mask], written.pixels[~mask])


@pytest.mark.parametrize("syntax", sorted(set(LOSSLESS) - {JPEG2000Lossless, RLELossless}))
def test_what_was_stored_without_losses_keeps_every_pixel_outside_the_boxes(syntax: str) -> None:
    written = _written()
    dataset = _compressed(written, syntax)
    cleaned = clean(dataset)
    result = _reopened(dataset)
    assert result.file_meta.TransferSyntaxUID == cleaned.transfer_syntax == ExplicitVRLittleEndian
    assert "LossyImageCompression" not in result
    _assert_blanked(cleaned, written, written.pixels, result.pixel_array)


@pytest.mark.parametrize(
    ("syntax", "method"),
    [
        (JPEG, "ISO_10918_1"),
        (JPEG_EXTENDED, "ISO_10918_1"),
        (JPEG_LS_NEAR, "ISO_14495_1"),
        (J2K_LOSSY, "ISO_15444_1"),
        (HTJ2K_LOSSY, "ISO_15444_15"),
    ],
)
def test_a_lossy_image_is_not_compressed_again_and_its_history_stays(syntax: str, method: str) -> None:
    """PS3.3 §C.7.6.1.1.5.1: how it was compressed is said in the words that the standard has for it."""
    written = _written()
    dataset = _compressed(written, syntax)
    before = _reopened(dataset).pixel_array
    cleaned = clean(dataset)
    result = _reopened(dataset)
    assert result.file_meta.TransferSyntaxUID == cleaned.transfer_syntax == ExplicitVRLittleEndian
    assert (result.LossyImageCompression, result.LossyImageCompressionMethod) == ("01", method)
    _assert_blanked(cleaned, written, before, result.pixel_array)


def test_every_frame_is_looked_at() -> None:
    written, bare = _written(), pictures.fan(144, 224)
    dataset = instance(np.stack([bare, bare, written.pixels]), frames=3)
    assert [bool(boxes) for boxes in clean(dataset).regions] == [False, False, True]


def test_what_holds_no_text_is_left_alone() -> None:
    dataset = instance(pictures.fan(144, 224), modality="US")
    content = dataset.PixelData
    assert not clean(dataset).changed
    assert dataset.PixelData is content
    assert "BurnedInAnnotation" not in dataset


def test_marks_of_the_side_and_numbers_of_a_scale_stay_unless_they_are_the_persons() -> None:
    written = pictures.write(pictures.fan(144, 224), ["L", "15"], size=20, ink=220)
    assert clean(instance(written.pixels)).count == 0
    assert clean(instance(written.pixels), words={"15"}).count == 1


def test_pixels_that_cannot_be_read_are_held() -> None:
    dataset = instance(_written().pixels)
    dataset.PixelData = dataset.PixelData[:1000]
    with pytest.raises(CannotDeidentify) as refusal:
        clean(dataset)
    assert refusal.value.reason == "pixels_unreadable"
