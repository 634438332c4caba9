"""SUV although the recipe took weight, dose and times out: the factor is kept beside the image, and nothing else."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from compliance import storage
from imaging.display import outside
from imaging.models import Instance, Series
from imaging.services import displaying
from imaging.services.viewing import shown_series
from tests.factories import World, make_world
from tests.factories.scans import encoded, slice_of
from tests.imaging.services.delivery import by_scanner
from trials.charter import RECIST_TEMPLATE

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-DEI-012")]

#: 61.5 kg; 370 MBq injected an hour before the scan, before midnight: half-life 6586.2 s.
FACTOR = 61_500 / (370e6 * 2 ** (-3600 / 6586.2))


def pet(number: int, **values: Any) -> bytes:
    tracer = Dataset()
    tracer.RadiopharmaceuticalStartTime = "233000"
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = "370000000", "6586.2"
    header: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128",
        "ClinicalTrialSubjectID": "N-001",
        "Modality": "PT",
        "PatientWeight": "61.5",
        "Units": "BQML",
        "CorrectedImage": ["ATTN", "DECY"],
        "DecayCorrection": "START",
        "SeriesTime": "003000",
        "AcquisitionTime": "003100",
        "RescaleIntercept": "0",
        "RescaleType": None,
        "RadiopharmaceuticalInformationSequence": [tracer],
    }
    return encoded(slice_of(number, **(header | values)))


@pytest.fixture(params=["everything removed", "the template's recipe"])
def world(request: pytest.FixtureRequest, db: None) -> World:
    recipe = dict(RECIST_TEMPLATE["deidentification"])
    if request.param == "everything removed":
        recipe |= {"options": ["clean_pixel_data"], "dates": "removed"}
    return make_world(charter={"deidentification": recipe})


def header_of(instance: Instance) -> Dataset:
    return dcmread(BytesIO(storage.get(storage.ARCHIVE, instance.archive_key)))


def test_the_viewer_has_the_factor_whatever_the_recipe_took_out(world: World) -> None:
    by_scanner(world, [pet(n) for n in (1, 2)])

    instances = list(Instance.objects.all())
    assert len(instances) == 2
    told = shown_series(Series.objects.get(), "PET").plain()
    assert told["suv_factor"] == pytest.approx(FACTOR)
    assert (told["unit"], told["suv_reason"]) == ("BQML", "")
    in_file = "PatientWeight" in header_of(instances[0])
    assert told["suv_in_header"] is in_file


def test_nothing_is_kept_beside_the_image_but_the_product(world: World) -> None:
    by_scanner(world, [pet(1)])

    (instance,) = Instance.objects.all()
    assert instance.measured["uptake"] == {"unit": "BQML", "factor": pytest.approx(FACTOR), "reason": ""}


def test_no_program_outside_gets_uptake_that_the_file_does_not_tell(world: World) -> None:
    by_scanner(world, [pet(1)])
    told = shown_series(Series.objects.get(), "PET").plain()

    made = outside.dataset_of(told, 1, outside.Names(*(["1"] * 2), "", 1, "2", 1, "3", ""))

    assert made.Units == ("GML" if "PatientWeight" in header_of(Instance.objects.get()) else "BQML")
    assert ("PatientWeight" in made, "RadiopharmaceuticalInformationSequence" in made) == (False, False)


def test_what_was_missing_when_it_came_is_said(world: World) -> None:
    by_scanner(world, [pet(1, PatientWeight=None)])

    told = shown_series(Series.objects.get(), "PET").plain()
    assert told["suv_factor"] is None
    assert told["suv_reason"] == "the header has no weight, or none in kg"


def test_pictures_that_have_no_factor_in_common_are_no_uptake(world: World) -> None:
    by_scanner(world, [pet(1), pet(2, PatientWeight="80")])

    told = shown_series(Series.objects.get(), "PET").plain()
    assert told["suv_factor"] is None
    assert told["suv_reason"] == "its pictures have no factor in common"


def test_an_image_that_was_archived_before_this_was_noted_is_read_from_its_file(world: World) -> None:
    by_scanner(world, [pet(1)])
    instance = Instance.objects.get()
    instance.measured = {name: value for name, value in instance.measured.items() if name != "uptake"}
    instance.save()

    facts = displaying.facts_of(instance.series, [instance])[instance.pk]
    assert (facts["suv_factor"] is not None) is facts["suv_in_header"] is ("PatientWeight" in header_of(instance))
