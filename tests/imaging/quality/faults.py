"""A corpus of seeded faults: series of phantoms with natural variation, and what can be wrong with them.

The suite checks a sample of it; `benchmarks/checks.py` goes through all of it, for the tables of `docs/quality.md`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset

from imaging.deid.patients import PatientKey
from imaging.phantom.canvas import Grid
from imaging.phantom.modalities import as_mr, as_pet
from imaging.phantom.series import SeriesSpec, ct_series, seeded_uid
from imaging.phantom.subjects import PhantomSubject
from imaging.quality import (
    Finding,
    Patients,
    SeriesFacts,
    Sighting,
    VisitWindow,
    check_timepoint,
    compare_patients,
    facts_of,
)
from imaging.quality.measuring import measured
from trials.series_terms import SeriesTerms

Scan = list[FileDataset]
ONE_PATIENT = Patients(1)
Random = np.random.Generator

WINDOW = VisitWindow(50, 64)
DAY_ONE = date(2026, 1, 7)
CHARTER = {
    "CT": SeriesTerms(
        "Chest", "CT", body_part="CHEST", orientation="axial", max_slice_thickness_mm=5.0, max_gap_mm=0.5,
        max_overlap_mm=2.5, max_pixel_spacing_mm=4.5, min_coverage_mm=220.0, min_instances=40, max_instances=150,
        patient_positions=("HFS", "FFS"), contrast="portal_venous", kernels=("B30", "B31"), min_kvp=100, max_kvp=120,
        max_noise=40.0,
    ),
    "MR": SeriesTerms(
        "T2", "MR", body_part="CHEST", orientation="axial", max_slice_thickness_mm=6.0, max_gap_mm=1.5,
        min_instances=30, field_strengths_t=(1.5, 3.0), min_repetition_time_ms=2000, max_repetition_time_ms=4000,
        min_echo_time_ms=70, max_echo_time_ms=110, max_noise=0.25,
    ),
    "DWI": SeriesTerms("Diffusion", "MR", orientation="axial", b_values=(0, 800)),
    "PT": SeriesTerms(
        "FDG", "PT", orientation="axial", max_slice_thickness_mm=5.0, max_gap_mm=0.5, min_instances=40,
        units=("BQML",), corrections=("ATTN", "SCAT", "DECY"), min_uptake_minutes=55, max_uptake_minutes=75,
        min_injected_dose_mbq=150, max_injected_dose_mbq=400,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A series at a timepoint, with what else the checks are told."""

    scan: Scan
    charter: str
    patients: Patients = ONE_PATIENT
    earlier: SeriesFacts | None = None

    def findings(self) -> tuple[Finding, ...]:
        """What the checks say of it."""
        rule = CHARTER[self.charter]
        earlier = {rule.label: self.earlier} if self.earlier else {}
        return check_timepoint(self.facts(), [rule], WINDOW, self.patients, earlier=earlier)

    def facts(self) -> list[SeriesFacts]:
        """The series as measured."""
        return facts_of([measured(one, one, one.PixelData) for one in self.scan], reference_date=DAY_ONE)


@lru_cache(maxsize=4)
def _ct(seed: int, thickness: float, rows: int) -> tuple[FileDataset, ...]:
    grid = Grid(rows=rows, slices=int(245 / thickness), slice_thickness_mm=thickness, field_of_view_mm=420.0)
    spec = SeriesSpec(kernel="B31f" if seed % 3 == 0 else "B30f")
    subject = PhantomSubject.with_scenario(seed, "stable", timepoints=2)
    return tuple(ct_series(subject, seed % 2, study_date=date(2026, 3, 4), grid=grid, series=spec))


def clean(charter: str, seed: int) -> Case:
    """A series as the charter asks, with what varies from scan to scan within it."""
    case: Case = pickle.loads(_clean(charter, seed))  # noqa: S301 - our own
    return case


