"""Assessing: a reader opens a task, saves what is found, and signs; responses are derived, never typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from compliance import access, audit, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from imaging.models import Instance
from reading import blinding, derivation, measuring, selectors, signals
from reading.criteria import Criteria
from reading.criteria.form import DIAMETER, At, Field, Lesions
from reading.criteria.values import InvalidRead, as_json, plain
from reading.measuring import Tool
from reading.models import Assessment, Lesion, MarkVersion, Measurement, ReadTask
from reading.services.assigning import locked, release_waiting
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.working import locked_task, require_images, require_reading, require_sequence
from reading.states import ReadState

State = Measurement.State
_HUNDREDTH = Decimal("0.01")


class StaleDraft(HouseError):
    """The draft was saved elsewhere since this page was loaded."""

    code = "stale_draft"
    status = 409


class InvalidEntry(HouseError):
    """Something entered cannot be: the sentence names the lesion."""

    code = "invalid_entry"
    status = 422


class IncompleteRead(HouseError):
    """The read cannot be signed yet; `points` lists what is open."""

    code = "incomplete_read"
    status = 422

    def __init__(self, points: tuple[str, ...]) -> None:
        super().__init__("The read was not signed. " + " ".join(points) + " Complete it and sign again.")
        self.points = points


def open_task(*, task: ReadTask, actor: User, at: dt.datetime) -> ReadTask:
    """Open a reader's own task; each opening is recorded, also of a signed read.

    Raises
    ------
    reading.blinding.NotOpen
        The task waits for an earlier timepoint, or its images are with quality control again.
    compliance.access.AccessDenied
        The task is another reader's.
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        row = locked_task(task)
        if row.state in (ReadState.WAITING, ReadState.WITHDRAWN):
            raise blinding.NotOpen(f"Read {task.blinded_code} is not open. Finish the earlier timepoints of its case.")
        if row.state == ReadState.ASSIGNED:
            require_images(row)
            require_sequence(row)
            advance(task, "open", actor=actor, at=at, opened_at=at)
        else:
            task.state = row.state
            audit.record("readtask.viewed", row, actor=actor, at=at)
    return task


def save_draft(*, task: ReadTask, entry: AssessmentEntry, actor: User, at: dt.datetime) -> Assessment:
    """Store a draft as a whole; what it amounts to so far is derived from it.

    Raises
    ------
    StaleDraft
        `entry.version` is not the stored draft's: it was saved in another window.
    InvalidEntry, reading.blinding.NotShown, reading.blinding.NotOpen
    compliance.audit.RecordFrozen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        row = locked_task(task)
        require_reading(row)
        assessment = _store(row, entry, actor, at)
    task._state.fields_cache.pop("assessment", None)
    return assessment


def submit_read(
    *,
    task: ReadTask,
    signature: Intent,
    actor: User,
    at: dt.datetime,
    entry: AssessmentEntry | None = None,
    simulated: bool = False,
) -> ReadTask:
    """Sign a read, with a last draft if one is given; from then on nothing in it changes.

    The reader's next timepoint opens; when every planned reader has signed, the timepoint is read, and whether
    the reads are discordant is looked into by a job written in the same transaction.

    Parameters
    ----------
    simulated
        The entries come from a simulation, and every export says so.

    Raises
    ------
    IncompleteRead
        A lesion has no entry, or the baseline breaks a rule of the criteria.
    compliance.signing.WrongPassword
        Nothing is stored, neither the signature nor the draft given with it.
    StaleDraft, InvalidEntry, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        subject = locked(task.timepoint.subject_id)
        row = locked_task(task)
        require_reading(row)
        if entry is not None:
            _store(row, entry, actor, at)
        before = list(selectors.own_reads_before(row))
        row = ReadTask.every.select_related("timepoint__subject__trial", "charter").get(pk=row.pk)
        if points := derivation.unanswered(row, before):
            raise IncompleteRead(points)
        assessment = row.assessment
        assessment.derivation = derivation.derivation_of(row, before)
        audit.save(assessment, action="assessment.derived", actor=actor, at=at)
        advance(task, "submit", actor=actor, at=at, signature=signature, submitted_at=at, simulated=simulated)
        release_waiting(subject, at)
        others = ReadTask.objects.filter(timepoint=task.timepoint_id)
        if row.counts and all(state in selectors.SIGNED for state in others.values_list("state", flat=True)):
            advance(row.timepoint, "finish", field="reading_state", actor=None, at=at)
            # Written here rather than on hearing the news, so that a crash after the commit cannot lose it.
            jobs.enqueue("reading.open_adjudications", str(subject.pk), at=at, subject_id=subject.pk)
        transaction.on_commit(lambda: signals.read_submitted.send(sender=ReadTask, task=task, at=at))
    return task


