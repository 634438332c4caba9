"""A locked trial made by hand: two sites, fourteen subjects, four visits, two readers who sometimes differ."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from pydicom.uid import CTImageStorage

from compliance.signing import digest
from reading import criteria
from reading.exports.locked import (
    LockedAdjudication,
    LockedCharter,
    LockedLesion,
    LockedMeasurement,
    LockedPicture,
    LockedRead,
    LockedResult,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    LockedValue,
    RuleStep,
    Signed,
    Trigger,
)
from reading.exports.locked_series import LockedSeries
from reading.exports.locked_work import LockedWork
from reading.exports.snapshot import locked_criteria
from reading.variability import bland_altman, cohen_kappa, icc, percent_agreement
from trials.charter import RECIST_TEMPLATE
from trials.schedule import date_of

VISITS = (("BL", "Baseline", -7), ("W8", "Week 8", 57), ("W16", "Week 16", 113), ("W24", "Week 24", 169))
#: True change of the target sum from baseline, per visit, in percent, per subject.
COURSES = (
    (-35, -48, -52),
    (-12, -20, -33),
    (5, 9, 31),
    (-31, -38, -20),
    (28, 41, 60),
    (-8, -10, -4),
    (-55, -100, -100),
    (3, 24, 40),
    (-18, -28, -36),
    (-2, 6, 11),
    (-40, -44, -58),
    (-28, -31, -12),
    (12, 18, 29),
    (-5, -15, -22),
)
TARGETS = (("T01", "LUNG", False, 31.2), ("T02", "LIVER", False, 24.6), ("T03", "LYMPH NODE", True, 19.4))


def locked_trial(subjects: int = len(COURSES), **changes: object) -> LockedTrial:
    """Return the sample; the same each time."""
    dice = random.Random(2)
    content = dict(RECIST_TEMPLATE) | {
        "schedule": [
            {"code": code, "name": name, "day": day, "window_before": 7, "window_after": 7}
            for code, name, day in VISITS
        ]
    }
    made: dict[str, object] = {
        "code": "PLX-301",
        "title": "A randomised trial of two treatments for advanced non-small-cell lung cancer <phase III>",
        "indication": "Non-small-cell lung cancer",
        "sponsor": "Meridian & Partners Therapeutics",
        "locked_at": dt.datetime(2026, 3, 2, 16, 30, tzinfo=dt.UTC),
        "criteria": locked_criteria(criteria.get("RECIST 1.1")),
        "sites": (("101", "University Hospital North"), ("202", "Clinic of the Lakes")),
        "charters": (
            LockedCharter(1, digest(content), dt.datetime(2025, 1, 8, 10, 0, tzinfo=dt.UTC), "First version", content),
        ),
        "signatures": (
            Signed(
                "Imaging charter, version 1",
                "Dr Ada Trial",
                "I approve this record",
                dt.datetime(2025, 1, 8, 10, 0, tzinfo=dt.UTC),
                digest({"trial": "PLX-301", "version": 1, "charter": content}),
            ),
            Signed(
                "Database lock",
                "Dr Ada Trial",
                "I take responsibility for this record",
                dt.datetime(2026, 3, 2, 16, 30, tzinfo=dt.UTC),
                digest({"trial": "PLX-301", "state": "locked"}),
            ),
        ),
        "subjects": tuple(_subject(index, dice) for index in range(subjects)),
    }
    made["variability"] = _variability(made["subjects"])  # type: ignore[arg-type]
    return LockedTrial(**(made | changes))  # type: ignore[arg-type]


def _variability(subjects: tuple[LockedSubject, ...]) -> dict[str, object]:
    """Return agreement in the form of `reading.services.measuring.variability_report`."""
    visits = [(subject, visit) for subject in subjects for visit in subject.timepoints if len(visit.reads) == 2]
    sums = [
        {"subject": s.code, "timepoint": v.code, "first": float(v.reads[0].sum_mm), "second": float(v.reads[1].sum_mm)}
        for s, v in visits
    ]
    ratings = [(row["first"], row["second"]) for row in sums]
    return {
        "trial": "PLX-301",
        "confidence": 0.95,
        "sums": {
            "pairs": sums,
            "icc_2_1": icc(ratings, "ICC(2,1)").to_json(),
            "icc_3_1": icc(ratings, "ICC(3,1)").to_json(),
            "bland_altman": bland_altman(*map(list, zip(*ratings, strict=True))).to_json(),
        },
        "timepoint_responses": _responses(
            [(v.reads[0].overall, v.reads[1].overall) for _, v in visits if v.reads[0].overall]
        ),
        "best_responses": _responses([(s.results[0].bor, s.results[1].bor) for s in subjects]),
        "adjudication": {"cases": len(subjects), "adjudicated": sum(bool(s.adjudications) for s in subjects)},
    }


def _responses(pairs: list[tuple[str, str]]) -> dict[str, object]:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    degrees = ("CR", "PR", "SD", "PD")
    return {
        "n": len(pairs),
        "percent_agreement": percent_agreement(first, second).to_json(),
        "kappa": cohen_kappa(first, second, categories=degrees).to_json(),
        "kappa_linear": cohen_kappa(first, second, categories=degrees, weights="linear").to_json(),
    }


def _subject(index: int, dice: random.Random) -> LockedSubject:
    site = ("101", "202")[index % 2]
    code = f"{site}-{index // 2 + 1:03d}"
    missed = 2 if index == 5 else None
    scale = 0.7 + dice.random()
    per_reader = {slot: _reads(slot, index, missed, scale, dice) for slot in (1, 2)}
    results = {slot: _result(slot, reads) for slot, reads in per_reader.items()}
    adjudications: tuple[LockedAdjudication, ...] = ()
    chosen = 1
    if results[1].bor != results[2].bor:
        chosen = 2 if index % 3 else 1
        adjudications = (
            LockedAdjudication(
                "",
                (Trigger("best_overall_response", "", results[1].bor, results[2].bor),),
                f"READER {chosen}",
                "The hilar node was measured across the vessel by the other reader; this read follows its true border."
                if index % 2
                else "=The lesion in segment VII is a new lesion, seen on both later scans.",
                True,
            ),
        )
    shifted_day_1 = dt.date(2031, 4, 1) + dt.timedelta(days=17 * index)
    timepoints = []
    for order, (visit, name, day) in enumerate(VISITS):
        gone = order == missed
        on = day + (index % 3 - 1)
        study = "" if gone else f"2.25.7{index}{order}"
        reads = tuple(
            replace(per_reader[slot][order], accepted=slot == chosen)
            for slot in (1, 2)
            if per_reader[slot][order] is not None
        )
        timepoints.append(
            LockedTimepoint(
                code=visit,
                name=name,
                order=order,
                planned_day=day,
                window_first_day=day - 7,
                window_last_day=day + 7,
                images="missed" if gone else "received",
                qc="not_ready" if gone else "cleared",
                reading="not_ready" if gone else "read",
                study_day=None if gone else on,
                shifted_date=None if gone else date_of(on, shifted_day_1),
                series_read=0 if gone else 1,
                study_instance_uid=study,
                pictures=_pictures(reads, study),
                series=()
                if gone
                else (LockedSeries(study, f"{study}1", "CT", "Chest", True, 48, 25_165_824, "b" * 64),),
                qc_waived=("slice_gap",) if (index, order) == (1, 2) else (),
                reads=reads,
            )
        )
    return LockedSubject(
        code=code,
        site=site,
        state="withdrawn" if index == 7 else "enrolled",
        shifted_day_1=shifted_day_1,
        timepoints=tuple(timepoints),
        lesions=tuple(
            LockedLesion(f"READER {slot}", n, label, "target", organ, nodal, f"{organ.lower()} mass", "BL")
            for slot in (1, 2)
            for n, (label, organ, nodal, _) in enumerate(TARGETS, start=1)
        ),
        results=tuple(replace(result, accepted=slot == chosen) for slot, result in results.items()),
        adjudications=adjudications,
        work=tuple(_work(timepoints, bool(adjudications))),
    )


def _work(timepoints: list[LockedTimepoint], adjudicated: bool) -> Iterator[LockedWork]:
    """Each read is signed a day after its scan; the first one was opened again, and stands as its second version."""
    reads = [(visit, read) for visit in timepoints for read in visit.reads]
    for place, (visit, read) in enumerate(reads):
        assert visit.shifted_date is not None
        at = dt.datetime.combine(visit.shifted_date, dt.time(9, place), dt.UTC) + dt.timedelta(days=1)
        if not place:
            yield LockedWork("read", visit.code, read.evalid, 1, at, "The node was left out <by mistake>")
        yield LockedWork("read", visit.code, read.evalid, 1 if place else 2, at + dt.timedelta(hours=1))
    if adjudicated:
        yield LockedWork("adjudication", "SUBJECT", "ADJUDICATOR", 1, at + dt.timedelta(days=2))


def _pictures(reads: tuple[LockedRead, ...], study: str) -> tuple[LockedPicture, ...]:
    named = {found.sop_instance_uid for read in reads for found in read.measurements} - {""}
    return tuple(LockedPicture(uid, CTImageStorage, f"{study}1", study, "CT") for uid in sorted(named))


def _reads(slot: int, index: int, missed: int | None, scale: float, dice: random.Random) -> list[LockedRead | None]:
    reads: list[LockedRead | None] = []
    sums: list[Decimal] = []
    for order, change in enumerate((0, *COURSES[index])):
        if order == missed:
            reads.append(None)
            continue
        measurements = []
        for label, _, nodal, size in TARGETS:
            true = size * scale * (1 + change / 100)
            diameter = Decimal(str(round(true * dice.gauss(1, 0.09), 1))) if true > 1 else None
            if nodal and change <= -100:
                diameter = Decimal("7.5")
            measurements.append(
                LockedMeasurement(
                    label,
                    0,
                    "MEASURED" if diameter is not None else "ABSENT",
                    diameter,
                    f"2.25.8{index}{order}{slot}" if diameter is not None else "",
                )
            )
        total = sum((m.diameter_mm or Decimal(0) for m in measurements), Decimal(0))
        sums.append(total)
        baseline, nadir = sums[0], min(sums[:-1], default=None)
        from_baseline = ((total / baseline - 1) * 100).quantize(Decimal("1e-6")) if order else None
        from_nadir = ((total / nadir - 1) * 100).quantize(Decimal("1e-6")) if nadir else None
        target = _target(change, from_baseline, from_nadir) if order else ""
        overall = "PD" if index == 2 and order == 3 and slot == 1 else target
        reads.append(
            LockedRead(
                evalid=f"READER {slot}",
                accepted=False,
                simulated=True,
                image_quality="adequate",
                comment="- motion at the base" if (index, order) == (3, 1) else "",
                overall=overall,
                target=target,
                new_lesion=(overall == "PD" and target != "PD") if order else None,
                sum_mm=total,
                baseline_sum_mm=baseline,
                nadir_sum_mm=nadir,
                change_from_baseline_percent=from_baseline,
                change_from_nadir_percent=from_nadir,
                measurements=tuple(measurements),
                values=_values(measurements, total, from_baseline, from_nadir, target),
                trace=(RuleStep("target_response", "RECIST 1.1 §4.3.1", {"sum_mm": f"{total:f}"}, target),)
                if order
                else (),
            )
        )
    return reads


def _values(
    measurements: list[LockedMeasurement],
    total: Decimal,
    from_baseline: Decimal | None,
    from_nadir: Decimal | None,
    target: str,
) -> tuple[LockedValue, ...]:
    entered = [
        LockedValue(m.lesion, m.part, "diameter_mm", "LDIAM", m.diameter_mm, "mm", False)
        for m in measurements
        if m.diameter_mm is not None
    ]
    derived = [LockedValue("", 0, "sum_mm", "SUMDIAM", total, "mm", True)]
    for name, code, change in (
        ("percent_from_baseline", "PCBSD", from_baseline),
        ("percent_from_nadir", "PCNSD", from_nadir),
    ):
        derived += [] if change is None else [LockedValue("", 0, name, code, change, "%", True)]
    derived += [LockedValue("", 0, "target", "TRGRESP", target, "", True)] if target else []
    return (*entered, *derived)


def _target(change: int, from_baseline: Decimal | None, from_nadir: Decimal | None) -> str:
    if change <= -100:
        return "CR"
    if from_nadir is not None and from_nadir >= 20:
        return "PD"
    return "PR" if from_baseline is not None and from_baseline <= -30 else "SD"


def _result(slot: int, reads: list[LockedRead | None]) -> LockedResult:
    seen = [(VISITS[order][0], read.overall) for order, read in enumerate(reads) if read and order]
    progression = next((code for code, overall in seen if overall == "PD"), "")
    before = [(c, o) for c, o in seen if not progression or VISITS_ORDER[c] <= VISITS_ORDER[progression]]
    best = next((r for r in ("CR", "PR", "SD", "PD") if any(o == r for _, o in before)), "NE")
    first = next((c for c, o in before if o in ("CR", "PR")), "")
    return LockedResult(f"READER {slot}", False, best, True if best in ("CR", "PR") else None, progression, first)


VISITS_ORDER = {code: order for order, (code, _, _) in enumerate(VISITS)}
