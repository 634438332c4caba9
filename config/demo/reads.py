"""Simulated readers: the phantom's true diameters with seeded noise, entered through the same services as any read."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np

from compliance.models import Signature, User
from compliance.signing import Intent
from config.demo.story import PASSWORD, PATIENTS, SEED, VISITS, Patient
from imaging.display.facts import plane_in
from imaging.models import Instance
from imaging.phantom.subjects import Lesion as TrueLesion
from imaging.phantom.subjects import PhantomSubject
from imaging.services import displaying
from reading import blinding, selectors
from reading.measuring import Tool
from reading.models import Adjudication, Lesion, ReadTask
from reading.services import adjudicating, assessing, marking
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.states import AdjudicationState, ReadState

#: Relative bias and precision of the two readers, as a fraction of the diameter.
BIAS = {"reader1": 0.0, "reader2": 0.03}
PRECISION = {"reader1": 0.03, "reader2": 0.06}
#: New lesions that this reader is not sure of when they first appear.
CAUTIOUS = "reader2"

Clock = Callable[[], dt.datetime]


def phantom_of(patient: Patient) -> PhantomSubject:
    """Return the synthetic subject behind a patient of the story."""
    return PhantomSubject.with_scenario(patient.seed, patient.scenario, timepoints=len(VISITS))


_BY_CODE = {patient.code: patient for patient in PATIENTS}


#: Each patient's visits, by two readers.
PLACES = len(PATIENTS) * len(VISITS) * 2


def read_everything(reader: User, begun: dt.datetime) -> int:
    """Read every task that is open to a reader now; return how many were signed.

    Each is signed at a minute of its own, whenever a worker opened it: the package tells when.
    """
    done = 0
    while task := selectors.tasks_of(reader).filter(state=ReadState.ASSIGNED).order_by("case_code", "order").first():
        minute = begun + dt.timedelta(minutes=2 * _place(task))
        assessing.open_task(task=task, actor=reader, at=minute)
        assessing.submit_read(
            task=task,
            entry=entry_of(task),
            signature=Intent(PASSWORD, Signature.Meaning.AUTHORSHIP),
            actor=reader,
            at=minute + dt.timedelta(minutes=1),
            simulated=True,
        )
        done += 1
    return done


def _place(task: ReadTask) -> int:
    codes = [patient.code for patient in PATIENTS]
    timepoint = task.timepoint
    return (codes.index(timepoint.subject.code) * len(VISITS) + timepoint.order) * 2 + task.slot - 1


def _part_of(reader: User) -> str:
    """Return whose part in the story a reader plays; before a hyphen the user name may say where."""
    return reader.username.rpartition("-")[2]


def entry_of(task: ReadTask) -> AssessmentEntry:
    """Return what the task's reader finds in the phantom."""
    phantom = phantom_of(_BY_CODE[task.timepoint.subject.code])
    order, reader = task.timepoint.order, _part_of(task.reader)
    shown = blinding.blinded_task(task)
    known = {lesion.description: lesion for lesion in shown.lesions}
    lesions = []
    for truth in phantom.lesions:
        size = _measured(truth, order, reader, task)
        lesion = known.get(truth.label)
        if lesion is None and truth.measured_diameter_mm(order) == 0:
            continue
        where = _picture(task, phantom, truth, order) if truth.measured_diameter_mm(order) else None
        if lesion is None:
            entry = _found(truth, size, order, reader, where)
        else:
            entry = _followed(lesion.number, lesion.category, truth, size, order, where)
        if entry.state == "MEASURED":
            entry = replace(entry, mark=_drawn(task, phantom, truth, order, entry))
        lesions.append(entry)
    comment = "Simulated read: true diameters of the phantom with seeded reader noise."
    return AssessmentEntry(version=shown.version, comment=comment, lesions=tuple(lesions))


def _measured(truth: TrueLesion, order: int, reader: str, task: ReadTask) -> Decimal:
    noise = random.Random(f"{SEED} {reader} {task.timepoint.subject.code} {order} {truth.label}")
    size = truth.measured_diameter_mm(order) * (1 + BIAS[reader] + noise.gauss(0, PRECISION[reader]))
    if order == 0 and _measurable(truth):
        size = max(size, 15.0 if truth.nodal else 10.0)
    return Decimal(f"{size:.1f}")


def _measurable(truth: TrueLesion) -> bool:
    return truth.measured_diameter_mm(0) >= (15.0 if truth.nodal else 10.0)


def _found(truth: TrueLesion, size: Decimal, order: int, reader: str, where: str | None) -> LesionEntry:
    about = LesionEntry(
        None, Lesion.Category.TARGET, truth.organ.upper(), truth.nodal, truth.label, "MEASURED", size, where
    )
    if order > 0:
        first_sight = truth.measured_diameter_mm(order - 1) == 0
        state = "EQUIVOCAL" if reader == CAUTIOUS and first_sight else "UNEQUIVOCAL"
        return replace(about, category=Lesion.Category.NEW, state=state, diameter_mm=None)
    if _measurable(truth):
        return about
    return replace(about, category=Lesion.Category.NON_TARGET, state="PRESENT", diameter_mm=None)


