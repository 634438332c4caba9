"""PET stays quantitative: uptake computed from the output is that of the original, after midnight too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from imaging.deid.engine import serialise
from tests.imaging.deid.conftest import KEYS, TRIAL, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-012")

Make = Callable[..., Dataset]


def suv_factor(dataset: Dataset) -> float:
    """SUV by body weight of a stored value of one: weight over the dose that is left when the scan starts (QIBA)."""
    (tracer,) = dataset.RadiopharmaceuticalInformationSequence
    assert (dataset.Units, dataset.DecayCorrection) == ("BQML", "START")
    started = datetime.strptime(dataset.SeriesDate + dataset.SeriesTime, "%Y%m%d%H%M%S")  # noqa: DTZ007
    injected = datetime.strptime(tracer.RadiopharmaceuticalStartDateTime[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007
    left = 2 ** (-(started - injected).total_seconds() / float(tracer.RadionuclideHalfLife))
    dose = float(tracer.RadionuclideTotalDose) * left
    return float(dataset.RescaleSlope) * 1000 * float(dataset.PatientWeight) / dose


@pytest.fixture
def pet(make_ct: Make) -> Dataset:
    tracer = Dataset()
    tracer.RadiopharmaceuticalStartDateTime, tracer.RadiopharmaceuticalStartTime = "20240228233000.000000", "233000"
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = "370000000", "6586.2"
    tracer.Radiopharmaceutical = "Fluorodeoxyglucose"
    dataset = make_ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.128",
        Modality="PT",
        PatientWeight="61.5",
        PatientSize="1.7",
        Units="BQML",
        DecayCorrection="START",
        SeriesDate="20240229",
        SeriesTime="003000",
        AcquisitionDate="20240229",
        AcquisitionTime="003100",
        RescaleSlope="2.5",
        RescaleIntercept="0",
        RadiopharmaceuticalInformationSequence=[tracer],
    )
    philips = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    philips.add_new(0x00, "DS", "0.00042")
    philips.add_new(0x09, "DS", "1.75")
    siemens = dataset.private_block(0x0071, "SIEMENS MED PT", create=True)
    siemens.add_new(0x22, "DT", "20240228233000.000000")
    ge = dataset.private_block(0x0009, "GEMS_PETD_01", create=True)
    ge.add_new(0x0D, "DT", "20240229003000.00")
    ge.add_new(0x01, "LO", "Plantagenet")
    return dataset


def test_suv_is_what_it_was_and_the_makers_numbers_stay(pet: Dataset) -> None:
    original = as_file(pet)
    found = dcmread(BytesIO(serialise(clean(original, TRIAL))))
    assert found.SeriesDate == KEYS.shift_date("20240229")
    assert suv_factor(found) == suv_factor(original)
    assert found.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical == "Fluorodeoxyglucose"
    philips = found.private_block(0x7053, "Philips PET Private Group")
    assert (philips[0x00].value, philips[0x09].value) == (0.00042, 1.75)
    assert found.private_block(0x0071, "SIEMENS MED PT")[0x22].value == KEYS.shift_datetime("20240228233000.000000")
    ge = found.private_block(0x0009, "GEMS_PETD_01")
    assert ge[0x0D].value == KEYS.shift_datetime("20240229003000.00")
    assert 0x01 not in ge


def test_without_the_option_private_attributes_leave(pet: Dataset) -> None:
    assert not [tag for tag in clean(as_file(pet)).dataset.keys() if tag.is_private]  # noqa: SIM118
