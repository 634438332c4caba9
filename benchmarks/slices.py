"""Text on slices of CT, MR and PET, and anatomy that looks like it: `python -m benchmarks.slices`.

Slices without text are those of the demonstration's scans and of more subjects; what a machine blanks in them is an
error, what it shows to a person is work for nothing. Names are written into the corners, or over the body. Everything
comes from seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileDataset

from benchmarks.report import DOCUMENT, machine, publish
from imaging.deid.admission import TextInPixels
from imaging.deid.pixels.candidates import is_suspect
from imaging.deid.pixels.cleaning import clean
from imaging.phantom.canvas import Grid
from imaging.phantom.modalities import as_mr, as_pet
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.imaging.deid.pixels.pictures import people

SIZES = (10, 12, 14, 18, 24)
#: Of what is between the darkest and the brightest value of a slice; of the sizes in turn.
INKS = (1.0, 0.6)
#: Seeds and scenarios of `config.demo.story`.
_PATIENTS = {11: "shrinking", 12: "growing", 13: "new_lesion", 21: "stable", 22: "shrinking", 23: "growing"}
DEMONSTRATION = [(seed, scenario, timepoint) for seed, scenario in _PATIENTS.items() for timepoint in range(3)]
MORE = [(seed, "growing", 0) for seed in range(101, 113)]


class Scans(NamedTuple):
    """Scans of one kind; of each every so many slices are taken."""

    name: str
    modality: str
    subjects: list[tuple[int, str, int]]
    rows: int = 256
    step: int = 1

    def slices(self) -> Iterator[FileDataset]:
        """Slices without text."""
        for seed, scenario, timepoint in self.subjects:
            subject = PhantomSubject.with_scenario(seed, scenario)
            ct = list(ct_series(subject, timepoint, study_date=date(2024, 2, 29), grid=Grid(self.rows)))
            if self.modality == "CT":
                yield from ct[:: self.step]
            else:
                made = as_mr if self.modality == "MR" else as_pet
                yield from list(made(ct, seed=seed))[:: self.step]


def scans(step: int) -> list[Scans]:
    """What is looked at; each slice of MR is worth a closer look, which takes its time."""
    return [
        Scans("CT of the demonstration", "CT", DEMONSTRATION, step=step),
        Scans("CT of 12 more subjects", "CT", MORE, step=step),
        Scans("CT, 512 × 512", "CT", DEMONSTRATION[::6], rows=512, step=step),
        Scans("MR of the demonstration", "MR", DEMONSTRATION, step=4 * step),
        Scans("PET of the demonstration", "PT", DEMONSTRATION, step=step),
    ]


def became_of(dataset: Dataset) -> str:
    """What becomes of a slice."""
    try:
        return "blanked" if clean(dataset).changed else "passed"
    except TextInPixels as asked:
        return asked.reason


def without_text(step: int) -> Iterator[str]:
    """Rows of the first table."""
    for kind in scans(step):
        came = {"blanked": 0, "passed": 0, "text_in_slice": 0, "text_remains": 0}
        read = 0
        for dataset in kind.slices():
            read += is_suspect(dataset.pixel_array)
            came[became_of(dataset)] += 1
        asked = came["text_in_slice"] + came["text_remains"]
        yield f"| {kind.name} | {sum(came.values())} | {read} | {came['blanked']} | {asked} |"
        sys.stderr.write(f"{kind.name} done\n")


def with_text() -> Iterator[str]:
    """Rows of the second table."""
    for kind, rows in (("CT", 256), ("CT", 512), ("MR", 256)):
        (bare,) = list(Scans(kind, kind, [(7, "stable", 0)], rows, 1).slices())[20:21]
        for place in ("corners", "body"):
            lines = blanked = shown = 0
            for number, size in enumerate(SIZES):
                dataset, boxes = written(bare, people(number), place, size=size, ink=INKS[number % 2])
                lines += len(boxes)
                try:
                    regions = clean(dataset).regions[0]
                except TextInPixels:
                    shown += len(boxes)
                    continue
                blanked += sum(covered(box, regions, bare.pixel_array.shape) >= 0.95 for box in boxes)
            yield f"| {kind}, {rows} × {rows} | {place} | {lines} | {blanked} | {shown} | {lines - blanked - shown} |"
            sys.stderr.write(f"{kind} {rows} {place} done\n")


def written(
    bare: FileDataset, lines: list[str], place: str, *, size: int, ink: float
) -> tuple[Dataset, list[tuple[int, int, int, int]]]:
    """A slice with as many of the lines as have room beside and below each other, and the boxes of their ink."""
    pixels = bare.pixel_array
    rows, columns = pixels.shape
    image, font = Image.new("L", (columns, rows)), ImageFont.load_default(size)
    draw, boxes = ImageDraw.Draw(image), []
    for number, line in enumerate(lines):
        left, top, right, bottom = map(int, font.getbbox(line))
        x, y = columns // 4 + 3 * number, rows // 4 + number * max(rows // 8, size + 12)
        if place == "corners":
            x, y = (6 if number % 2 == 0 else columns - right - 6), (4 if number < 2 else rows - size - 10)
            if boxes and boxes[-1][1] // 8 == (y + top) // 8 and boxes[-1][2] + 20 > x:
                continue
        if x + right < columns and y + bottom < rows:
            draw.text((x, y), line, font=font, fill=255)
            boxes.append((x + left, y + top, x + right, y + bottom))
    share = np.asarray(image) / 255
    low, high = int(pixels.min()), int(pixels.max())
    dataset = deepcopy(bare)
    dataset.PixelData = (pixels * (1 - share) + (low + ink * (high - low)) * share).astype(pixels.dtype).tobytes()
    return dataset, boxes


def covered(box: tuple[int, ...], regions: tuple[tuple[int, ...], ...], shape: tuple[int, ...]) -> float:
    """The share of a box that is blanked."""
    mask = np.zeros(shape, bool)
    for left, top, right, bottom in regions:
        mask[top:bottom, left:right] = True
    left, top, right, bottom = box
    return float(mask[top:bottom, left:right].mean())


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="take every so many slices of a scan")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/deidentification.md")
    options = parser.parse_args()
    lines = [
        "| slices without text | slices | read closely | blanked | for a person |",
        "| --- | ---: | ---: | ---: | ---: |",
        *without_text(options.step),
        "",
        "| slices with names | where | lines | blanked | for a person | missed |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *with_text(),
        "",
        f"{machine()}; one thread.",
    ]
    publish("slices", "\n".join(lines), write=options.write, document=DOCUMENT.with_name("deidentification.md"))


if __name__ == "__main__":
    main()
