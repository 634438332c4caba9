"""Photographs, captures, films and documents become valid DICOM of the trial, without what was written beside them."""

from __future__ import annotations

import io
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from compliance.errors import HouseError
from imaging.dicom import pictures
from imaging.dicom.headers import Truncated, read_header
from imaging.dicom.movies import MovieDamaged, MovieNotTaken
from imaging.dicom.pictures import PictureDamaged, PictureTooLarge
from imaging.dicom.wrapping import CAPTURE, PHOTOGRAPH, NoAttachment, wrap
from tests.imaging.dicom.attachments import FRAMES, SECRETS, jpeg, mp4, pdf, pixels, png, png_bomb
from tests.support.tools import requires_tool, tool

CONTEXT = {
    "upload": "6f0f3bd4-6f76-4cbb-8f6c-2a4c56f41a77",
    "trial": "PLX-1",
    "sponsor": "Sponsor",
    "site": "NORTH",
    "subject": "N-001",
    "timepoint": "BL",
    "date": "20260105",
    "picture": PHOTOGRAPH,
}
KINDS = {
    "photograph": (jpeg(), PHOTOGRAPH),
    "grey photograph": (jpeg(samples=1), PHOTOGRAPH),
    "sideways photograph": (jpeg(orientation=6), PHOTOGRAPH),
    "photograph as PNG": (png(), PHOTOGRAPH),
    "capture": (png(), CAPTURE),
    "capture as JPEG": (jpeg(), CAPTURE),
    "document": (pdf(), PHOTOGRAPH),
    "film": (mp4(), PHOTOGRAPH),
}


def wrapped(folder: Path, content: bytes, picture: str = PHOTOGRAPH, **context: str) -> Path:
    (folder / "attachment").write_bytes(content)
    wrap(str(folder / "attachment"), str(folder / "wrapped.dcm"), CONTEXT | {"picture": picture} | context)
    return folder / "wrapped.dcm"


def read(folder: Path, content: bytes, picture: str = PHOTOGRAPH) -> Any:
    return pydicom.dcmread(wrapped(folder, content, picture))


@requires_tool("dciodvfy")
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_valid_dicom(kind: str, tmp_path: Path) -> None:
    path = wrapped(tmp_path, *KINDS[kind])
    said = subprocess.run(
        [tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_upload_gives_the_same_bytes_and_another_one_others(kind: str, tmp_path: Path) -> None:
    first = wrapped(tmp_path, *KINDS[kind]).read_bytes()
    assert wrapped(tmp_path, *KINDS[kind]).read_bytes() == first
    other = wrapped(tmp_path, *KINDS[kind], upload="6f0f3bd4-6f76-4cbb-8f6c-2a4c56f41a78")
    assert pydicom.dcmread(other).SOPInstanceUID != pydicom.dcmread(io.BytesIO(first)).SOPInstanceUID


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_the_trial_and_nothing_planted_comes_through(kind: str, tmp_path: Path) -> None:
    path = wrapped(tmp_path, *KINDS[kind])
    dataset = pydicom.dcmread(path)
    assert (dataset.ClinicalTrialProtocolID, dataset.ClinicalTrialSubjectID) == ("PLX-1", "N-001")
    assert (dataset.PatientID, dataset.ClinicalTrialTimePointID, dataset.StudyDate) == ("N-001", "BL", "20260105")
    assert [secret for secret in SECRETS if secret in path.read_bytes()] == []


# --- pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [1, 3])
def test_a_baseline_jpeg_stays_compressed_and_decodes_to_the_same_pixels(samples: int, tmp_path: Path) -> None:
    content = jpeg(samples=samples)
    dataset = read(tmp_path, content)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stream))), np.asarray(Image.open(io.BytesIO(content))))
    assert Image.open(io.BytesIO(stream)).getexif() == {}


def test_jpegs_that_lie_on_their_side_or_are_progressive_are_stored_upright_and_decoded(tmp_path: Path) -> None:
    plain = np.asarray(Image.open(io.BytesIO(jpeg())))
    sideways = read(tmp_path, jpeg(orientation=6))
    assert sideways.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (sideways.Rows, sideways.Columns) == (40, 24)
    assert np.array_equal(pixel_array(sideways), np.rot90(plain, -1))
    progressive = jpeg(progressive=True)
    assert np.array_equal(pixel_array(read(tmp_path, progressive)), np.asarray(Image.open(io.BytesIO(progressive))))


@pytest.mark.parametrize("picture", [PHOTOGRAPH, CAPTURE])
def test_a_png_is_stored_as_its_pixels(picture: str, tmp_path: Path) -> None:
    dataset = read(tmp_path, png(), picture)
    assert np.array_equal(pixel_array(dataset), pixels())
    assert dataset.SOPClassUID.name == {
        PHOTOGRAPH: "VL Photographic Image Storage",
        CAPTURE: "Secondary Capture Image Storage",
    }[picture]  # fmt: skip


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_png_is_read(mode: str, tmp_path: Path) -> None:
    array = pixel_array(read(tmp_path, png(mode)))
    assert array.shape[:2] == (24, 40)
    assert array.dtype == np.uint8