@lru_cache(maxsize=4)
def _clean(charter: str, seed: int) -> bytes:
    """Pickled, which copies data sets in a fraction of the time."""
    random = np.random.Generator(np.random.PCG64((seed, 31)))
    scan = deepcopy(list(_ct(seed, 5.0 if seed % 4 else 4.0, 96 + 16 * (seed % 3))))
    delay = int(random.integers(60, 95))
    for one in scan:
        clock = str(one.AcquisitionTime)
        seconds = int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:6]) - delay
        one.KVP = 100 if seed % 5 == 0 else 120
        one.ContrastBolusStartTime = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
        one.AcquisitionDate = one.SeriesDate = one.StudyDate = f"202603{1 + seed % 7:02d}"
        one.PatientPosition = "FFS" if seed % 11 == 0 else "HFS"
        one.BodyPartExamined = "CHEST" if seed % 2 else "CHESTABDPELVIS"
    if charter == "CT":
        _pixels(scan, lambda hu: hu + random.normal(0.0, 4.0 + seed % 9, hu.shape))
    elif charter == "PT":
        scan = list(as_pet(scan, seed=seed, uptake_minutes=int(random.integers(56, 75))))
    else:
        scan = list(as_mr(scan, seed=seed, noise=float(random.uniform(6, 18))))
        for one in scan:
            one.MagneticFieldStrength = (1.5, 3.0, 2.8936)[seed % 3]
            one.EchoTime, one.RepetitionTime = int(random.integers(72, 108)), int(random.integers(2100, 3900))
    if charter == "DWI":
        scan = _diffusion(scan)
    random.shuffle(scan)  # type: ignore[arg-type]
    return pickle.dumps(Case(scan, charter))


def _diffusion(scan: Scan) -> Scan:
    second = deepcopy(scan)
    for one in scan:
        one.DiffusionBValue = 0.0
    for one in second:
        one.DiffusionBValue = 800.0
        one.SOPInstanceUID = seeded_uid("b800", str(one.SOPInstanceUID))
    _pixels(second, lambda signal: 0.4 * signal)
    return [*scan, *second]


def _ordered(case: Case) -> Scan:
    return sorted(case.scan, key=lambda one: float(one.ImagePositionPatient[2]))


def _pixels(scan: Scan, change: Callable[[Any], Any]) -> None:
    """Change pixels, in the units of the image."""
    for one in scan:
        slope, intercept = float(one.get("RescaleSlope", 1)), float(one.get("RescaleIntercept", 0))
        values = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns) * slope + intercept
        top = (1 << one.BitsStored) - 1
        stored = np.rint((change(values) - intercept) / slope)
        one.PixelData = np.clip(stored, 0, top).astype("<u2").tobytes()


def _each(**values: object) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            for keyword, value in values.items():
                setattr(one, keyword, deepcopy(value))
        return case

    return spoil


def _without(*keywords: str) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            for keyword in keywords:
                if keyword in one:
                    delattr(one, keyword)
        return case

    return spoil


def _inner(case: Case, random: Random, count: int) -> tuple[Scan, int]:
    scan = _ordered(case)
    return scan, int(random.integers(5, len(scan) - 5 - count))


def _missing(case: Case, random: Random) -> Case:
    count = int(random.integers(1, 4))
    scan, first = _inner(case, random, count)
    return replace(case, scan=scan[:first] + scan[first + count :])


def _uneven(case: Case, random: Random) -> Case:
    scan, first = _inner(case, random, 1)
    x, y, z = scan[first].ImagePositionPatient
    scan[first].ImagePositionPatient = [x, y, float(z) + float(random.uniform(0.2, 0.4)) * scan[first].SliceThickness]
    return replace(case, scan=scan)


def _short(case: Case, random: Random) -> Case:
    return replace(case, scan=_ordered(case)[: -int(random.integers(8, 16))])


def _few(case: Case, random: Random) -> Case:
    return replace(case, scan=_ordered(case)[: int(random.integers(5, 29))])


