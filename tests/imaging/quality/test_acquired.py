"""Settings are read from the header that is left, durations and phase from the one that came."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from imaging.quality.acquired import acquired


def header(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_what_stays_in_the_header_is_noted():
    left = header(KVP="120", ConvolutionKernel=["B30f", "2"], CorrectedImage=["ATTN", "DECY"], Units="BQML",
                  PatientSex="F", PatientAge="061Y", PatientWeight="71.5")  # fmt: skip
    assert acquired(left, Dataset()) == {
        "kvp": [120.0],
        "kernels": ["B30f", "2"],
        "units": ["BQML"],
        "corrections": ["ATTN", "DECY"],
        "sex": ["F"],
        "patient_weight_kg": 71.5,
        "patient_age_years": 61,
    }


def test_an_enhanced_object_keeps_its_settings_in_groups():
    shared, echo, timing = Dataset(), header(EffectiveEchoTime=80.0), header(RepetitionTime=2500.0)
    shared.MREchoSequence, shared.MRTimingAndRelatedParametersSequence = [echo], [timing]
    frames = []
    for b in (0.0, 800.0):
        frame = Dataset()
        frame.MRDiffusionSequence = [header(DiffusionBValue=b)]
        frames.append(frame)
    enhanced = header(SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames)
    assert acquired(enhanced, Dataset()) == {
        "repetition_time_ms": [2500.0],
        "echo_time_ms": [80.0],
        "b_values": [0.0, 800.0],
    }


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ({}, {}),
        ({"ContrastBolusAgent": "NONE"}, {"contrast": False}),
        ({"SeriesDescription": "Abdomen portal venous 5mm"}, {"contrast_phase": "portal_venous"}),
        ({"SeriesDescription": "Abd art. phase"}, {"contrast_phase": "arterial"}),
        ({"SeriesDescription": "PARTIAL LIVER"}, {}),
        ({"ProtocolName": "non-contrast chest"}, {"contrast_phase": "none"}),
        (
            {"ContrastBolusStartTime": "235950", "AcquisitionTime": "000100.5"},
            {"contrast_delay_s": 70.5, "contrast_phase": "portal_venous"},
        ),
        (
            {"SeriesDescription": "portal", "ContrastBolusStartTime": "100000", "AcquisitionTime": "100030"},
            {"contrast_delay_s": 30.0, "contrast_phase": "arterial"},
        ),
    ],
)
def test_the_phase_follows_from_times_or_else_from_words(original, expected):
    assert acquired(Dataset(), header(**original)) == expected


@pytest.mark.parametrize(
    "injected", [{"RadiopharmaceuticalStartTime": "093000"}, {"RadiopharmaceuticalStartDateTime": "20260304093000"}]
)
def test_the_uptake_time_is_from_injection_to_scan(injected):
    original = header(AcquisitionTime="103330", RadiopharmaceuticalInformationSequence=[header(**injected)])
    assert acquired(Dataset(), original) == {"uptake_minutes": 63.5}
