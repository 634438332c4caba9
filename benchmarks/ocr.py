"""Burned-in names found and blanked, by size, contrast and compression: `python -m benchmarks.ocr`.

Pictures are ultrasound sectors of speckle and screens, made as the tests make them, each with four lines that name an
invented person. A line counts as found when at least 95 % of the box of its ink is blanked. The false area is
that of the boxes in pictures without text.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, JPEG2000Lossless, JPEGBaseline8Bit

from benchmarks.report import DOCUMENT, machine, publish
from imaging.deid.admission import CannotDeidentify
from imaging.deid.pixels import reading
from imaging.deid.pixels.candidates import is_suspect
from imaging.deid.pixels.cleaning import clean
from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import instance, jpeg, people

SIZES = (10, 12, 14, 18, 24)
GROUNDS = (
    ("light on dark, strong", "fan", 0, 255),
    ("light on dark, weak", "screen", 40, 110),
    ("dark on light, strong", "screen", 235, 10),
    ("dark on light, weak", "screen", 200, 130),
)
FORMS = ("native", "JPEG 2000 lossless", "JPEG quality 75", "JPEG quality 40")


def measure(repeats: int) -> Iterator[tuple[str, str, int, int, int, float, int]]:
    """Ground, form, size, lines found, lines written, seconds per picture, held; for each combination."""
    for ground, kind, paper, ink in GROUNDS:
        for form in FORMS:
            for size in SIZES:
                found = written = held = 0
                seconds = []
                for repeat in range(repeats):
                    seed = 1000 * size + repeat
                    under = pictures.fan() if kind == "fan" else pictures.capture(paper=paper)
                    picture = pictures.write(under, people(seed), size=size, ink=ink, seed=seed)
                    dataset = instance(picture.pixels, modality="US" if kind == "fan" else "OT")
                    if form == "JPEG 2000 lossless":
                        dataset.compress(JPEG2000Lossless)
                    elif form != "native":
                        dataset.PixelData = encapsulate([jpeg(picture.pixels, int(form[-2:]))])
                        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
                        dataset["PixelData"].is_undefined_length = True
                    started = time.perf_counter()
                    written += len(picture.boxes)
                    try:
                        regions = clean(dataset).regions[0]
                    except CannotDeidentify:
                        held += 1  # nothing leaves, and nothing was blanked
                        continue
                    seconds.append(time.perf_counter() - started)
                    mask = np.zeros(picture.pixels.shape, bool)
                    for left, top, right, bottom in regions:
                        mask[top:bottom, left:right] = True
                    found += sum(mask[t:b, left:right].mean() >= 0.95 for left, t, right, b in picture.boxes)
                yield ground, form, size, found, written, statistics.median(seconds or [0]), held


def clean_slices(count: int) -> tuple[int, int, float, float]:
    """Of slices without text: their number, those suspect, the share of area found if all are read, s of a look."""
    subject = PhantomSubject.with_scenario(1, "stable")
    made = ct_series(subject, 0, study_date=date(2024, 2, 29), identity=planted_identity(1), grid=Grid(512, count))
    suspect, area, looks = 0, 0.0, []
    for dataset in made:
        pixels = dataset.pixel_array
        started = time.perf_counter()
        suspect += is_suspect(pixels)
        looks.append(time.perf_counter() - started)
        mask = np.zeros(pixels.shape, bool)
        for left, top, right, bottom in reading.find_text(reading.views_of(pixels), ()):
            mask[top:bottom, left:right] = True
        area += float(mask.mean())
    return count, suspect, area / count, statistics.median(looks)


def slices_with_text(repeats: int) -> tuple[int, int]:
    """Lines found and written in CT slices, at 1200 and 3000 above the darkest value."""
    subject = PhantomSubject.with_scenario(1, "stable")
    made = ct_series(subject, 0, study_date=date(2024, 2, 29), identity=planted_identity(1), grid=Grid(512, repeats))
    found = written = 0
    for number, dataset in enumerate(made):
        pixels = dataset.pixel_array
        for size in SIZES:
            ink = pictures.write(np.zeros(pixels.shape, np.uint8), people(number + size), size=size, ink=255)
            share = ink.pixels / 255
            value = 3000 if number % 2 else 1200
            marked = instance((pixels * (1 - share) + value * share).astype(np.uint16), modality="CT")
            marked.SOPClassUID = CTImageStorage
            written += len(ink.boxes)
            try:
                regions = clean(marked).regions[0]
            except CannotDeidentify:
                continue  # nothing leaves, and nothing was blanked
            mask = np.zeros(pixels.shape, bool)
            for left, top, right, bottom in regions:
                mask[top:bottom, left:right] = True
            found += sum(mask[t:b, left:right].mean() >= 0.95 for left, t, right, b in ink.boxes)
    return found, written


def table(repeats: int) -> str:
    """The section for the documentation."""
    rows = list(measure(repeats))
    lines = [
        f"| text | stored as | {' | '.join(f'{size} px' for size in SIZES)} | s per picture |",
        "| --- | --- |" + " ---: |" * (len(SIZES) + 1),
    ]
    for ground, *_ in GROUNDS:
        for form in FORMS:
            mine = [row for row in rows if row[:2] == (ground, form)]
            shares = " | ".join(f"{100 * row[3] / row[4]:.1f} %" for row in mine)
            lines.append(f"| {ground} | {form} | {shares} | {statistics.median(row[5] for row in mine):.1f} |")
    found, written, held = (sum(row[at] for row in rows) for at in (3, 4, 6))
    count, suspect, area, look = clean_slices(8)
    in_slices = slices_with_text(2)
    versions = ", ".join(f"{name} {version(name)}" for name in ("rapidocr", "onnxruntime", "opencv-python-headless"))
    return "\n".join(
        [
            f"Blanked {found} of {written} lines ({100 * found / written:.2f} %) in {len(rows) * repeats} pictures of "
            f"640 × 480; {held} pictures were held because text remained, and count as not blanked. Of lines in CT "
            f"slices {in_slices[0]} of {in_slices[1]}. Of {count} computed CT slices without text {suspect} were read "
            f"after the first look ({1000 * look:.1f} ms each); when all are read, {100 * area:.3f} % of their area "
            f"is taken for text.",
            "",
            *lines,
            "",
            f"{machine()}; {versions}; one thread.",
        ]
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/deidentification.md")
    options = parser.parse_args()
    document = DOCUMENT.with_name("deidentification.md")
    publish("ocr", table(options.repeats), write=options.write, document=document)


if __name__ == "__main__":
    main()
