"""What leaves of a frame is what pydicom makes of it, and the facts beside it say how it is to be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from imaging.display.facts import facts_of, place_of
from imaging.display.frames import frame_bytes

pytestmark = pytest.mark.one_database

GENUINE = Path(pydicom.data.__file__).parent / "test_files"

#: Each transfer syntax and kind of picture among pydicom's own files: name, bits, signed, samples, whether its frames
#: lie in the file as they leave.
FILES = [
    ("CT_small.dcm", 16, True, 1, True),
    ("MR_small_implicit.dcm", 16, True, 1, True),
    ("MR_small_bigendian.dcm", 16, True, 1, False),
    ("MR_small_RLE.dcm", 16, True, 1, False),
    ("MR_small_jpeg_ls_lossless.dcm", 16, True, 1, False),
    ("MR_small_jp2klossless.dcm", 16, True, 1, False),
    ("JPEG2000.dcm", 16, True, 1, False),
    ("693_J2KI.dcm", 16, True, 1, False),
    ("J2K_pixelrep_mismatch.dcm", 16, True, 1, False),
    ("rtdose.dcm", 32, False, 1, True),
    ("rtdose_rle.dcm", 32, False, 1, False),
    ("liver_1frame.dcm", 8, False, 1, False),
    ("examples_rgb_color.dcm", 8, False, 3, True),
    ("SC_rgb_small_odd.dcm", 8, False, 3, True),
    ("SC_rgb_jpeg_gdcm.dcm", 8, False, 3, False),
    ("SC_rgb_rle_2frame.dcm", 8, False, 3, False),
    ("SC_rgb_rle_16bit.dcm", 8, False, 3, False),
    ("SC_ybr_full_422_uncompressed.dcm", 8, False, 3, False),
    ("SC_rgb_dcmtk_+eb+cy+s4.dcm", 8, False, 3, False),
    ("examples_ybr_color.dcm", 8, False, 3, False),
    ("examples_jpeg2k.dcm", 8, False, 3, False),
    ("examples_palette.dcm", 8, False, 3, False),
]

HEADER_OF_ONE_FRAME = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"),
)


def expected(path: Path, frame: int) -> np.ndarray:
    dataset = dcmread(path)
    values = pixel_array(dataset, index=frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return (apply_color_lut(values, dataset) >> 8).astype(np.uint8)
    if dataset.SamplesPerPixel == 3:
        return values if values.dtype == np.uint8 else (values >> (dataset.BitsStored - 8)).astype(np.uint8)
    return apply_modality_lut(values, dataset) if "ModalityLUTSequence" in dataset else values


@pytest.mark.parametrize(("name", "bits", "signed", "samples", "as_stored"), FILES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_leave_are_those_of_pydicom(
    name: str, bits: int, signed: bool, samples: int, as_stored: bool
) -> None:
    path = GENUINE / name
    facts = facts_of(str(path))
    last = int(dcmread(path, stop_before_pixels=True).get("NumberOfFrames") or 1) - 1

    for frame in {0, last}:
        values, content = expected(path, frame), frame_bytes(str(path), frame)
        told = np.frombuffer(content, f"<{'i' if signed else 'u'}{bits // 8}").reshape(values.shape)
        assert np.array_equal(told, values)
        if facts["raw"]:
            begin, length = facts["raw"]
            assert path.read_bytes()[begin + frame * length : begin + (frame + 1) * length] == content

    assert [facts[word] for word in ("bits", "signed", "samples")] == [bits, signed, samples]
    assert bool(facts["raw"]) == as_stored


def test_bits_beside_the_value_keep_a_frame_from_leaving_as_it_is_stored(make_ct, as_file, tmp_path) -> None:
    clean, dirty = tmp_path / "clean.dcm", tmp_path / "dirty.dcm"
    clean.write_bytes(as_file(make_ct(PixelData=np.full(24, 0x0FFF, "<u2").tobytes())))
    dirty.write_bytes(as_file(make_ct(PixelData=np.full(24, 0xFFFF, "<u2").tobytes())))

    assert facts_of(str(clean))["raw"][1] == 48
    assert facts_of(str(dirty))["raw"] is None
    assert frame_bytes(str(clean), 0) == frame_bytes(str(dirty), 0)


def test_facts_of_a_slice_place_it_and_say_what_its_values_mean(make_ct, as_file, tmp_path) -> None:
    path = tmp_path / "ct.dcm"
    path.write_bytes(
        as_file(make_ct(z=12.5, FrameOfReferenceUID="1.2.3.9", WindowCenter=[40, 1], WindowWidth=[400, 2]))
    )

    facts = facts_of(str(path))

    assert place_of(facts, 1) == ([-100, -100, 12.5], 1, -1024)
    told = {key: facts[key] for key in ("spacing", "orientation", "space", "window", "unit", "photometric")}
    assert told == {
        "spacing": [2.0, 0.5],
        "orientation": [1, 0, 0, 0, 1, 0],
        "space": "1.2.3.9",
        "window": [40, 400],
        "unit": "HU",
        "photometric": "MONOCHROME2",
    }


def group(keyword: str, **values: object) -> Dataset:
    """A functional group of one macro."""
    item, macro = Dataset(), Dataset()
    for name, value in values.items():
        setattr(macro, name, value)
    setattr(item, keyword, [macro])
    return item


def test_frames_of_an_enhanced_object_are_placed_and_scaled_one_by_one(make_ct, as_file, tmp_path) -> None:
    path = tmp_path / "enhanced.dcm"
    dataset = make_ct(NumberOfFrames=2, PixelData=bytes(96), **dict.fromkeys(HEADER_OF_ONE_FRAME))
    shared = group("PlaneOrientationSequence", ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    shared.PixelMeasuresSequence = group("PixelMeasuresSequence", PixelSpacing=[2, 3]).PixelMeasuresSequence
    frames = [group("PlanePositionSequence", ImagePositionPatient=[x, 5, 7]) for x in (1, 2)]
    for frame, slope in zip(frames, (0.5, 0.25), strict=True):
        frame.PixelValueTransformationSequence = group(
            "PixelValueTransformationSequence", RescaleSlope=slope, RescaleIntercept=-10, RescaleType="HU"
        ).PixelValueTransformationSequence
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], frames
    path.write_bytes(as_file(dataset))

    facts = facts_of(str(path))

    assert [place_of(facts, n) for n in (1, 2)] == [([1, 5, 7], 0.5, -10), ([2, 5, 7], 0.25, -10)]
    assert (facts["spacing"], facts["orientation"], facts["unit"]) == ([2, 3], [0, 1, 0, 0, 0, -1], "HU")


@pytest.mark.parametrize(
    ("values", "milliseconds"),
    [
        ({"FrameTime": 33.3}, 33.3),
        ({"CineRate": 25}, 40),
        ({"RecommendedDisplayFrameRate": 10, "CineRate": 25}, 100),
        ({"FrameTimeVector": [0, 30, 50]}, 40),
        ({}, None),
    ],
)
def test_the_time_from_frame_to_frame(make_ct, as_file, tmp_path, values, milliseconds) -> None:
    path = tmp_path / "cine.dcm"
    path.write_bytes(as_file(make_ct(**values)))
    assert facts_of(str(path))["cine_ms"] == milliseconds
