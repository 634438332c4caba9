"""An excerpt measures as the whole header does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.excerpts import excerpt
from imaging.dicom.headers import read_header
from imaging.quality import SeriesFacts, facts_of, series_facts
from imaging.quality.measuring import measured

DAY_ONE = date(2000, 1, 1)


def facts_through_json(*datasets: Dataset) -> list[SeriesFacts]:
    return facts_of([json.loads(json.dumps(measured(one, one))) for one in datasets], reference_date=DAY_ONE)


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "rtdose.dcm",
     "liver_1frame.dcm", "examples_palette.dcm"],
)  # fmt: skip
def test_genuine_headers(name: str, genuine: Path) -> None:
    header = read_header(genuine / name)
    assert facts_through_json(header.dataset) == series_facts([header], reference_date=DAY_ONE)


def test_a_series(make_ct: Callable[..., Dataset]) -> None:
    slices = [make_ct(z=z, number=n, AcquisitionDate="20240229") for n, z in enumerate((0, 5, 10.0004, 20, 20))]
    found = facts_through_json(*slices)
    assert found == series_facts(slices, reference_date=DAY_ONE)
    assert found[0].spacing_mm == (5.0, 5.0, 10.0)


def test_a_frame_without_its_place_stays_a_frame(make_ct: Callable[..., Dataset]) -> None:
    placed, place = Dataset(), Dataset()
    place.ImagePositionPatient = [0, 0, 5]
    placed.PlanePositionSequence = [place]
    frames = make_ct(PerFrameFunctionalGroupsSequence=[placed, Dataset()], NumberOfFrames=2)
    assert facts_through_json(frames) == series_facts([frames], reference_date=DAY_ONE)


def test_contrast_and_tracer(make_ct: Callable[..., Dataset]) -> None:
    dose = Dataset()
    dose.Radiopharmaceutical, dose.RadionuclideTotalDose = "FDG", "312000000"
    dataset = make_ct(RadiopharmaceuticalInformationSequence=[dose], ContrastBolusVolume="90")
    (facts,) = facts_through_json(dataset)
    assert (facts.contrast_volume_ml, facts.tracer, facts.injected_dose_mbq) == (90, "FDG", 312)


def test_a_malformed_number_is_left_out(make_ct: Callable[..., Dataset]) -> None:
    dataset = make_ct()
    dataset[0x00180050] = RawDataElement(Tag(0x00180050), "DS", 8, b"thick   ", 0, False, True)  # Slice Thickness
    assert "SliceThickness" not in excerpt(dataset)
    assert facts_through_json(dataset) == series_facts([dataset], reference_date=DAY_ONE)


def test_it_holds_nothing_of_the_patient(make_ct: Callable[..., Dataset]) -> None:
    assert "Planted" not in json.dumps(excerpt(make_ct()))


def test_no_nul_reaches_the_database(make_ct: Callable[..., Dataset]) -> None:
    dataset = make_ct()
    dataset[0x00180015] = RawDataElement(Tag(0x00180015), "CS", 6, b"CH\0EST", 0, False, True)  # Body Part Examined
    assert excerpt(dataset)["BodyPartExamined"] == "CHEST"