def _followed(
    number: int, category: str, truth: TrueLesion, size: Decimal, order: int, where: str | None
) -> LesionEntry:
    gone = truth.measured_diameter_mm(order) == 0
    if category == Lesion.Category.NEW:
        return LesionEntry(number, category, state="UNEQUIVOCAL", instance=where)
    if gone:
        return LesionEntry(number, category, state="ABSENT")
    if category == Lesion.Category.NON_TARGET:
        return LesionEntry(number, category, state="PRESENT", instance=where)
    if size < 3:
        return LesionEntry(number, category, state="TOO_SMALL", instance=where)
    return LesionEntry(number, category, state="MEASURED", diameter_mm=size, instance=where)


def _drawn(task: ReadTask, phantom: PhantomSubject, truth: TrueLesion, order: int, entry: LesionEntry) -> UUID | None:
    """Draw both diameters of a measured lesion where it lies; the key of the mark."""
    if entry.instance is None or entry.diameter_mm is None:
        return None
    instance = blinding.instance_of(task, entry.instance, entry.frame)
    plane = plane_in(displaying.facts_of(instance.series, [instance])[instance.pk], entry.frame)
    if plane is None:
        return None
    counted, (long, short) = float(entry.diameter_mm), truth.diameters_mm[order]
    scale = counted / (short if truth.nodal else long)
    ((column, row),) = plane.to_pixels([phantom.lesion_centre_mm(truth, order)])
    (centre,) = plane.to_patient([(column, row)])
    along = np.array([np.cos(truth.turn), np.sin(truth.turn), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    ends = [
        centre + sign * scale * size / 2 * way for size, way in ((long, along), (short, across)) for sign in (-1, 1)
    ]
    drawn = MarkEntry(
        tool=Tool.BIDIRECTIONAL,
        instance=entry.instance,
        frame=entry.frame,
        points=tuple(tuple(map(float, end)) for end in ends),
        view={"preset": task.charter.terms.window_presets[0].name, "zoom": 1, "pan": [0, 0], "plane": "stack"},
        software="simulated reader",
    )
    key = uuid5(NAMESPACE_OID, f"{task.blinded_code} {truth.label}")
    at = task.opened_at or task.created_at
    marking.put_mark(task=task, key=key, expected=None, entry=drawn, actor=task.reader, at=at)
    return key


def _picture(task: ReadTask, phantom: PhantomSubject, truth: TrueLesion, order: int) -> str | None:
    """Key of the slice through the lesion's centre."""
    series = blinding.blinded_task(task).series
    if not series:
        return None
    head = Instance.objects.filter(series__imaging_study__timepoint=task.timepoint, series__for_reading=True).order_by(
        "position_mm"
    )[0]
    depth = phantom.lesion_centre_mm(truth, order)[2] - (head.position_mm or 0.0)
    return min(series[0].slices, key=lambda picture: abs((picture.offset_mm or 0.0) - depth)).instance_key


def adjudicate_everything(adjudicator: User, clock: Clock, password: str = PASSWORD) -> int:
    """Decide every open adjudication for the read that is nearer to the truth; return how many."""
    cases = list(selectors.adjudications_of(adjudicator).filter(state=AdjudicationState.OPEN).order_by("subject__code"))
    for case in cases:
        slot = _nearer(case)
        adjudicating.decide(
            adjudication=case,
            choice="left" if case.left_slot == slot else "right",
            rationale="Simulated decision: this read is nearer to the known truth of the phantom.",
            signature=Intent(password, Signature.Meaning.AUTHORSHIP),
            actor=adjudicator,
            at=clock(),
            simulated=True,
        )
    return len(cases)


def _nearer(case: Adjudication) -> int:
    patient = _BY_CODE[case.subject.code]
    phantom = phantom_of(patient)

    def distance(result: selectors.SlotResult) -> float:
        sums = [(float(r.burden), phantom.sum_of_diameters_mm(r.timepoint.order)) for r in result.reads if r.burden]
        unsure = patient.scenario == "new_lesion" and _part_of(result.reads[0].task.reader) == CAUTIOUS
        return sum(abs(read - true) for read, true in sums) + (1000 if unsure else 0)

    return min(selectors.slot_results(case.subject), key=distance).slot


def agreement_in_words(report: dict[str, Any]) -> str:
    """Put the main figures of a variability report into one line."""

    def value(part: str, name: str) -> str:
        found = report[part][name]
        return f"{found['value']:.2f}" if "value" in found else "undefined"

    return (
        f"ICC(2,1) {value('sums', 'icc_2_1')} on sums, kappa {value('timepoint_responses', 'kappa')} on responses, "
        f"{value('best_responses', 'kappa')} on best response"
    )