def _stretched(factor: float) -> Callable[[Case, Random], Case]:
    """Slices at steps of another length than their thickness."""

    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            x, y, z = one.ImagePositionPatient
            one.ImagePositionPatient = [x, y, round(float(z) * factor, 3)]
        return case

    return spoil


def _turned(case: Case, random: Random) -> Case:
    for one in case.scan:
        x, y, z = one.ImagePositionPatient
        one.ImageOrientationPatient, one.ImagePositionPatient = [1, 0, 0, 0, 0, -1], [x, z, y]
    return case


def _again(case: Case, random: Random) -> Case:
    return replace(case, scan=[*case.scan, *case.scan[: int(random.integers(1, 10))]])


def _twice(case: Case, random: Random) -> Case:
    copies = deepcopy(case.scan)
    for one in copies:
        one.SOPInstanceUID = seeded_uid("copy", str(one.SOPInstanceUID))
    return replace(case, scan=[*case.scan, *copies])


def _scout(case: Case, random: Random) -> Case:
    scout = deepcopy(case.scan[0])
    scout.ImageOrientationPatient, scout.SOPInstanceUID = [1, 0, 0, 0, 0, -1], seeded_uid(str(scout.SOPInstanceUID))
    return replace(case, scan=[*case.scan, scout])


def _some(change: Callable[[Any], Any]) -> Callable[[Case, Random], Case]:
    """A change of the pixels of a few neighbouring slices."""

    def spoil(case: Case, random: Random) -> Case:
        count = int(random.integers(1, 5))
        scan, first = _inner(case, random, count)
        _pixels(scan[first : first + count], change)
        return replace(case, scan=scan)

    return spoil


def _all(change: Callable[[Any, Random], Any]) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        _pixels(case.scan, lambda values: change(values, random))
        return case

    return spoil


def _repeated(case: Case, random: Random) -> Case:
    scan, first = _inner(case, random, 4)
    for one in scan[first : first + int(random.integers(2, 5))]:
        one.PixelData = scan[first].PixelData
    return replace(case, scan=scan)


def _moved(case: Case, random: Random) -> Case:
    scan, first = _inner(case, random, 6)
    pixels = round(float(random.uniform(16, 30)) / float(scan[0].PixelSpacing[0]))
    _pixels(scan[first : first + 6], lambda values: np.roll(values, pixels, axis=int(random.integers(2))))
    return replace(case, scan=scan)


def _enlarged(values: Any) -> Any:
    """The middle of a picture, as large as the whole was: the body reaches beyond its edge."""
    rows, columns = values.shape
    y, x = (0.5 + (np.arange(size) / size - 0.5) * 0.62 for size in (rows, columns))
    return values[np.ix_((y * rows).astype(int), (x * columns).astype(int))]


def _halved(case: Case, random: Random) -> Case:
    for one in case.scan:
        stored = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns)[::2, ::2]
        one.Rows, one.Columns = stored.shape
        one.PixelSpacing = [2 * float(mm) for mm in one.PixelSpacing]
        one.PixelData = np.ascontiguousarray(stored).tobytes()
    return case


def _padded(case: Case, random: Random) -> Case:
    for one in case.scan:
        values = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns).astype(np.int32) + 2000
        y, x = np.ogrid[: one.Rows, : one.Columns]
        values[np.hypot(y - one.Rows / 2, x - one.Columns / 2) > one.Rows / 2 - 1] = 24
        one.RescaleIntercept, one.BitsStored, one.HighBit = -3024, 16, 15
        one.PixelData = values.astype("<u2").tobytes()
    return case


def _clipped(case: Case, random: Random) -> Case:
    _each(BitsStored=10, HighBit=9)(case, random)
    _pixels(case.scan, lambda values: values)
    return case


def _ghosts(values: Any, random: Random) -> Any:
    shift = values.shape[0] // 2
    return values + float(random.uniform(0.35, 0.6)) * np.roll(values, shift, axis=0)


