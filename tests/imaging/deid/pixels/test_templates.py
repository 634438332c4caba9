"""Templates of known devices: what a recipe may say of them, and which rectangles of which images they mean."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, JPEG2000Lossless, UltrasoundImageStorage

from imaging.deid import engine
from imaging.deid.admission import TextInPixels
from imaging.deid.pixels.templates import OUTSIDE, Template, places
from imaging.deid.recipe import InvalidRecipe, Recipe
from tests.imaging.deid.conftest import IDENTITY, KEYS
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import instance

pytestmark = pytest.mark.requirement("REQ-DEI-004")

BANNER = {
    "name": "sono-1",
    "manufacturer": "Maker Ltd",
    "model": "Sono One",
    "modality": "US",
    "rows": 96,
    "columns": 128,
    "regions": [[0, 0, 128, 12], [100, 80, 128, 96]],
    "reason": "The banner holds the name on every image of this device.",
}
TERMS = {"identifier": "t", "version": "1", "options": ["clean_pixel_data"], "pixels": "blank"}


def recipe(*templates: dict[str, Any], **terms: Any) -> Recipe:
    return Recipe.parse({**TERMS, "pixel_regions": list(templates), **terms})


def ultrasound(rows: int = 96, columns: int = 128, **values: Any) -> Dataset:
    """An image of the device, grey noise without text."""
    noise = np.random.default_rng(1).integers(40, 60, (rows, columns), dtype=np.uint8)
    dataset = instance(noise, modality="US")
    for keyword, value in {"Manufacturer": "MAKER  LTD ", "ManufacturerModelName": "sono one", **values}.items():
        setattr(dataset, keyword, value)
    return dataset


def deidentify(dataset: Dataset, by: Recipe) -> tuple[engine.Deidentified, np.ndarray]:
    made = engine.deidentify(dataset, recipe=by, keys=KEYS, identity=IDENTITY)
    return made, dcmread(BytesIO(engine.serialise(made))).pixel_array


class TestWhatARecipeSays:
    def test_a_template_is_part_of_the_recipe_and_of_its_digest(self) -> None:
        other = {**BANNER, "reason": "Another reason."}
        (template,) = recipe(BANNER).templates
        assert template.plain() == BANNER
        assert Template.parse(template.plain()) == template
        assert len({Recipe.parse(TERMS).digest(), recipe(BANNER).digest(), recipe(other).digest()}) == 3
        assert recipe().digest() == Recipe.parse(TERMS).digest()

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"reason": " "}, "gives no reason"),
            ({"reason": None}, "gives no reason"),
            ({"reason": "two\nlines"}, "no text of one line"),
            ({"name": "my device"}, "needs its name"),
            ({"vendor": "Maker"}, "other parts"),
            ({"rows": 0}, "size of the image"),
            ({"columns": None}, "size of the image"),
            ({"rows": "96"}, "no whole number"),
            ({"rows": True}, "no whole number"),
            ({"columns": 70000}, "no whole number"),
            ({"regions": []}, "no list of 1 to 60"),
            ({"regions": "banner"}, "no list of 1 to 60"),
            ({"regions": [[0, 0, 128]]}, "left, top, right, bottom"),
            ({"regions": [[0, 0, 128.5, 12]]}, "left, top, right, bottom"),
            ({"regions": [[0, 0, 129, 12]]}, "not within 128 × 96"),
            ({"regions": [[0, 0, 128, 97]]}, "not within 128 × 96"),
            ({"regions": [[-1, 0, 128, 12]]}, "not within 128 × 96"),
            ({"regions": [[5, 5, 5, 12]]}, "is empty"),
            ({"regions": [[0, 0, 128, 96]]}, "the whole image"),
            ({"manufacturer": "", "model": "", "modality": ""}, "says nothing of the device"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_with_its_place(self, change: dict[str, Any], says: str) -> None:
        with pytest.raises(InvalidRecipe, match=rf"pixel_regions\[2\] .*{says}"):
            recipe({**BANNER, "name": "first", "model": "Other"}, {**BANNER, **change})

    @pytest.mark.parametrize(
        ("second", "says"),
        [
            ({**BANNER, "rows": 200}, "has the name of another"),
            ({**BANNER, "name": "sono-2", "model": " SONO  ONE"}, "is about the same images as sono-1"),
        ],
    )
    def test_two_templates_are_about_two_things(self, second: dict[str, Any], says: str) -> None:
        with pytest.raises(InvalidRecipe, match=rf"pixel_regions\[2\] {says}"):
            recipe(BANNER, second)

    @pytest.mark.parametrize("entries", [BANNER, "all", [BANNER] * 101, [None], [["name"]]])
    def test_templates_are_a_list_of_tables(self, entries: Any) -> None:
        with pytest.raises(InvalidRecipe, match="pixel_regions"):
            Recipe.parse({**TERMS, "pixel_regions": entries})

    def test_a_recipe_that_holds_pixels_would_not_use_them(self) -> None:
        with pytest.raises(InvalidRecipe, match="need pixels: blank or pixels: review"):
            Recipe.parse({"identifier": "t", "version": "1", "pixel_regions": [BANNER]})


class TestWhichImagesItMeans:
    def boxes(self, dataset: Dataset, **change: Any) -> list[tuple[int, int, int, int]]:
        return [box for _, box in places(recipe({**BANNER, **change}).templates, dataset)]

    def test_case_and_blanks_of_the_device_do_not_matter(self) -> None:
        assert self.boxes(ultrasound()) == [(0, 0, 128, 12), (100, 80, 128, 96)]

    @pytest.mark.parametrize(
        "values",
        [
            {"Manufacturer": "Maker"},
            {"ManufacturerModelName": "Sono One Plus"},
            {"ManufacturerModelName": ["Sono", "One"]},
            {"Modality": "OT"},
            {"Rows": 97},
            {"Columns": 127},
        ],
    )
    def test_another_device_or_size_is_left_alone(self, values: dict[str, Any]) -> None:
        assert self.boxes(ultrasound(**values)) == []

    @pytest.mark.parametrize("keyword", ["Manufacturer", "ManufacturerModelName", "Modality", "Rows", "Columns"])
    def test_what_an_image_does_not_say_is_not_guessed(self, keyword: str) -> None:
        dataset = ultrasound()
        del dataset[keyword]
        assert self.boxes(dataset) == []

    def test_what_a_template_does_not_ask_may_be_anything(self) -> None:
        assert self.boxes(ultrasound(Manufacturer="Other"), manufacturer="")
        assert self.boxes(ultrasound(), sop_class=UltrasoundImageStorage)
        assert not self.boxes(ultrasound(), sop_class=CTImageStorage)


class TestOutsideOfUltrasoundRegions:
    @staticmethod
    def image(*regions: tuple[int, int, int, int], rows: int = 24, columns: int = 32) -> Dataset:
        dataset = ultrasound(rows, columns)
        dataset.SequenceOfUltrasoundRegions = []
        for left, top, right, bottom in regions:
            item = Dataset()
            item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
            item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right - 1, bottom - 1
            dataset.SequenceOfUltrasoundRegions.append(item)
        return dataset

    template = Template.parse({"name": "us", "modality": "US", "regions": OUTSIDE, "reason": "Only pictures matter."})

    @given(st.data())
    def test_every_pixel_is_in_a_region_or_in_one_rectangle(self, data: st.DataObject) -> None:
        corners = st.tuples(*(st.integers(0, most) for most in (31, 23, 31, 23)))
        drawn = data.draw(st.lists(corners, min_size=1, max_size=5))
        regions = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in drawn]
        covered = np.zeros((24, 32), int)
        for left, top, right, bottom in regions:
            covered[top:bottom, left:right] = 1
        for left, top, right, bottom in self.template.boxes(self.image(*regions)):
            covered[top:bottom, left:right] += 1
        assert (covered == 1).all()

    def test_an_image_that_describes_none_is_left_to_what_is_read(self) -> None:
        assert self.template.boxes(ultrasound()) == []
        assert self.template.boxes(self.image()) == []

    @pytest.mark.parametrize("wrong", [(0, 0, 33, 20), (5, 5, 5, 9)])
    def test_a_region_that_cannot_be_makes_all_of_them_doubtful(self, wrong: tuple[int, int, int, int]) -> None:
        assert self.template.boxes(self.image((2, 2, 20, 20), wrong)) == []


class TestWhatIsBlanked:
    def test_the_rectangles_are_flat_and_the_rest_is_as_it_was(self) -> None:
        dataset = ultrasound()
        made, after = deidentify(dataset, recipe(BANNER))
        expected = dataset.pixel_array.copy()
        for left, top, right, bottom in BANNER["regions"]:
            assert np.ptp(after[top:bottom, left:right]) == 0
            expected[top:bottom, left:right] = after[top, left]
        assert np.array_equal(after, expected)
        assert made.dataset.BurnedInAnnotation == "NO"
        assert made.counters["template_sono-1"] == 2
        assert "texts_in_pixels" not in made.counters
        assert ("(7FE0,0010)", "C") in made.actions

    def test_every_frame_of_a_compressed_film_and_the_text_elsewhere_too(self) -> None:
        written = pictures.write(pictures.fan(144, 224), ["Plantagenet^Eleanor"], size=14, ink=230)
        bare = pictures.fan(144, 224)
        dataset = instance(np.stack([bare, written.pixels]), modality="US", frames=2)
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        template = {"name": "us", "modality": "US", "rows": 144, "columns": 224, "reason": "There is a clock."}
        made, after = deidentify(dataset, recipe({**template, "regions": [[180, 120, 224, 144]]}))
        assert np.ptp(after[:, 120:144, 180:224], axis=(1, 2)).tolist() == [0, 0]
        ((left, top, right, bottom),) = written.boxes
        assert np.ptp(after[1, top:bottom, left:right]) == 0
        assert np.array_equal(after[0, :120], bare[:120])
        assert made.dataset.file_meta.TransferSyntaxUID == JPEG2000Lossless
        assert made.counters["template_us"] == 1
        assert made.counters["texts_in_pixels"] >= 1

    def test_text_of_a_device_that_blanks_where_it_writes_is_accounted_for(self) -> None:
        dataset = ultrasound(BurnedInAnnotation="YES")
        with pytest.raises(TextInPixels):
            deidentify(dataset, Recipe.parse(TERMS))
        assert deidentify(dataset, recipe(BANNER))[0].dataset.BurnedInAnnotation == "NO"

    def test_values_of_a_grid_are_no_picture_to_blank(self) -> None:
        dose = instance(np.arange(96 * 128, dtype=np.uint16).reshape(96, 128))
        dose.SOPClassUID, dose.Modality = "1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE"
        made, after = deidentify(dose, recipe({**BANNER, "manufacturer": "", "model": "", "modality": "RTDOSE"}))
        assert np.array_equal(after, dose.pixel_array)
        assert "template_sono-1" not in made.counters


class TestWhatIsProposed:
    def test_a_person_is_shown_the_rectangles_on_all_frames_and_whose_they_are(self) -> None:
        with pytest.raises(TextInPixels) as asked:
            deidentify(ultrasound(), recipe(BANNER, pixels="review"))
        assert asked.value.reason == "text_template"
        assert asked.value.regions == [(0, 0, 128, 12, 0, 0), (100, 80, 128, 96, 0, 0)]
        assert asked.value.templates == ["sono-1", "sono-1"]

    def test_text_elsewhere_is_proposed_behind_them(self) -> None:
        written = pictures.write(pictures.fan(144, 224), ["Eleanor Plantagenet"], size=14, ink=230)
        template = {"name": "us", "modality": "US", "rows": 144, "columns": 224, "reason": "There is a clock."}
        with pytest.raises(TextInPixels) as asked:
            deidentify(
                instance(written.pixels, modality="US"),
                recipe({**template, "regions": [[180, 120, 224, 144]]}, pixels="review"),
            )
        first, *others = asked.value.regions
        assert (asked.value.reason, asked.value.templates) == ("text_found", ["us"])
        assert first == (180, 120, 224, 144, 0, 0)
        assert others