def _store(task: ReadTask, entry: AssessmentEntry, actor: User, at: dt.datetime) -> Assessment:
    assessment = Assessment.objects.filter(task=task).first() or Assessment(task=task)
    if entry.version != assessment.version:
        raise StaleDraft(
            f"Read {task.blinded_code} was saved in another window since you opened this page, so this draft was not "
            "stored. Reload the page and enter your changes again."
        )
    if entry.image_quality not in {value for value, _ in Assessment._meta.get_field("image_quality").choices or ()}:
        raise InvalidEntry("The image quality is unknown. Choose adequate, limited or not evaluable.")
    before = list(selectors.own_reads_before(task))
    pack = derivation.pack_of(task.charter)
    try:
        answers = pack.form().read_answers(entry.answers, derivation.at_of(task.timepoint))
    except InvalidRead as problem:
        raise InvalidEntry(problem.message) from None
    _require_disagreement(task, pack, entry)
    assessment.image_quality, assessment.comment = entry.image_quality, entry.comment.strip()
    assessment.answers = as_json(answers)
    assessment.stated_response = entry.stated_response
    assessment.stated_reason = entry.stated_reason.strip() if entry.stated_response else ""
    assessment.version += 1
    audit.save(assessment, action="assessment.saved", actor=actor, at=at)
    _Draft(task, assessment, before, {"actor": actor, "at": at}).take(entry.lesions)
    assessment = Assessment.objects.select_related("task").get(pk=assessment.pk)
    assessment.derivation = _so_far(task, before)
    return audit.save(assessment, action="assessment.derived", actor=actor, at=at)


def _require_disagreement(task: ReadTask, pack: Criteria[Any], entry: AssessmentEntry) -> None:
    """Refuse a stated response that the criteria do not have, and one at baseline, where nothing is derived."""
    stated = {"", *(term.value for term in pack.terms)} if not derivation.is_baseline(task.timepoint) else {""}
    if entry.stated_response not in stated:
        raise InvalidEntry("The response that you state is none of the criteria here. Choose one that is offered.")


def _so_far(task: ReadTask, before: list[ReadTask]) -> dict[str, Any]:
    """What a draft amounts to; nothing while its entries do not hold together."""
    fresh = ReadTask.every.select_related("timepoint__subject__trial", "charter").get(pk=task.pk)
    try:
        return derivation.derivation_of(fresh, before)
    except InvalidRead:
        return {}


