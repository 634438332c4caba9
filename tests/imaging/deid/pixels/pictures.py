"""Pictures as scanners and workstations make them, with invented people written into them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, UltrasoundImageStorage, generate_uid

Pixels = NDArray[np.uint8]

FAMILY = ("Plantagenet", "Okonkwo", "Lindqvist", "Ferreira", "Novakova", "Achterberg", "Montague", "Szymanska")
GIVEN = ("Eleanor", "Chidi", "Astrid", "Joaquim", "Zuzana", "Willem", "Rosalind", "Kazimierz")


class Written(NamedTuple):
    """A picture and the boxes (left, top, right, bottom) of the ink of each line that was written into it."""

    pixels: Pixels
    boxes: list[tuple[int, int, int, int]]
    lines: list[str]


def people(seed: int) -> list[str]:
    """Lines that name an invented person, as machines write them."""
    chance = random.Random(seed)
    family, given = chance.choice(FAMILY), chance.choice(GIVEN)
    born = f"{chance.randint(1, 28):02d}.{chance.randint(1, 12):02d}.19{chance.randint(30, 99)}"
    return [f"{family.upper()}, {given}", f"ID {chance.randint(10**6, 10**7)}", f"{given} {family}", f"DOB {born}"]


@lru_cache(maxsize=4)
def fan(rows: int = 480, columns: int = 640, seed: int = 1) -> Pixels:
    """An ultrasound sector of speckle on black."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    radius, angle = np.hypot(y - 10, x - columns / 2), np.arctan2(x - columns / 2, y - 10)
    inside = (radius > 40) & (radius < rows - 60) & (abs(angle) < 0.65)
    speckle = np.hypot(noise.normal(size=(rows, columns)), noise.normal(size=(rows, columns)))
    smooth = np.asarray(Image.fromarray((speckle * 50).clip(0, 255).astype(np.uint8)).resize((columns, rows)))
    blurred = (smooth.astype(float) + np.roll(smooth, 1, 1) + np.roll(smooth, 1, 0) + np.roll(smooth, 2, 1)) / 4
    return np.where(inside, blurred * (1.3 - radius / rows), 0).clip(0, 255).astype(np.uint8)


def capture(rows: int = 480, columns: int = 640, *, paper: int = 235, seed: int = 1) -> Pixels:
    """A screen: a grey surface with a few panels and a smooth picture in the middle."""
    noise = np.random.default_rng(seed)
    picture = np.full((rows, columns), paper, np.uint8)
    y, x = np.mgrid[0 : rows // 2, 0 : columns // 2]
    disc = 120 + 80 * np.sin(x / 40) * np.cos(y / 55) + noise.normal(0, 3, y.shape)
    picture[rows // 4 : rows // 4 + rows // 2, columns // 4 : columns // 4 + columns // 2] = disc.clip(0, 255)
    picture[rows - 20 : rows - 18] = paper // 2
    return picture


def radiograph(rows: int = 480, columns: int = 640, *, seed: int = 1) -> Pixels:
    """A gradient from dark to grey with slow waves and fine noise."""
    y, x = np.mgrid[0:rows, 0:columns]
    noise = np.random.default_rng(seed).normal(0, 4, (rows, columns))
    return (30 + 90 * y / rows + 30 * np.cos(x / 60) + noise).clip(0, 255).astype(np.uint8)


def write(picture: Pixels, lines: Sequence[str], *, size: int, ink: int, seed: int = 0) -> Written:
    """Write lines into the corners of a grey picture, where machines write."""
    rows, columns = picture.shape
    image = Image.fromarray(picture.copy())
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    boxes = []
    chance = random.Random(seed)
    for number, line in enumerate(lines):
        left, top, right, bottom = map(int, font.getbbox(line))
        x = 6 + chance.randint(0, 8) if number % 2 == 0 else columns - right - 6 - chance.randint(0, 8)
        y = 4 + number // 2 * (size + 8) if number < 4 else rows - (size + 8) * (number - 2)
        draw.text((x, y), line, font=font, fill=ink)
        boxes.append((x + left, y + top, x + right, y + bottom))
    return Written(np.asarray(image), boxes, list(lines))


def jpeg(picture: Pixels, quality: int) -> bytes:
    """The picture as a baseline JPEG."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def instance(
    pixels: NDArray[np.generic], *, modality: str = "OT", photometric: str = "MONOCHROME2", frames: int = 0
) -> Dataset:
    """An instance around pixels (rows, columns), (rows, columns, 3), or those of each frame."""
    dataset = Dataset()
    dataset.SOPClassUID = UltrasoundImageStorage if modality == "US" else SecondaryCaptureImageStorage
    dataset.SOPInstanceUID, dataset.Modality = generate_uid(), modality
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    shape = pixels.shape[1:] if frames else pixels.shape
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.SamplesPerPixel = 3 if len(shape) == 3 else 1
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    if frames:
        dataset.NumberOfFrames = frames
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    content = pixels.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset
