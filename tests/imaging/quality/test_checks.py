"""Each check, at and on both sides of its limit."""

from __future__ import annotations

import pytest

from imaging.quality import FINDS, Resemblance, Severity, VisitWindow, check_timepoint
from imaging.quality.checks import SERIES_CHECKS, TIMEPOINT_CHECKS

pytestmark = pytest.mark.requirement("REQ-QC-001")

WINDOW = VisitWindow(50, 64)


def outcome(series, rules, code, window=WINDOW):
    """Severity of the finding with this code, or None."""
    found = [finding for finding in check_timepoint(series, rules, window) if finding.code == code]
    assert len(found) <= 1
    return found[0].severity if found else None


def test_a_series_as_promised_passes_every_check(facts, rule):
    found = check_timepoint([facts()], [rule(patient_positions=("HFS",))], WINDOW)
    assert {finding.severity for finding in found} == {Severity.PASS}
    assert [finding.code for finding in found] == [
        "series_present",
        "modality_expected",
        "inside_visit_window",
        "no_duplicates",
        "slice_thickness_kept",
        "spacing_even",
        "gap_kept",
        "enough_slices",
        "orientation_kept",
        "patient_position_kept",
    ]


@pytest.mark.parametrize(
    ("thickness", "code", "severity"),
    [
        (1.25, "slice_thickness_kept", Severity.PASS),
        (5.0, "slice_thickness_kept", Severity.PASS),
        (5.0001, "slice_thickness_kept", Severity.PASS),  # an exporter's rounding
        (5.1, "slices_too_thick", Severity.BLOCK),
        (None, "slice_thickness_unknown", Severity.WARN),
    ],
)
def test_slice_thickness(facts, rule, thickness, code, severity):
    assert outcome([facts(slice_thickness_mm=thickness)], [rule()], code) is severity


def test_the_evidence_gives_the_numbers(facts, rule):
    found = check_timepoint([facts(slice_thickness_mm=7.5)], [rule()], WINDOW)
    (thick,) = (finding for finding in found if finding.code == "slices_too_thick")
    assert thick.evidence == {"slice_thickness_mm": 7.5, "limit_mm": 5.0}
    assert (thick.series_key, thick.rule_label) == ("1.2.1", "Chest")
    assert thick.sentence == (
        "The slices are 7.5 mm thick; the charter allows at most 5 mm. Send a thinner reconstruction."
    )


def test_missing_slices_are_counted(facts, rule):
    steps = (5.0,) * 10 + (15.0,) + (5.0,) * 10 + (10.0,) + (5.0,) * 10
    found = check_timepoint([facts(spacing_mm=steps)], [rule()], WINDOW)
    (missing,) = (finding for finding in found if finding.code == "slices_missing")
    assert missing.severity is Severity.BLOCK
    assert missing.evidence == {
        "nominal_spacing_mm": 5.0,
        "smallest_step_mm": 5.0,
        "largest_step_mm": 15.0,
        "missing_slices": 3,
        "places": 2,
        "slice": 11,
    }


@pytest.mark.parametrize(
    ("step", "code", "severity"),
    [
        (5.0, "spacing_even", Severity.PASS),
        (5.5, "spacing_even", Severity.PASS),  # 10 % is the tolerance
        (5.6, "spacing_uneven", Severity.WARN),
        (4.4, "spacing_uneven", Severity.WARN),
        (7.4, "spacing_uneven", Severity.WARN),
        (7.6, "slices_missing", Severity.BLOCK),  # more than 1.5 steps
    ],
)
def test_the_steps_between_slices(facts, rule, step, code, severity):
    assert outcome([facts(spacing_mm=(5.0, 5.0, step, 5.0))], [rule()], code) is severity


@pytest.mark.parametrize(
    ("thickness", "step", "code", "severity"),
    [
        (5.0, 5.5, "gap_kept", Severity.PASS),
        (5.0, 5.6, "gap_too_wide", Severity.BLOCK),
        (5.0, 2.5, "gap_kept", Severity.PASS),  # overlapping slices leave nothing unseen
        (2.0, 5.0, "gap_too_wide", Severity.BLOCK),
    ],
)
def test_unseen_tissue_between_slices(facts, rule, thickness, step, code, severity):
    series = [facts(slice_thickness_mm=thickness, spacing_mm=(step,) * 39)]
    assert outcome(series, [rule()], code) is severity


@pytest.mark.parametrize(
    ("slices", "code", "severity"),
    [(30, "enough_slices", Severity.PASS), (29, "too_few_slices", Severity.BLOCK)],
)
def test_number_of_slices(facts, rule, slices, code, severity):
    assert outcome([facts(n_slices=slices)], [rule()], code) is severity


@pytest.mark.parametrize(
    ("orientation", "code", "severity"),
    [
        ("axial", "orientation_kept", Severity.PASS),
        ("coronal", "orientation_differs", Severity.BLOCK),
        (None, "orientation_unknown", Severity.WARN),
    ],
)
def test_orientation_of_the_slices(facts, rule, orientation, code, severity):
    assert outcome([facts(orientation=orientation)], [rule()], code) is severity


@pytest.mark.parametrize(
    ("position", "code", "severity"),
    [
        ("HFS", "patient_position_kept", Severity.PASS),
        ("FFP", "patient_position_differs", Severity.WARN),
        ("", "patient_position_unknown", Severity.WARN),
    ],
)
def test_position_of_the_patient(facts, rule, position, code, severity):
    series, rules = [facts(patient_position=position)], [rule(patient_positions=("HFS", "FFS"))]
    assert outcome(series, rules, code) is severity


@pytest.mark.parametrize(
    ("day", "code", "severity", "outside"),
    [
        (50, "inside_visit_window", Severity.PASS, 0),
        (64, "inside_visit_window", Severity.PASS, 0),
        (49, "outside_visit_window", Severity.WARN, 1),
        (70, "outside_visit_window", Severity.WARN, 6),
        (-3, "outside_visit_window", Severity.WARN, 52),
    ],
)
def test_the_visit_window(facts, rule, day, code, severity, outside):
    found = check_timepoint([facts(study_day=day)], [rule()], WINDOW)
    (finding,) = (f for f in found if f.code.endswith("visit_window"))
    assert (finding.code, finding.severity, finding.evidence["days_outside"]) == (code, severity, outside)


def test_an_unknown_day_is_said_and_no_window_means_no_check(facts, rule):
    assert outcome([facts(study_day=None)], [rule()], "study_day_unknown") is Severity.WARN
    assert not any("day" in f.code for f in check_timepoint([facts(study_day=None)], [rule()], None))


def test_series_of_several_days_are_noticed(facts, rule):
    assert outcome([facts(), facts("1.2.2", study_day=58)], [rule()], "several_study_days") is Severity.WARN


def test_a_required_series_that_is_missing_blocks_and_an_optional_one_does_not(facts, rule):
    rules = [rule(), rule("MR of the liver", modality="MR", required=False), rule("PET", modality="PT")]
    assert outcome([facts()], rules, "series_missing") is Severity.BLOCK
    assert outcome([facts()], rules, "optional_series_missing") is Severity.INFO
    assert outcome([], [rule()], "series_missing") is Severity.BLOCK


def test_a_series_beyond_the_charter_is_named(facts, rule):
    assert outcome([facts(), facts("1.2.2", n_slices=3)], [rule()], "series_not_in_charter") is Severity.INFO
    assert outcome([facts(modality="US")], [rule()], "modality_unexpected") is Severity.WARN


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"repeated_instances": 2}, "instances_repeated", Severity.INFO),
        ({"coincident_slices": 40}, "slices_coincide", Severity.WARN),
        ({"n_outside_stack": 1}, "several_planes", Severity.INFO),
    ],
)
def test_doubles_and_strangers_within_a_series(facts, rule, change, code, severity):
    assert outcome([facts(**change)], [rule()], code) is severity


def test_two_series_at_the_same_places_are_noticed(facts, rule):
    assert outcome([facts(), facts("1.2.2")], [rule()], "series_coincide") is Severity.INFO
    apart = facts("1.2.2", positions_mm=tuple(5.0 * n + 2 for n in range(40)))
    assert outcome([facts(), apart], [rule()], "series_coincide") is None


def test_limits_that_are_not_set_are_not_checked(facts, rule):
    free = rule(orientation="", max_slice_thickness_mm=None, max_gap_mm=None, min_instances=None)
    found = check_timepoint([facts(slice_thickness_mm=20.0, n_slices=1, orientation="oblique")], [free], None)
    assert {finding.severity for finding in found} == {Severity.PASS}


def test_the_order_of_arrival_changes_nothing(facts, rule):
    series = [facts(f"1.2.{n}", n_slices=30 + n, slice_thickness_mm=3.0 + n) for n in range(4)]
    rules = [rule(), rule("Second", required=False)]
    assert check_timepoint(series, rules, WINDOW) == check_timepoint(series[::-1], rules, WINDOW)


NUMBERS = [
    # charter, facts, code, severity
    ({"min_kvp": 100, "max_kvp": 120}, {"kvp": (120.0,)}, "kvp_kept", Severity.PASS),
    ({"min_kvp": 100, "max_kvp": 120}, {"kvp": (80.0, 120.0)}, "kvp_differs", Severity.WARN),
    ({"min_kvp": 100}, {}, "kvp_unknown", Severity.WARN),
    ({"max_pixel_spacing_mm": 0.9}, {"pixel_spacing_mm": 0.9}, "pixel_size_kept", Severity.PASS),
    ({"max_pixel_spacing_mm": 0.9}, {"pixel_spacing_mm": 0.91}, "pixels_too_large", Severity.WARN),
    ({"max_pixel_spacing_mm": 0.9}, {}, "pixel_size_unknown", Severity.WARN),
    ({"kernels": ("B3",)}, {"kernels": ("B30f",)}, "kernel_kept", Severity.PASS),
    ({"kernels": ("B3",)}, {"kernels": ("B30f", "B70s")}, "kernel_differs", Severity.WARN),
    ({"kernels": ("B3",)}, {}, "kernel_unknown", Severity.WARN),
    ({"field_strengths_t": (1.5, 3.0)}, {"field_strength_t": (2.89,)}, "field_strength_kept", Severity.PASS),
    ({"field_strengths_t": (1.5, 3.0)}, {"field_strength_t": (1.0,)}, "field_strength_differs", Severity.BLOCK),
    ({"field_strengths_t": (1.5, 3.0)}, {}, "field_strength_unknown", Severity.WARN),
    ({"max_repetition_time_ms": 800}, {"repetition_time_ms": (800.0,)}, "repetition_time_kept", Severity.PASS),
    ({"max_repetition_time_ms": 800}, {"repetition_time_ms": (810.0,)}, "repetition_time_differs", Severity.WARN),
    ({"min_echo_time_ms": 80}, {"echo_time_ms": (80.0,)}, "echo_time_kept", Severity.PASS),
    ({"min_echo_time_ms": 80}, {"echo_time_ms": (20.0,)}, "echo_time_differs", Severity.WARN),
    ({"min_echo_time_ms": 80}, {}, "echo_time_unknown", Severity.WARN),
    ({"b_values": (0, 800)}, {"b_values": (0.0, 400.0, 805.0)}, "b_values_kept", Severity.PASS),
    ({"b_values": (0, 800)}, {"b_values": (0.0, 400.0)}, "b_values_missing", Severity.BLOCK),
    ({"b_values": (0, 800)}, {}, "b_values_unknown", Severity.WARN),
    ({"units": ("BQML",)}, {"units": ("BQML",)}, "units_kept", Severity.PASS),
    ({"units": ("BQML",)}, {"units": ("CNTS",)}, "units_differ", Severity.BLOCK),
    ({"units": ("BQML",)}, {}, "units_differ", Severity.BLOCK),
    ({"corrections": ("ATTN",)}, {"corrections": ("ATTN", "DECY")}, "corrections_kept", Severity.PASS),
    ({"corrections": ("ATTN", "SCAT")}, {"corrections": ("ATTN",)}, "correction_missing", Severity.BLOCK),
    ({"min_uptake_minutes": 55, "max_uptake_minutes": 75}, {"uptake_minutes": 60.0}, "uptake_kept", Severity.PASS),
    ({"min_uptake_minutes": 55, "max_uptake_minutes": 75}, {"uptake_minutes": 90.0}, "uptake_differs", Severity.WARN),
    ({"min_uptake_minutes": 55}, {}, "uptake_unknown", Severity.WARN),
    ({"min_injected_dose_mbq": 150}, {"injected_dose_mbq": 250.0}, "dose_kept", Severity.PASS),
    ({"min_injected_dose_mbq": 150}, {"injected_dose_mbq": 50.0}, "dose_differs", Severity.WARN),
    ({"max_overlap_mm": 2.5}, {"spacing_mm": (2.5,) * 39}, "overlap_kept", Severity.PASS),
    ({"max_overlap_mm": 2.5}, {"spacing_mm": (2.0,) * 39}, "overlap_too_large", Severity.WARN),
    ({"min_coverage_mm": 200}, {}, "extent_kept", Severity.PASS),
    ({"min_coverage_mm": 202}, {}, "extent_too_short", Severity.BLOCK),
    ({"body_part": "CHEST"}, {"body_part": "CHESTABDPELVIS"}, "body_part_kept", Severity.PASS),
    ({"body_part": "CHEST"}, {"body_part": "HEAD"}, "body_part_differs", Severity.WARN),
    ({"body_part": "CHEST"}, {}, "body_part_unknown", Severity.INFO),
    ({"body_part": "CHEST"}, {}, "extent_kept", Severity.PASS),
    ({"body_part": "ABDOMENPELVIS"}, {}, "extent_unusually_short", Severity.WARN),
    ({"max_instances": 40}, {"n_slices": 41}, "too_many_slices", Severity.WARN),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "found", "code", "severity"), NUMBERS)
def test_what_the_charter_asks_of_the_acquisition(facts, rule, asked, found, code, severity):
    assert outcome([facts(**found)], [rule(**asked)], code) is severity


@pytest.mark.parametrize(
    ("asked", "found", "code"),
    [
        ("none", {}, "contrast_kept"),
        ("none", {"contrast": False}, "contrast_kept"),
        ("none", {"contrast": True}, "contrast_given"),
        ("none", {"contrast_phase": "arterial"}, "contrast_given"),
        ("any", {"contrast": True}, "contrast_kept"),
        ("any", {}, "contrast_unknown"),
        ("any", {"contrast": False}, "contrast_missing"),
        ("any", {"contrast": True, "contrast_phase": "none"}, "contrast_missing"),
        ("portal_venous", {"contrast_phase": "portal_venous", "contrast_delay_s": 70.0}, "contrast_kept"),
        ("portal_venous", {"contrast_phase": "arterial", "contrast_delay_s": 30.0}, "contrast_phase_differs"),
        ("portal_venous", {"contrast": True}, "contrast_unknown"),
    ],
)
def test_contrast_and_its_phase(facts, rule, asked, found, code):
    said = check_timepoint([facts(**found)], [rule(contrast=asked)])
    assert [finding.code for finding in said if finding.code.startswith("contrast")] == [code]