def test_what_is_transparent_does_not_come_to_light(tmp_path: Path) -> None:
    hidden = np.zeros((4, 4, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(hidden, "RGBA").save(buffer, "PNG")
    assert np.array_equal(pixel_array(read(tmp_path, buffer.getvalue())), np.full((4, 4, 3), 255))


# --- films ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index_first", [False, True])
def test_a_film_is_described_and_kept_frame_for_frame(index_first: bool, tmp_path: Path) -> None:
    content = mp4(index_first=index_first)
    dataset = read(tmp_path, content)
    assert (dataset.Rows, dataset.Columns, dataset.NumberOfFrames) == (48, 64, 3)
    assert (float(dataset.FrameTime), dataset.CineRate) == (pytest.approx(33.3333), 30)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"
    (film,) = pydicom.encaps.generate_fragments(dataset.PixelData[8:])
    place = content.index(b"".join(FRAMES))
    assert film[place : place + sum(map(len, FRAMES))] == b"".join(FRAMES)
    assert len(film) == len(content) + len(content) % 2
    assert b"voice" not in film


def test_a_film_in_one_fragment_is_whole_and_one_without_is_not(tmp_path: Path) -> None:
    path = wrapped(tmp_path, mp4())
    assert read_header(path).number_of_frames == 3
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([])
    dataset.save_as(path)
    with pytest.raises(Truncated):
        read_header(path)


@pytest.mark.parametrize(
    ("film", "syntax"),
    [
        ({"profile": 100, "level": 41}, "1.2.840.10008.1.2.4.102"),
        ({"profile": 100, "level": 42}, "1.2.840.10008.1.2.4.104"),
        ({"codec": b"hvc1", "profile": 1, "level": 153}, "1.2.840.10008.1.2.4.107"),
        ({"codec": b"hvc1", "profile": 2, "level": 120}, "1.2.840.10008.1.2.4.108"),
    ],
)
def test_the_codec_gives_the_transfer_syntax(film: dict[str, Any], syntax: str, tmp_path: Path) -> None:
    assert read(tmp_path, mp4(**film)).file_meta.TransferSyntaxUID == syntax


# --- what is not taken ---------------------------------------------------------------------------------------

LIE = b"\x00\x00\x00\x10moov" + b"\xff" * 8
REFUSED: dict[str, tuple[bytes, type[HouseError]]] = {
    "nothing known": (b"GIF89a" + bytes(40), NoAttachment),
    "a text called PDF": (b"Hello, I am no PDF. %PDF- %%EOF", NoAttachment),
    "half a PDF": (pdf()[:-7] + b" " * 4000, NoAttachment),
    "half a JPEG": (jpeg()[:700], PictureDamaged),
    "a JPEG's head alone": (b"\xff\xd8\xff\xe0", PictureDamaged),
    "half a PNG": (png()[:120], PictureDamaged),
    "a PNG's head with a JPEG behind": (b"\x89PNG\r\n\x1a\n" + jpeg(), PictureDamaged),
    "a PNG of four billion pixels": (png_bomb(65_000), PictureDamaged),
    "a PNG of hundred million pixels": (png_bomb(10_000), PictureTooLarge),
    "a film's head alone": (mp4()[:16], MovieDamaged),
    "half a film": (mp4()[:-200], MovieDamaged),
    "a film of two tracks": (mp4(films=2), MovieNotTaken),
    "a film without one": (mp4(films=0), MovieNotTaken),
    "a film in baseline profile": (mp4(profile=66), MovieNotTaken),
    "a film of a high level": (mp4(level=51), MovieNotTaken),
    "a film in another codec": (mp4(codec=b"mp4v"), MovieNotTaken),
    "a film whose frames lie elsewhere": (mp4(chunk_shift=10_000), MovieDamaged),
    "a film that does not say how it is coded": (mp4().replace(b"avcC", b"xxxx"), MovieDamaged),
    "a film without rows": (mp4(size=(64, 0)), MovieDamaged),
    "a film without duration": (mp4(duration=0), MovieDamaged),
    "a film without a clock": (mp4(timescale=0), MovieDamaged),
    "a film in fragments": (mp4() + b"\x00\x00\x00\x08moof", MovieNotTaken),
    "an index that is nothing": (mp4()[:24] + LIE, MovieDamaged),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_taken_is_refused_with_a_sentence(what: str, tmp_path: Path) -> None:
    content, problem = REFUSED[what]
    with pytest.raises(problem) as refused:
        wrapped(tmp_path, content)
    assert refused.value.message.endswith(".")


def test_every_cut_of_a_film_and_of_a_picture_is_refused(tmp_path: Path) -> None:
    for content in (mp4(index_first=True), jpeg()[: jpeg().rindex(b"\xff\xd9")]):
        for cut in range(16, len(content), 37):
            with pytest.raises(HouseError):
                wrapped(tmp_path, content[:cut])


@pytest.mark.parametrize("kind", ["photograph", "capture", "film"])
def test_bytes_that_changed_on_the_way_are_taken_or_refused_and_never_a_surprise(kind: str, tmp_path: Path) -> None:
    content, picture = KINDS[kind]
    chance = random.Random(kind)
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            changed[chance.randrange(16, len(content))] = chance.choice((0, 255, chance.randrange(256)))
        try:
            path = wrapped(tmp_path, bytes(changed), picture)
        except HouseError:
            continue
        assert read_header(path).number_of_frames >= 1


def test_a_jpeg_of_another_process_is_left_to_the_decoder() -> None:
    assert pictures.without_metadata(jpeg(progressive=True)) is None
