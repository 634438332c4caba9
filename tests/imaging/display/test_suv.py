"""SUV by body weight, after QIBA's recipe: from the header's facts, and from none that are not there."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydicom.dataset import Dataset

from imaging.display.suv import Undefined, Uptake, decay_seconds, uptake_of

pytestmark = pytest.mark.one_database

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


def undefined(why: str, unit: str = "BQML") -> Uptake:
    return Uptake(unit, None, why)


def test_activity_becomes_suv_by_weight_and_decayed_dose() -> None:
    uptake = uptake_of(pet(TRACER))
    assert (uptake.unit, uptake.reason) == ("BQML", "")
    assert uptake.factor == pytest.approx(75_000 / 200e6)  # half of the dose is left after one half-life


def test_a_case_worked_by_hand() -> None:
    """70 kg, 370 MBq of F-18 (half-life 6586.2 s), scanned 60 min after: 370 MBq × 2^(-3600 / 6586.2) = 253.31 MBq.

    10,000 Bq/ml × 70,000 g / 253.31 MBq = 2.763.
    """
    tracer = {
        "RadionuclideTotalDose": 370e6,
        "RadionuclideHalfLife": 6586.2,
        "RadiopharmaceuticalStartTime": "100000",
    }
    times = {"SeriesTime": "110000", "AcquisitionTime": "110200"}
    factor = uptake_of(pet(tracer, PatientWeight=70, **times)).factor
    assert factor is not None
    assert 10_000 * factor == pytest.approx(2.763, abs=0.001)


def test_activity_corrected_to_the_injection_is_divided_by_the_whole_dose() -> None:
    without = {"RadionuclideTotalDose": 400e6}
    assert uptake_of(pet(without, DecayCorrection="ADMIN", SeriesTime=None)) == Uptake("BQML", 75_000 / 400e6)


@pytest.mark.parametrize(
    ("tracer", "values", "seconds"),
    [
        ({"RadiopharmaceuticalStartDateTime": "20260301104846.000000"}, {}, 60),
        ({"RadiopharmaceuticalStartTime": "233000"}, {"SeriesTime": "003000", "AcquisitionTime": "003100"}, 3600),
        (
            {"RadiopharmaceuticalStartDateTime": "20260228233000"},
            {"SeriesTime": "003000", "AcquisitionTime": "003100"},
            3600,
        ),
        (
            {"RadiopharmaceuticalStartDateTime": "20260301084846+0000"},
            {"TimezoneOffsetFromUTC": "+0200"},
            60,
        ),
    ],
)
def test_seconds_from_the_injection_to_the_start_of_the_scan(
    tracer: dict[str, Any], values: dict[str, Any], seconds: float
) -> None:
    assert decay_seconds(pet(tracer, **values)) == seconds


@pytest.mark.parametrize(
    ("tracer", "values", "why"),
    [
        ({"RadiopharmaceuticalStartTime": "090000"}, {"SeriesTime": "110000"}, "when the scan began"),
        ({"RadiopharmaceuticalStartTime": "090000"}, {"SeriesDate": None}, "when the scan began"),
        ({"RadiopharmaceuticalStartTime": "090000"}, {"AcquisitionTime": None}, "when the image was acquired"),
        ({"RadiopharmaceuticalStartDateTime": "20260201104846"}, {}, "days before it"),
        ({"RadiopharmaceuticalStartDateTime": "20260301110000"}, {}, "lies after the scan"),
        ({}, {}, "when the tracer was injected"),
    ],
)
def test_seconds_that_the_header_does_not_tell_are_not_made_up(
    tracer: dict[str, Any], values: dict[str, Any], why: str
) -> None:
    with pytest.raises(Undefined, match=why):
        decay_seconds(pet(tracer, **values))


def test_of_a_series_made_later_the_scan_began_when_ge_noted_it() -> None:
    dataset = pet(TRACER, SeriesTime="150000")
    dataset.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20260301104946.00")
    assert uptake_of(dataset).factor == pytest.approx(75_000 / 200e6)


def test_of_a_series_made_later_the_scan_began_as_the_time_of_its_frame_tells() -> None:
    """A frame of 120 s in the third bed position: decay within it puts the average count rate 59.937 s after its start.

    ln 2 / 6586 × 120 = 0.012629; ln(0.012629 / (1 - e^-0.012629)) × 6586 / ln 2 = 59.937 s.
    """
    frame = {"ActualFrameDuration": 120_000, "FrameReferenceTime": 299_937, "AcquisitionTime": "105346"}
    seconds = decay_seconds(pet(TRACER, SeriesTime="150000", **frame))
    assert seconds == pytest.approx(6586, abs=0.01)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"PatientWeight": None}, "no weight"),
        ({"PatientWeight": 0}, "no weight"),
        ({"PatientWeight": 75_000}, "none in kg"),
        ({"AcquisitionTime": None}, "acquired"),
        ({"DecayCorrection": "NONE"}, "decay is corrected"),
        ({"CorrectedImage": ["ATTN"]}, "not corrected"),
    ],
)
def test_without_a_fact_that_it_needs_suv_is_undefined_and_says_why(values: dict[str, Any], why: str) -> None:
    uptake = uptake_of(pet(TRACER, **values))
    assert (uptake.unit, uptake.factor) == ("BQML", None)
    assert why in uptake.reason


@pytest.mark.parametrize(
    ("tracer", "why"),
    [
        ({name: value for name, value in TRACER.items() if name != "RadionuclideTotalDose"}, "no dose"),
        ({name: value for name, value in TRACER.items() if name != "RadionuclideHalfLife"}, "no half-life"),
        ({name: value for name, value in TRACER.items() if name != "RadiopharmaceuticalStartTime"}, "injected"),
        (TRACER | {"RadionuclideTotalDose": 400}, "none in Bq"),
        (TRACER | {"RadionuclideHalfLife": 109}, "hardly anything"),
        (None, "no tracer"),
    ],
)
def test_without_a_fact_of_the_tracer_suv_is_undefined_and_says_why(tracer: dict[str, Any] | None, why: str) -> None:
    uptake = uptake_of(pet(tracer))
    assert uptake.factor is None
    assert why in uptake.reason


def test_of_two_tracers_nobody_knows_whose_dose_counts() -> None:
    dataset = pet(TRACER)
    dataset.RadiopharmaceuticalInformationSequence.append(dataset.RadiopharmaceuticalInformationSequence[0])
    assert "of several" in uptake_of(dataset).reason


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"Units": "GML"}, Uptake("SUVbw", 1.0)),
        ({"Units": "GML", "SUVType": "LBM"}, undefined("the values are SUV, but not by body weight", "")),
        ({"Units": "CNTS"}, undefined("the values are counts, and the scanner notes no factor", "")),
        ({"Units": "PROPCPS"}, undefined("the values are not in Bq/ml, g/ml or counts", "")),
        ({"Modality": "CT"}, Uptake("HU")),
        ({"Modality": "CT", "RescaleType": "US"}, Uptake("")),
        ({"Modality": "MR"}, Uptake("")),
    ],
)
def test_other_units(values: dict[str, Any], told: Uptake) -> None:
    assert uptake_of(pet(**values)) == told


def philips(dataset: Dataset, element: int, value: str) -> Dataset:
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(element, "DS", value)
    return dataset


def test_counts_become_suv_by_the_factor_that_philips_writes() -> None:
    assert uptake_of(philips(pet(Units="CNTS"), 0x00, "0.000472")) == Uptake("", 0.000472)


def test_counts_become_activity_and_then_suv_where_philips_writes_that_factor_alone() -> None:
    dataset = philips(philips(pet(TRACER, Units="CNTS"), 0x00, "0"), 0x09, "1.75")
    factor = uptake_of(dataset).factor
    assert factor is not None
    assert math.isclose(factor, 1.75 * 75_000 / 200e6)


def test_what_is_kept_of_it_says_neither_weight_nor_dose_nor_time() -> None:
    assert uptake_of(pet(TRACER)).plain() == {"unit": "BQML", "factor": 0.000375, "reason": ""}
