"""SUV by body weight, after QIBA's recipe: from the header's facts, and from none that are not there."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from imaging.display.suv import decay_seconds, units_of

#: 75 kg; 400 MBq of F-18 injected one half-life (6586 s) before the scan.
PET = {
    "Modality": "PT",
    "Units": "BQML",
    "CorrectedImage": ["NORM", "ATTN", "SCAT", "DECY"],
    "DecayCorrection": "START",
    "PatientWeight": 75,
    "SeriesDate": "20260301",
    "SeriesTime": "104946",
    "AcquisitionDate": "20260301",
    "AcquisitionTime": "105146",
}
TRACER = {"RadionuclideTotalDose": 400e6, "RadionuclideHalfLife": 6586, "RadiopharmaceuticalStartTime": "090000.00"}


def pet(tracer: dict | None = None, **values: object) -> Dataset:
    dataset, item = Dataset(), Dataset()
    for keyword, value in ({} if tracer is None else tracer).items():
        setattr(item, keyword, value)
    for keyword, value in (PET | values).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if tracer is not None:
        dataset.RadiopharmaceuticalInformationSequence = [item]
    return dataset


def test_activity_becomes_suv_by_weight_and_decayed_dose() -> None:
    unit, factor = units_of(pet(TRACER))
    assert unit == "BQML"
    assert factor == pytest.approx(75_000 / 200e6)  # half of the dose is left after one half-life


def test_activity_corrected_to_the_injection_is_divided_by_the_whole_dose() -> None:
    without = {"RadionuclideTotalDose": 400e6}
    assert units_of(pet(without, DecayCorrection="ADMIN", SeriesTime=None)) == ("BQML", 75_000 / 400e6)


@pytest.mark.parametrize(
    ("tracer", "values", "seconds"),
    [
        ({"RadiopharmaceuticalStartDateTime": "20260301104846.000000"}, {}, 60),
        ({"RadiopharmaceuticalStartTime": "233000"}, {"SeriesTime": "003000", "AcquisitionTime": "003100"}, 3600),
        ({"RadiopharmaceuticalStartTime": "090000"}, {"SeriesTime": "110000"}, None),  # made after the acquisition
        ({"RadiopharmaceuticalStartTime": "090000"}, {"SeriesDate": None}, None),
        ({"RadiopharmaceuticalStartDateTime": "20260201104846"}, {}, None),
        ({}, {}, None),
    ],
)
def test_seconds_from_the_injection_to_the_start_of_the_scan(tracer, values, seconds) -> None:
    assert decay_seconds(pet(tracer, **values)) == seconds


@pytest.mark.parametrize(
    "values",
    [
        {"PatientWeight": None},
        {"PatientWeight": 0},
        {"AcquisitionTime": None},
        {"DecayCorrection": "NONE"},
        {"CorrectedImage": ["ATTN"]},
    ],
)
def test_without_a_fact_that_it_needs_there_is_no_factor(values) -> None:
    assert units_of(pet(TRACER, **values)) == ("BQML", None)


@pytest.mark.parametrize("missing", [*TRACER])
def test_without_a_fact_of_the_tracer_there_is_no_factor(missing) -> None:
    assert units_of(pet({k: v for k, v in TRACER.items() if k != missing})) == ("BQML", None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"Units": "GML"}, ("SUVbw", 1.0)),
        ({"Units": "GML", "SUVType": "LBM"}, ("", None)),
        ({"Units": "CNTS"}, ("", None)),
        ({"Units": "PROPCPS"}, ("", None)),
        ({"Modality": "CT"}, ("HU", None)),
        ({"Modality": "CT", "RescaleType": "US"}, ("", None)),
        ({"Modality": "MR"}, ("", None)),
    ],
)
def test_other_units(values, told) -> None:
    assert units_of(pet(**values)) == told


def test_counts_become_suv_by_the_factor_that_philips_writes() -> None:
    dataset = pet(Units="CNTS")
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.000472")
    assert units_of(dataset) == ("", 0.000472)