def test_a_scan_is_compared_with_the_one_before(facts, rule):
    def said(**earlier):
        found = check_timepoint([facts(kernels=("B30f",))], [rule()], earlier={"Chest": facts("1.1", **earlier)})
        return [f for f in found if f.code.endswith("earlier_timepoint")]

    (same,) = said()
    assert same.severity is Severity.PASS
    (other,) = said(slice_thickness_mm=2.5, kernels=("B70s",), positions_mm=tuple(5.0 * n for n in range(90)))
    assert other.severity is Severity.WARN
    assert other.sentence.startswith(
        "The series Chest differs from the subject's earlier scan in slice thickness, extent, kernel. "
    )
    assert other.evidence["earlier_slice_thickness_mm"] == 2.5


def test_the_charter_says_how_grave_a_finding_is(facts, rule):
    (found,) = (
        finding
        for finding in check_timepoint([facts(slice_thickness_mm=7)], [rule()], severities={"slices_too_thick": "info"})
        if finding.code == "slices_too_thick"
    )
    assert found.severity is Severity.INFO


def test_codes_fit_their_column_and_every_check_is_registered_once():
    """Findings are stored with a code of at most 40 characters."""
    declared = [code for check in (*SERIES_CHECKS, *TIMEPOINT_CHECKS) for code in check.FINDS]
    assert len(set(declared)) == len(declared) == len(FINDS)
    assert max(map(len, declared)) <= 40


@pytest.mark.parametrize(
    ("own", "others", "code"),
    [
        (0.90, {"N-002": 0.80}, "looks_like_own_earlier_scan"),
        (0.90, {"N-002": 0.92}, "looks_like_own_earlier_scan"),  # within the margin
        (0.80, {"N-002": 0.85, "N-003": 0.70}, "looks_like_other_subject"),
        (0.80, {}, None),
    ],
)
def test_likeness_to_other_subjects(facts, rule, own, others, code):
    found = check_timepoint([facts()], [rule()], WINDOW, resemblances={"Chest": Resemblance(own, others)})
    looks = [finding for finding in found if finding.code.startswith("looks_like")]
    assert [finding.code for finding in looks] == ([code] if code else [])
    if code == "looks_like_other_subject":
        assert "more like the scan of N-002" in looks[0].sentence
        assert looks[0].evidence == {"likeness_own": 0.8, "likeness_other": 0.85, "subjects_compared": 2}


@pytest.mark.parametrize(
    ("before", "now", "codes"),
    [
        ({}, {}, []),
        ({"sex": ("F",)}, {"sex": ("F",)}, ["person_consistent"]),
        ({"sex": ("F",)}, {"sex": ("M",)}, ["sex_differs"]),
        ({"sex": ("F",)}, {"sex": ("O",)}, ["person_consistent"]),
        ({"patient_age_years": 61}, {"patient_age_years": 62}, ["person_consistent"]),
        ({"patient_age_years": 61}, {"patient_age_years": 63}, ["age_differs"]),
        ({"patient_age_years": 61, "study_day": -730}, {"patient_age_years": 63}, ["person_consistent"]),
        ({"patient_age_years": 61, "study_day": None}, {"patient_age_years": 80}, []),
        ({"patient_size_m": 1.70}, {"patient_size_m": 1.77}, ["person_consistent"]),
        ({"patient_size_m": 1.70}, {"patient_size_m": 1.80}, ["body_size_differs"]),
        ({"patient_weight_kg": 80.0}, {"patient_weight_kg": 65.0}, ["person_consistent"]),
        ({"patient_weight_kg": 80.0}, {"patient_weight_kg": 59.0}, ["body_size_differs"]),
        ({"sex": ("F",), "patient_size_m": 1.6}, {"sex": ("M",), "patient_size_m": 1.8},
         ["sex_differs", "body_size_differs"]),
    ],
)  # fmt: skip
def test_the_person_of_the_earlier_scan(facts, rule, before, now, codes):
    found = check_timepoint([facts(**now)], [rule()], WINDOW, earlier={"Chest": facts(**before)})
    asked = {"person_consistent", "sex_differs", "age_differs", "body_size_differs"}
    assert [finding.code for finding in found if finding.code in asked] == codes
