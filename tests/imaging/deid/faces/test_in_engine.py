"""What an instance says of its face, what passes, and what waits, by the recipe."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import compress
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)

from imaging.deid import engine, workshop
from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.finding import find_face
from imaging.deid.faces.looking import Looked
from imaging.deid.faces.masking import View
from imaging.deid.faces.volume import Volume, slices_of
from imaging.deid.recipe import Recipe
from tests.factories import encoded
from tests.factories.heads import Cuts, Head, as_one_file, head_series
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS

pytestmark = pytest.mark.requirement("REQ-DEI-005")

TERMS = {"identifier": "faces", "version": "1", "options": ["clean_recognizable_visual_features"], "faces": "mask"}
MASKING, REVIEWING = Recipe.parse(TERMS), Recipe.parse(TERMS | {"faces": "review"})
OPTION = "113102"
CUTS = Cuts(between_mm=7, pixel_mm=3, low=(-100, -124, -110), high=(100, 124, 90))


@pytest.fixture(scope="module")
def series() -> list[Dataset]:
    """A head in slices, as files are read."""
    return [dcmread(BytesIO(encoded(one))) for one in head_series(Head(), CUTS)]


@pytest.fixture(scope="module")
def looked(series: list[Dataset]) -> Looked:
    """What looking at it gives."""
    return look_at(series)


def look_at(files: list[Dataset]) -> Looked:
    """What looking at files of a series gives."""
    volume = Volume([one for instance in files for one in slices_of(instance)])
    return Looked(View.between(*volume.corners()), find_face(volume, hounsfield=files[0].Modality == "CT"))


def deidentified(dataset: Dataset, looked: Looked | None, recipe: Recipe = MASKING) -> engine.Deidentified:
    return engine.deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY, looked=looked)


def said(result: engine.Deidentified) -> tuple[Any, ...]:
    """What the output says of faces: attribute, words of the method, code."""
    dataset = dcmread(BytesIO(engine.serialise(result)))
    words = [part for part in dataset.DeidentificationMethod if "face" in part and "Parallax" not in part]
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    return dataset.get("RecognizableVisualFeatures"), words, OPTION in codes


def at_the_nose(series: list[Dataset]) -> Dataset:
    return min(series, key=lambda one: abs(float(one.ImagePositionPatient[2]) + 22))


def test_a_face_that_was_taken_out_is_told_and_counted(series: list[Dataset], looked: Looked) -> None:
    original = at_the_nose(series)
    result = deidentified(original, looked)

    assert said(result) == ("NO", ["face taken out of the series"], True)
    assert result.counters["faces"] == 1
    (noted,) = set(result.actions) - set(deidentified(original, Looked(looked.view)).actions)
    assert noted == ("(7FE0,0010)", "C")
    changed = result.dataset.pixel_array != original.pixel_array
    assert 0.05 < changed.mean() < 0.5


def test_running_twice_changes_nothing(series: list[Dataset], looked: Looked) -> None:
    output = engine.serialise(deidentified(at_the_nose(series), looked))
    again = deidentified(dcmread(BytesIO(output)), None)

    assert again.counters == {"unchanged": 1}
    assert engine.serialise(again) == output


def test_a_slice_above_the_face_keeps_its_bytes_and_says_the_same_as_the_others(
    series: list[Dataset], looked: Looked
) -> None:
    result = deidentified(series[-1], looked)

    assert said(result) == ("NO", ["face taken out of the series"], True)
    assert result.dataset.PixelData == series[-1].PixelData
    assert "faces" not in result.counters


def test_a_lossless_syntax_stays(series: list[Dataset], looked: Looked) -> None:
    original = dcmread(BytesIO(encoded(at_the_nose(series))))
    native = deidentified(original, looked).dataset.pixel_array
    compress(original, RLELossless, generate_instance_uid=False)
    result = deidentified(original, looked)

    assert result.dataset.file_meta.TransferSyntaxUID == RLELossless
    assert (dcmread(BytesIO(engine.serialise(result))).pixel_array == native).all()


def test_a_series_without_a_face_says_so(series: list[Dataset], looked: Looked) -> None:
    result = deidentified(series[0], Looked(looked.view))

    assert said(result) == ("NO", ["no face in the series"], True)
    assert result.dataset.PixelData == series[0].PixelData


def test_without_the_option_nothing_is_changed_or_said(series: list[Dataset], looked: Looked) -> None:
    result = deidentified(at_the_nose(series), looked, BASIC)

    assert said(result) == (None, [], False)
    assert result.dataset.PixelData == at_the_nose(series).PixelData


@pytest.mark.parametrize("reason", ["face_unsure", "face_no_volume"])
def test_what_nobody_can_tell_waits(series: list[Dataset], reason: str) -> None:
    with pytest.raises(CannotDeidentify) as held:
        deidentified(series[0], Looked(problem=reason))
    assert held.value.reason == reason


def test_a_file_alone_waits(series: list[Dataset]) -> None:
    with pytest.raises(CannotDeidentify) as held:
        deidentified(series[0], None)
    assert held.value.reason == "face_not_looked_for"


def test_where_the_recipe_asks_a_person_a_machine_alone_is_not_enough(series: list[Dataset], looked: Looked) -> None:
    for alone in (None, looked, Looked(looked.view)):
        with pytest.raises(CannotDeidentify) as held:
            deidentified(at_the_nose(series), alone, REVIEWING)
        assert held.value.reason == "face_review"


def test_what_a_person_decided_is_what_the_machine_does(series: list[Dataset], looked: Looked) -> None:
    original = at_the_nose(series)
    by_person = deidentified(original, replace(looked, decided=True), REVIEWING)
    by_machine = deidentified(original, looked)

    assert by_person.dataset.PixelData == by_machine.dataset.PixelData
    assert said(by_person) == said(by_machine)
    nothing = deidentified(original, Looked(looked.view, decided=True), REVIEWING)
    assert nothing.dataset.PixelData == original.PixelData
    assert said(nothing) == ("NO", ["no face in the series"], True)


@pytest.mark.parametrize("whose", ["a face", "no face"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ImagePositionPatient": [-116, -136, 160]}, "face_unsure"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "face_unsure"),
        ({"ImagePositionPatient": None}, "face_no_volume"),
        ({"BitsAllocated": 32}, "pixels_unreadable"),
    ],
    ids=["above it", "across it", "nowhere", "not to be read"],
)
def test_what_was_not_looked_at_waits_whatever_was_found(
    series: list[Dataset], looked: Looked, whose: str, change: dict[str, Any], reason: str
) -> None:
    other = dcmread(BytesIO(encoded(series[0])))
    for keyword, value in change.items():
        setattr(other, keyword, value)
    with pytest.raises(CannotDeidentify) as held:
        deidentified(other, looked if whose == "a face" else Looked(looked.view))
    assert held.value.reason == reason


@pytest.mark.parametrize("look", ["CT", "T1"])
def test_all_slices_in_one_file_lose_the_same_as_each_in_its_own(look: str, looked: Looked) -> None:
    files = [dcmread(BytesIO(encoded(one))) for one in head_series(Head(), CUTS, look=look)]
    whole = dcmread(BytesIO(encoded(as_one_file(files))))
    result = deidentified(whole, looked)

    apart = [deidentified(one, looked).dataset.pixel_array for one in files]
    assert (result.dataset.pixel_array == np.stack(apart)).all()
    assert said(result) == ("NO", ["face taken out of the series"], True)
    assert result.counters["faces"] > 5
    each = [one.plain() | {"frame": number} for number, file in enumerate(files) for one in slices_of(file)]
    assert [one.plain() for one in slices_of(whole)] == each


def test_frames_without_a_place_wait(series: list[Dataset], looked: Looked) -> None:
    whole = as_one_file(series)
    del whole.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    with pytest.raises(CannotDeidentify) as held:
        deidentified(dcmread(BytesIO(encoded(whole))), looked)
    assert held.value.reason == "face_no_volume"


@pytest.mark.parametrize(
    "change",
    [{"SOPClassUID": PositronEmissionTomographyImageStorage, "Modality": "PT"}, {"RecognizableVisualFeatures": "YES"}],
)
def test_what_may_show_a_face_and_is_not_looked_at_waits(series: list[Dataset], change: dict[str, str]) -> None:
    picture = dcmread(BytesIO(encoded(series[0])))
    picture.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    for keyword, value in change.items():
        setattr(picture, keyword, value)
    with pytest.raises(CannotDeidentify) as held:
        deidentified(picture, None)
    assert held.value.reason == "face_kind"


def test_a_preview_of_one_file_claims_nothing_of_faces(series: list[Dataset], tmp_path: Path) -> None:
    file = tmp_path / "1.dcm"
    file.write_bytes(encoded(series[0]))
    seen = workshop.preview(str(file), TERMS, bytes(32))

    after = {name: after for _, name, _, after in seen["changes"]}
    assert after["Patient Identity Removed"] == "YES"
    assert "Recognizable Visual Features" not in after
    assert not {"face taken out of the series", "no face in the series"} & set(
        after["De-identification Method"].split("\\")
    )


def test_what_cannot_show_a_face_passes_and_claims_nothing(series: list[Dataset]) -> None:
    picture = dcmread(BytesIO(encoded(series[0])))
    picture.SOPClassUID, picture.Modality = DigitalMammographyXRayImageStorageForPresentation, "MG"

    assert said(deidentified(picture, None)) == (None, [], False)