class _Draft:
    """Brings the stored lesions and measurements of a draft in line with what was entered."""

    def __init__(self, task: ReadTask, assessment: Assessment, before: list[ReadTask], by: Mapping[str, Any]) -> None:
        self.task, self.assessment, self.by = task, assessment, by
        self.form = derivation.pack_of(task.charter).form()
        self.at = derivation.at_of(task.timepoint)
        known = Lesion.every.filter(first_seen__in=[*before, task]).select_related("first_seen")
        self.lesions = {lesion.number: lesion for lesion in known}
        self.stored = {(m.lesion_id, m.part): m for m in assessment.measurements.select_related("lesion")}

    def take(self, entries: tuple[LesionEntry, ...]) -> None:
        taken: set[tuple[int, int]] = set()
        kept: set[int] = set()
        parts: dict[int, list[LesionEntry]] = {}
        for entry in entries:
            lesion = self._lesion(entry)
            kept.add(lesion.pk)
            parts.setdefault(lesion.pk, []).append(entry)
            if (lesion.pk, entry.part) in taken:
                raise InvalidEntry(f"Lesion {lesion.label} is entered twice. Keep one entry.")
            taken.add((lesion.pk, entry.part))
            if entry.state:
                self._measure(lesion, entry)
            elif (lesion.pk, entry.part) in self.stored:
                taken.remove((lesion.pk, entry.part))
        for lesion in self.lesions.values():
            self._check_parts(lesion, parts.get(lesion.pk, []))
        for place, measurement in self.stored.items():
            if place not in taken:
                audit.delete(measurement, action="measurement.removed", **self.by)
        for lesion in self.lesions.values():
            if lesion.first_seen_id == self.task.pk and lesion.pk not in kept:
                # Later reads that wait to be signed again followed it.
                for later in lesion.measurements.exclude(assessment=self.assessment):
                    audit.delete(later, action="measurement.removed", **self.by)
                audit.delete(lesion, action="lesion.removed", **self.by)

    def _lesion(self, entry: LesionEntry) -> Lesion:
        if entry.number is None:
            lesion = Lesion(
                reader=self.task.reader,
                subject=self.task.timepoint.subject,
                first_seen=self.task,
                number=self._next_number(),
                reread=self.task.reread,
                purpose=self.task.purpose,
            )
        elif entry.number in self.lesions:
            lesion = self.lesions[entry.number]
        else:
            raise InvalidEntry("An entry names a lesion that this read does not know. Reload the page.")
        if lesion.first_seen_id == self.task.pk:
            self._describe(lesion, entry)
        return lesion

    def _next_number(self) -> int:
        # Over all the reader's reads of the subject: a timepoint that came late must not reuse a later number.
        task = self.task
        found = Lesion.every.filter(
            reader=task.reader, subject=task.timepoint.subject, purpose=task.purpose, reread=task.reread
        )
        return (found.aggregate(last=Max("number"))["last"] or 0) + 1

    def _describe(self, lesion: Lesion, entry: LesionEntry) -> None:
        if entry.category not in {listed.category for listed in self.form.found(self.at)}:
            raise InvalidEntry(
                "Target and non-target lesions are chosen at the first timepoint, new lesions afterwards. "
                "Change the kind of the lesion."
            )
        organ = entry.organ.strip()
        if not organ or len(organ) > 40 or len(entry.description) > 120:
            raise InvalidEntry("A lesion needs its organ (up to 40 characters); its description takes up to 120.")
        lesion.category, lesion.organ, lesion.nodal = entry.category, organ, entry.nodal
        lesion.description = entry.description.strip()
        audit.save(lesion, action="lesion.described" if lesion.pk else "lesion.found", **self.by)
        self.lesions[lesion.number] = lesion

    def _measure(self, lesion: Lesion, entry: LesionEntry) -> None:
        listed = self._listed(lesion)
        at = At.FIRST if lesion.first_seen_id == self.task.pk else At.LATER
        if entry.state not in listed.states(at):
            raise InvalidEntry(f"Lesion {lesion.label} cannot be given this state here. Choose one that is offered.")
        given = {DIAMETER: entry.diameter_mm, **entry.values}
        mark = self._mark(lesion, entry)
        if mark:
            given |= self._from_mark(mark, lesion, listed.asked(at), given, entry.state)
        try:
            read = listed.read(given, entry.state, at, self._facts(lesion), f"Lesion {lesion.label}")
        except InvalidRead as problem:
            raise InvalidEntry(problem.message) from None
        if entry.state == State.MEASURED and not read:
            raise InvalidEntry(f"Lesion {lesion.label} is measured, so it needs a value. Enter it, or another state.")
        values = dict(read)
        diameter = values.pop(DIAMETER, None)
        measurement = self.stored.get((lesion.pk, entry.part)) or Measurement(
            assessment=self.assessment, lesion=lesion, part=entry.part
        )
        measurement.state = entry.state
        measurement.diameter_mm = None if diameter is None else Decimal(diameter).quantize(_HUNDREDTH)
        measurement.values = as_json(values)
        measurement.frame, measurement.reason = mark.frame if mark else entry.frame, entry.reason.strip()[:200]
        measurement.instance, measurement.mark = self._picture(entry, mark), mark
        audit.save(measurement, action="measurement.entered", **self.by)

    def _mark(self, lesion: Lesion, entry: LesionEntry) -> MarkVersion | None:
        if entry.mark is None:
            return None
        mark = selectors.mark_of(self.task, entry.mark)
        if mark is None or mark.removed:
            raise InvalidEntry(f"Lesion {lesion.label} names a mark that does not stand in this read. Measure again.")
        return mark

    def _from_mark(
        self,
        mark: MarkVersion,
        lesion: Lesion,
        fields: Sequence[Field],
        given: Mapping[str, object],
        state: str,
    ) -> dict[str, Decimal]:
        """What a mark enters; what was typed beside must be the same."""
        context = {**self._facts(lesion), **given, "state": state}
        drawn = measuring.entered(Tool(mark.tool), mark.measured, fields, nodal=lesion.nodal, context=context)
        for name, size in drawn.items():
            typed = given.get(name)
            if typed is not None and Decimal(str(typed)) != size:
                raise InvalidEntry(
                    f"Lesion {lesion.label}: {plain(Decimal(str(typed)))} mm is entered, but its mark measures "
                    f"{plain(size)} mm. Clear the value, or measure again."
                )
        return drawn

    def _picture(self, entry: LesionEntry, mark: MarkVersion | None) -> Instance | None:
        if mark:
            return mark.instance
        return blinding.instance_of(self.task, entry.instance, entry.frame) if entry.instance else None

    def _listed(self, lesion: Lesion) -> Lesions:
        listed = self.form.of(lesion.category)
        if listed is None:
            raise InvalidEntry(f"Lesion {lesion.label} is of a kind that the criteria do not follow. Reload the page.")
        return listed

    def _facts(self, lesion: Lesion) -> dict[str, object]:
        """What was stated of a known lesion where it was found."""
        if lesion.first_seen_id == self.task.pk:
            return {}
        found = Measurement.objects.filter(lesion=lesion, assessment__task=lesion.first_seen_id).first()
        return found.stated() if found else {}

    def _check_parts(self, lesion: Lesion, entries: list[LesionEntry]) -> None:
        if all(entry.part == 0 for entry in entries):
            return
        measured = all(entry.state == State.MEASURED for entry in entries)
        splits = self._listed(lesion).splits and self.at is At.LATER
        if not splits or len(entries) < 2 or not measured:
            raise InvalidEntry(
                f"Lesion {lesion.label} cannot be entered in parts: only a known target that split can, "
                "with a diameter for each of its parts."
            )
