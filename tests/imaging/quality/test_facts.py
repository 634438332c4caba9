"""Facts are measured from headers, on the phantom and on pydicom's genuine files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pydicom.data
import pytest
from pydicom.dataset import Dataset

from imaging.dicom.headers import read_header
from imaging.phantom.canvas import Grid
from imaging.phantom.series import SeriesSpec, ct_series
from imaging.phantom.subjects import PhantomSubject
from imaging.quality import SeriesFacts, Severity, VisitWindow, check_timepoint, series_facts
from trials.series_terms import SeriesTerms

GRID = Grid(rows=16, slices=32)
DAY = date(2026, 3, 4)
RULE = SeriesTerms(
    "Chest and abdomen, axial",
    "CT",
    orientation="axial",
    max_slice_thickness_mm=5.0,
    max_gap_mm=0.5,
    min_instances=30,
)


def scan(**options):
    subject = PhantomSubject.with_scenario(1, "stable")
    return list(ct_series(subject, 0, study_date=DAY, grid=GRID, **options))


def test_a_phantom_series_is_measured():
    (facts,) = series_facts(scan(), reference_date=date(2026, 3, 1))
    assert (facts.modality, facts.body_part, facts.orientation) == ("CT", "CHEST", "axial")
    assert (facts.n_instances, facts.n_slices, facts.rows, facts.columns) == (32, 32, 16, 16)
    assert (facts.slice_thickness_mm, facts.spacing_mm) == (5.0, (5.0,) * 31)
    assert facts.positions_mm == tuple(float(z) for z in GRID.z_mm)
    assert (facts.study_day, facts.patient_position, facts.coincident_slices) == (4, "HFS", 0)


# CDISC SDTMIG 4.4.4: the reference date is day 1, the day before it -1.
@pytest.mark.parametrize(
    ("reference", "day"), [(date(2026, 3, 4), 1), (date(2026, 3, 5), -1), (date(2026, 1, 7), 57), (None, None)]
)
def test_the_study_day_has_no_zero(reference, day):
    assert series_facts(scan()[:1], reference_date=reference)[0].study_day == day


def test_a_phantom_series_passes_the_charter():
    facts = series_facts(scan(), reference_date=date(2026, 1, 7))
    found = check_timepoint(facts, [RULE], VisitWindow(50, 64))
    assert {finding.severity for finding in found} == {Severity.PASS}


def test_slices_left_out_and_slices_given_twice_are_found():
    instances = scan(series=SeriesSpec(dropped=frozenset({10, 11})))
    (facts,) = series_facts([*instances, instances[0]])
    assert facts.repeated_instances == 1
    codes = {f.code: f for f in check_timepoint([facts], [RULE])}
    assert codes["slices_missing"].evidence["missing_slices"] == 2
    assert "instances_repeated" in codes


@pytest.mark.parametrize(("name", "modality"), [("CT_small.dcm", "CT"), ("MR_small.dcm", "MR")])
def test_a_genuine_stray_is_measured_and_found_wanting(name, modality):
    path = Path(pydicom.data.__file__).parent / "test_files" / name
    (facts,) = series_facts([read_header(path)])
    assert (facts.modality, facts.n_slices) == (modality, 1)
    severities = {finding.severity for finding in check_timepoint([facts], [RULE])}
    assert Severity.BLOCK in severities


def test_facts_survive_a_json_column():
    (facts,) = series_facts(scan(), reference_date=DAY)
    stored = json.loads(json.dumps(facts.as_json()))
    assert SeriesFacts.from_json({**stored, "from a later version": 1}) == facts


def test_no_free_text_of_the_header_reaches_a_sentence():
    instances = scan(identity={"PatientName": "Planted^Name", "BodyPartExamined": "PLANTED", "Modality": "PLANTED"})
    for instance in instances:
        instance.SeriesDescription = instance.PatientPosition = "PLANTED"
    (facts,) = series_facts(instances, reference_date=DAY)
    found = check_timepoint([facts], [RULE, SeriesTerms("CT", "CT", patient_positions=("HFS",))], VisitWindow(1, 2))
    assert found
    assert not any("planted" in finding.sentence.lower() for finding in found)


def test_what_the_scanner_noted_of_contrast_and_tracer_is_measured():
    first, *rest = scan()
    dose = Dataset()
    dose.Radiopharmaceutical, dose.RadionuclideTotalDose = "FDG", 312_000_000
    first.RadiopharmaceuticalInformationSequence = [dose]
    first.ContrastBolusVolume = 90
    (facts,) = series_facts([first, *rest])
    assert (facts.contrast_volume_ml, facts.tracer, facts.injected_dose_mbq) == (90, "FDG", 312)
    (silent,) = series_facts(rest)
    assert (silent.contrast_volume_ml, silent.tracer, silent.injected_dose_mbq) == (None, "", None)