def _delay(seconds: int) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            clock = str(one.AcquisitionTime)
            at = int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:6]) - seconds
            one.ContrastBolusStartTime = f"{at // 3600:02d}{at // 60 % 60:02d}{at % 60:02d}"
            one.SeriesDescription = "Chest"
        return case

    return spoil


def _uptake(minutes: int) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            clock = str(one.AcquisitionTime)
            at = (int(clock[:2]) * 60 + int(clock[2:4]) - minutes) % 1440
            one.RadiopharmaceuticalInformationSequence[
                0
            ].RadiopharmaceuticalStartTime = f"{at // 60:02d}{at % 60:02d}00"
        return case

    return spoil


def _dose(megabecquerel: float) -> Callable[[Case, Random], Case]:
    def spoil(case: Case, random: Random) -> Case:
        for one in case.scan:
            one.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = megabecquerel * 1e6
        return case

    return spoil


def _one_b_value(case: Case, random: Random) -> Case:
    return replace(case, scan=[one for one in case.scan if one.DiffusionBValue == 0.0])


def _native_words(case: Case, random: Random) -> Case:
    _without("ContrastBolusStartTime", "ContrastBolusAgent")(case, random)
    return _each(SeriesDescription="Chest native 5 mm")(case, random)


def _of_another(case: Case, random: Random) -> Case:
    key = PatientKey("12345")
    return replace(case, patients=compare_patients([Sighting("N-2", key), Sighting("N-1", key, asked=True)], "N-1"))


def _of_the_other_sex(case: Case, random: Random) -> Case:
    (facts,) = _each(PatientSex="F")(case, random).facts()
    return replace(_each(PatientSex="M")(case, random), earlier=facts)


def _much_older(case: Case, random: Random) -> Case:
    (facts,) = _each(PatientAge="048Y")(case, random).facts()
    return replace(_each(PatientAge=f"{int(random.integers(52, 80)):03d}Y")(case, random), earlier=facts)


def _protocol_changed(case: Case, random: Random) -> Case:
    (facts,) = case.facts()
    return replace(case, earlier=replace(facts, slice_thickness_mm=(facts.slice_thickness_mm or 0) / 2))


