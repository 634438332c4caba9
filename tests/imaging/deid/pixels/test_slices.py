"""On slices a machine blanks what is text for sure; what may be anatomy stays, or a person looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from imaging.deid.admission import TextInPixels
from imaging.deid.pixels import slices
from imaging.deid.pixels.candidates import is_suspect
from imaging.deid.pixels.cleaning import blank, clean
from imaging.deid.pixels.reading import Line
from imaging.deid.pixels.regions import Region, Settled
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import instance, people

pytestmark = pytest.mark.requirement("REQ-DEI-004")

NAME = (100, 10, 220, 26)
NEAR = (104, 8, 224, 28)
FAR = (20, 200, 140, 216)
TALL = (60, 60, 124, 115)


@pytest.fixture(scope="module")
def anatomy() -> list[Dataset]:
    """Slices of a computed CT of an invented person, without text."""
    subject = PhantomSubject.with_scenario(12, "growing")
    return list(ct_series(subject, 2, study_date=date(2024, 2, 29)))


def marked(pixels: np.ndarray, lines: Sequence[str], *, value: int = 3000) -> tuple[Dataset, pictures.Written]:
    """The slice with lines written into its corners."""
    ink = pictures.write(np.zeros(pixels.shape, np.uint8), lines, size=12, ink=255)
    share = ink.pixels / 255
    dataset = instance((pixels * (1 - share) + value * share).astype(np.uint16), modality="CT")
    dataset.SOPClassUID = CTImageStorage
    return dataset, ink


def test_anatomy_that_both_networks_take_for_letters_is_neither_blanked_nor_shown_to_anybody(
    anatomy: list[Dataset],
) -> None:
    """Read as two letters at two scales, which was enough for a box of 64 × 55 pixels in the lung."""
    dataset = anatomy[15]
    content = dataset.PixelData

    assert is_suspect(dataset.pixel_array)
    assert not clean(dataset).changed
    assert dataset.PixelData == content


def test_a_name_in_the_margin_is_blanked_by_the_machine_and_nothing_else(anatomy: list[Dataset]) -> None:
    dataset, ink = marked(anatomy[15].pixel_array[:128], people(3)[1:2])
    before = dataset.pixel_array.copy()
    mask = np.zeros(before.shape, bool)
    for left, top, right, bottom in clean(dataset).regions[0]:
        mask[top:bottom, left:right] = True

    ((left, top, right, bottom),) = ink.boxes
    assert mask[top:bottom, left:right].mean() > 0.95
    assert not mask[top + 20 :].any()
    assert np.array_equal(dataset.pixel_array[~mask], before[~mask])


@pytest.mark.parametrize(
    ("first", "second", "sure", "doubtful"),
    [
        pytest.param([], [Line(NAME, True, False)], [], [], id="nothing at the first scale"),
        pytest.param([Line(NAME, True, False)], [Line(NEAR, True, False)], [NEAR], [], id="clear at both"),
        pytest.param([Line(NAME, True, False)], [], [], [NAME], id="clear at one"),
        pytest.param([Line(NAME, True, False)], [Line(FAR, True, False)], [], [NAME, FAR], id="clear at two places"),
        pytest.param([Line(NAME, False, False)], [Line(NAME, False, False)], [], [NAME], id="seen at both"),
        pytest.param([Line(NAME, False, False)], [], [], [], id="seen at one"),
        pytest.param([Line(NAME, False, True)], [], [], [NAME], id="a name of the person at one"),
        pytest.param([Line(TALL, False, False)], [Line(TALL, False, False)], [], [], id="too tall for such strokes"),
        pytest.param(
            [Line(NAME, True, False), Line((100, 10, 120, 26), False, False)],
            [Line(NAME, True, False), Line((100, 10, 120, 26), False, False)],
            [NAME],
            [],
            id="part of what is clear",
        ),
    ],
)
def test_what_two_scales_say_decides(
    monkeypatch: pytest.MonkeyPatch, first: list[Line], second: list[Line], sure: list[tuple], doubtful: list[tuple]
) -> None:
    looks = {1.0: first, 1.5: second}
    monkeypatch.setattr(slices, "telling_lines", lambda views, words, scale: looks[scale])

    weighed = slices.weigh([], ())

    around = {NEAR: (100, 8, 224, 28)}
    assert (weighed.sure, weighed.doubtful) == ([around.get(box, box) for box in sure], doubtful)


def test_what_may_be_anatomy_is_for_a_person_who_has_the_last_word(
    anatomy: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = anatomy[15]
    content = dataset.PixelData
    seen = [Line(NAME, False, False)]
    monkeypatch.setattr(slices, "telling_lines", lambda views, words, scale: seen)

    with pytest.raises(TextInPixels) as asked:
        clean(dataset)
    proposed = [Region(98, 8, 222, 28, 0, 0)]
    assert (asked.value.reason, asked.value.regions) == ("text_in_slice", proposed)
    assert dataset.PixelData is content

    with pytest.raises(TextInPixels) as asked:
        blank(dataset, Settled())
    assert (asked.value.reason, asked.value.regions) == ("text_outside", proposed)
    seen.clear()
    assert not blank(dataset, Settled(kept=tuple(proposed))).changed
    assert dataset.PixelData == content
