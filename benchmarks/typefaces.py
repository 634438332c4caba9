"""Burned-in names found and blanked, by typeface and size: `python -m benchmarks.typefaces`.

Each picture is speckle, a radiograph's gradient or a screen, light on dark or inverted, with four lines that name an
invented person written over the ground itself, and is compressed as JPEG with a quality of 60 to 95. The typefaces are
of Debian packages; one that is not installed is said to be missing and not measured. Everything comes from seeds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from benchmarks.ocr import clean_slices
from benchmarks.report import DOCUMENT, machine, publish
from imaging.deid.admission import CannotDeidentify
from imaging.deid.pixels.cleaning import clean
from tests.imaging.deid.pixels import pictures

#: Name, package, file. Terminus has no outlines, only drawings of some sizes from 12 px.
TYPEFACES = (
    ("DejaVu Sans", "fonts-dejavu-core", "DejaVuSans.ttf"),
    ("Liberation Sans", "fonts-liberation2", "LiberationSans-Regular.ttf"),
    ("Liberation Serif", "fonts-liberation2", "LiberationSerif-Regular.ttf"),
    ("Noto Mono", "fonts-noto-mono", "NotoMono-Regular.ttf"),
    ("Courier Prime", "fonts-courier-prime", "Courier Prime.otf"),
    ("OCR-B", "fonts-ocr-b", "OCRB.otf"),
    ("Terminus (bitmap)", "fonts-terminus-otb", "terminus-normal.otb"),
)
BANDS = ((10, 12), (14, 16), (18, 20, 24))
_DRAWN = (12, 14, 16, 18, 20, 24)
GROUNDS = ("speckle", "radiograph", "screen")
ROWS, COLUMNS = 416, 512


class Measured(NamedTuple):
    """What became of one picture; beside is the share of its area that was blanked outside the boxes of the ink."""

    typeface: str
    band: tuple[int, ...]
    ground: str
    inverted: bool
    found: int
    written: int
    beside: float
    held: bool
    seconds: float


def ground(kind: str, seed: int) -> pictures.Pixels:
    """A dark picture without text."""
    if kind == "screen":
        return pictures.capture(ROWS, COLUMNS, paper=40, seed=seed)
    if kind == "radiograph":
        return pictures.radiograph(ROWS, COLUMNS, seed=seed)
    noise = np.random.default_rng(seed)
    waves = np.hypot(noise.normal(size=(ROWS, COLUMNS)), noise.normal(size=(ROWS, COLUMNS)))
    smooth = (waves + np.roll(waves, 1, 1) + np.roll(waves, 1, 0) + np.roll(waves, 2, 1)) / 4
    return (smooth * 25).clip(0, 255).astype(np.uint8)


def write(under: pictures.Pixels, lines: list[str], font: ImageFont.FreeTypeFont, size: int) -> pictures.Written:
    """Write lines into the corners, one below the other at the top and at the bottom."""
    image, boxes = Image.fromarray(under), []
    for number, line in enumerate(lines):
        blank = Image.new("L", image.size)
        wide = round(font.getlength(line))
        x = 8 if number % 2 == 0 else COLUMNS - wide - 8
        y = 6 + number * (size + 8) if number < 2 else ROWS - (4 - number) * (size + 10)
        ImageDraw.Draw(blank).text((x, y), line, font=font, fill=255)
        image.paste(235, mask=blank)
        ink = blank.getbbox()
        if ink is None:
            raise SystemExit(f"{font.getname()[0]} draws nothing at {size} px.")
        boxes.append(ink)
    return pictures.Written(np.asarray(image), boxes, lines)


def measure(folder: Path, repeats: int) -> Iterator[Measured]:
    """Each typeface that is installed, in each band of sizes, on each ground, in both polarities."""
    for name, package, file in TYPEFACES:
        path = next(folder.rglob(file), None)
        if path is None:
            sys.stderr.write(f"{name} is not measured: install the package {package}.\n")
            continue
        for place, band in enumerate(BANDS):
            for kind in GROUNDS:
                for inverted in (False, True):
                    for repeat in range(repeats):
                        seed = f"{name} {place} {kind} {inverted} {repeat}"
                        yield _one(name, path, band, kind, inverted=inverted, chance=random.Random(seed))


def _one(name: str, path: Path, band: tuple[int, ...], kind: str, *, inverted: bool, chance: random.Random) -> Measured:
    size = chance.choice([one for one in band if path.suffix != ".otb" or one in _DRAWN])
    seed = chance.randrange(10**6)
    picture = write(ground(kind, seed), pictures.people(seed), ImageFont.truetype(path, size), size)
    pixels = 255 - picture.pixels if inverted else picture.pixels
    dataset = pictures.instance(pixels, modality="US" if kind == "speckle" else "OT")
    dataset.PixelData = encapsulate([pictures.jpeg(pixels, chance.randint(60, 95))])
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset["PixelData"].is_undefined_length = True
    mask = np.zeros(pixels.shape, bool)
    started, held = time.perf_counter(), False
    try:
        regions = clean(dataset).regions[0]
    except CannotDeidentify:
        regions, held = (), True  # nothing leaves, and nothing was blanked
    seconds = time.perf_counter() - started
    for left, top, right, bottom in regions:
        mask[top:bottom, left:right] = True
    found = sum(mask[t:b, left:right].mean() >= 0.95 for left, t, right, b in picture.boxes)
    for left, top, right, bottom in picture.boxes:
        mask[top:bottom, left:right] = False
    return Measured(name, band, kind, inverted, found, len(picture.boxes), float(mask.mean()), held, seconds)


def share(rows: list[Measured]) -> str:
    """Lines blanked of those written."""
    return f"{sum(row.found for row in rows)} of {sum(row.written for row in rows)}"


def table(folder: Path, repeats: int) -> str:
    """The section for the documentation."""
    rows = list(measure(folder, repeats))
    if not rows:
        raise SystemExit(f"None of the typefaces is in {folder}.")
    columns = [f"{band[0]} to {band[-1]} px" for band in BANDS]
    lines = [
        f"| typeface | package | {' | '.join(columns)} | {' | '.join(GROUNDS)} | light on dark | dark on light | s |",
        "| --- | --- |" + " ---: |" * (len(BANDS) + len(GROUNDS) + 3),
    ]
    for name, package, _ in TYPEFACES:
        mine = [row for row in rows if row.typeface == name]
        if not mine:
            lines.append(f"| {name} | {package}, not installed |" + " |" * (len(BANDS) + len(GROUNDS) + 3))
            continue
        cells = [share([row for row in mine if row.band == band]) for band in BANDS]
        cells += [share([row for row in mine if row.ground == kind]) for kind in GROUNDS]
        cells += [share([row for row in mine if row.inverted == inverted]) for inverted in (False, True)]
        cells.append(f"{statistics.median(row.seconds for row in mine):.1f}")
        lines.append(f"| {name} | {package} | {' | '.join(cells)} |")
    found, written = sum(row.found for row in rows), sum(row.written for row in rows)
    count, suspect, area, _ = clean_slices(8)
    return "\n".join(
        [
            f"Blanked {found} of {written} lines ({100 * found / written:.1f} %) in {len(rows)} pictures of "
            f"{COLUMNS} × {ROWS}; {sum(row.held for row in rows)} pictures were held because text remained, and their "
            f"lines count as not blanked. The margins around the ink, and whatever else was blanked, took "
            f"{100 * statistics.mean(row.beside for row in rows):.2f} % of a picture on average, "
            f"{100 * max(row.beside for row in rows):.2f} % at most. Of {count} computed CT slices "
            f"without text {suspect} were read after the first look; when all are read, "
            f"{100 * area:.3f} % of their area is taken for text.",
            "",
            *lines,
            "",
            f"{machine()}; one thread.",
        ]
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"), help="where the typefaces are")
    parser.add_argument("--write", action="store_true", help="write the table into docs/deidentification.md")
    options = parser.parse_args()
    document = DOCUMENT.with_name("deidentification.md")
    publish("typefaces", table(options.fonts, options.repeats), write=options.write, document=document)


if __name__ == "__main__":
    main()