#: What is wrong, in words: the charter of the series, the finding that should say it, and how it is made.
FAULTS: dict[str, tuple[str, str, Callable[[Case, Random], Case]]] = {
    "CT: sent as another modality": ("CT", "series_missing", _each(Modality="OT")),
    "CT: coronal instead of axial": ("CT", "orientation_differs", _turned),
    "CT: slices of 7.5 mm": ("CT", "slices_too_thick", _each(SliceThickness=7.5)),
    "CT: 1 to 3 slices missing inside": ("CT", "slices_missing", _missing),
    "CT: a slice off its place": ("CT", "spacing_uneven", _uneven),
    "CT: gaps between slices": ("CT", "gap_too_wide", _stretched(1.4)),
    "CT: slices overlap too far": ("CT", "overlap_too_large", _stretched(0.3)),
    "CT: 8 to 15 slices missing at an end": ("CT", "extent_too_short", _short),
    "CT: 5 to 28 slices only": ("CT", "too_few_slices", _few),
    "CT: another body part": ("CT", "body_part_differs", _each(BodyPartExamined="HEAD")),
    "CT: no contrast agent": ("CT", "contrast_missing", _each(ContrastBolusAgent="NONE")),
    "CT: native, by its description": ("CT", "contrast_missing", _native_words),
    "CT: arterial phase, by its times": ("CT", "contrast_phase_differs", _delay(30)),
    "CT: late phase, by its times": ("CT", "contrast_phase_differs", _delay(300)),
    "CT: lung kernel": ("CT", "kernel_differs", _each(ConvolutionKernel="B70f")),
    "CT: 80 kV": ("CT", "kvp_differs", _each(KVP=80)),
    "CT: prone": ("CT", "patient_position_differs", _each(PatientPosition="HFP")),
    "CT: pixels twice as large": ("CT", "pixels_too_large", _halved),
    "CT: 1 to 4 blank slices": ("CT", "slices_blank", _some(lambda values: np.zeros_like(values))),
    "CT: one picture at 2 to 4 places": ("CT", "pictures_repeated", _repeated),
    "CT: rescale intercept lost": ("CT", "not_hounsfield_units", _each(RescaleIntercept=0)),
    "CT: dense tissue clipped": ("CT", "values_clipped", _clipped),
    "CT: padding not stated": ("CT", "padding_not_stated", _padded),
    "CT: field of view too small": ("CT", "body_cut_off", _all(lambda values, _: _enlarged(values))),
    "CT: the patient moved by 16 to 30 mm": ("CT", "body_jumps", _moved),
    "CT: noise of 90 HU": ("CT", "noise_too_high", _all(lambda values, random: random.normal(values, 90.0))),
    "CT: instances sent twice": ("CT", "instances_repeated", _again),
    "CT: slices exported twice": ("CT", "slices_coincide", _twice),
    "CT: a scout among the slices": ("CT", "several_planes", _scout),
    "CT: outside the visit window": ("CT", "outside_visit_window", _each(AcquisitionDate="20260401")),
    "CT: under another subject's number": ("CT", "patient_of_other_subject", _of_another),
    "CT: of the other sex than the scan before": ("CT", "sex_differs", _of_the_other_sex),
    "CT: years older than the scan before": ("CT", "age_differs", _much_older),
    "CT: half as thick as the scan before": ("CT", "differs_from_earlier_timepoint", _protocol_changed),
    "MR: field of 1 T": ("MR", "field_strength_differs", _each(MagneticFieldStrength=1.0)),
    "MR: repetition time of 600 ms": ("MR", "repetition_time_differs", _each(RepetitionTime=600)),
    "MR: echo time of 15 ms": ("MR", "echo_time_differs", _each(EchoTime=15)),
    "MR: a b-value is missing": ("DWI", "b_values_missing", _one_b_value),
    "MR: ghosts of 35 to 60 %": ("MR", "ghosting", _all(_ghosts)),
    "MR: noise of the size of the signal": (
        "MR", "noise_too_high", _all(lambda values, random: np.abs(random.normal(values, 400.0))),
    ),
    "MR: 1 to 4 blank slices": ("MR", "slices_blank", _some(lambda values: np.zeros_like(values))),
    "MR: 1 to 3 slices missing inside": ("MR", "slices_missing", _missing),
    "PET: counts instead of Bq/ml": ("PT", "units_differ", _each(Units="CNTS")),
    "PET: not corrected for attenuation": ("PT", "correction_missing", _each(CorrectedImage=["SCAT", "DECY"])),
    "PET: 95 minutes after injection": ("PT", "uptake_differs", _uptake(95)),
    "PET: dose of 80 MBq": ("PT", "dose_differs", _dose(80.0)),
    "PET: time of injection missing": (
        "PT", "uptake_unknown", _each(RadiopharmaceuticalInformationSequence=[]),
    ),
    "PET: weight missing": ("PT", "weight_unknown", _without("PatientWeight")),
    "PET: rescale slope lost": ("PT", "activity_implausible", _each(RescaleSlope=0.0005)),
    "PET: 1 to 3 slices missing inside": ("PT", "slices_missing", _missing),
}  # fmt: skip


def faulty(kind: str, seed: int) -> Case:
    """A clean series, spoilt."""
    charter, _, spoil = FAULTS[kind]
    return spoil(clean(charter, seed), np.random.Generator(np.random.PCG64((seed, 32))))


def is_found(kind: str, seed: int) -> bool:
    """Whether the checks say what is wrong."""
    return FAULTS[kind][1] in {finding.code for finding in faulty(kind, seed).findings()}
