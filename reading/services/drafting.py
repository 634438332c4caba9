"""Drafting: the lesions and measurements of a read are brought in line with what its reader entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Max

from compliance import audit
from compliance.errors import HouseError
from imaging.models import Instance
from reading import blinding, derivation, measuring, selectors
from reading.criteria.form import DIAMETER, VOLUME, At, Field, Lesions
from reading.criteria.values import InvalidRead, as_json, plain
from reading.measuring import Tool
from reading.models import Assessment, Lesion, MarkVersion, Measurement, ReadTask, SegmentVersion
from reading.models.segment import segments_of
from reading.services.entries import LesionEntry
from reading.services.segmenting import untie

State = Measurement.State
_HUNDREDTH = Decimal("0.01")


class InvalidEntry(HouseError):
    """Something entered cannot be: the sentence names the lesion."""

    code = "invalid_entry"
    status = 422


class Draft:
    """Brings the stored lesions and measurements of a draft in line with what was entered."""

    def __init__(self, task: ReadTask, assessment: Assessment, before: list[ReadTask], by: Mapping[str, Any]) -> None:
        self.task, self.assessment, self.by = task, assessment, by
        self.form = derivation.pack_of(task.charter).form()
        self.at = derivation.at_of(task)
        known = Lesion.every.filter(first_seen__in=[*before, task]).select_related("first_seen")
        self.lesions = {lesion.number: lesion for lesion in known}
        self.regions = {region.lesion: region for region in segments_of(task) if region.lesion is not None}
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
                # Its number may be given again, to another lesion.
                untie(task=self.task, lesion=lesion.number, **self.by)
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
        # Without an organ it cannot be signed, but what was measured of it is kept.
        organ = entry.organ.strip()
        if len(organ) > 40 or len(entry.description) > 120:
            raise InvalidEntry("The organ of a lesion takes up to 40 characters; its description up to 120.")
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
        mark, region = self._mark(lesion, entry), self.regions.get(lesion.number)
        context = {**self._facts(lesion), **given, "state": entry.state}
        if mark:
            given |= self._from_mark(mark, lesion, listed.asked(at), given, context)
        if region and any(field.name == VOLUME and field.holds(context) for field in listed.asked(at)):
            given |= self._from_region(region, lesion, given)
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
        context: Mapping[str, object],
    ) -> dict[str, Decimal]:
        """What a mark enters; what was typed beside must be the same."""
        drawn = measuring.entered(Tool(mark.tool), mark.measured, fields, nodal=lesion.nodal, context=context)
        for name, size in drawn.items():
            typed = given.get(name)
            if typed is not None and Decimal(str(typed)) != size:
                raise InvalidEntry(
                    f"Lesion {lesion.label}: {plain(Decimal(str(typed)))} mm is entered, but its mark measures "
                    f"{plain(size)} mm. Clear the value, or measure again."
                )
        return drawn

    def _from_region(self, region: SegmentVersion, lesion: Lesion, given: Mapping[str, object]) -> dict[str, Decimal]:
        """What a lesion's region enters; what was typed beside must be the same."""
        volume, typed = region.volume_ml, given.get(VOLUME)
        if not volume:
            return {}
        if typed is not None and Decimal(str(typed)) != volume:
            raise InvalidEntry(
                f"Lesion {lesion.label}: {plain(Decimal(str(typed)))} ml is entered, but its region holds "
                f"{plain(volume)} ml. Clear the value, or take the region away from the lesion."
            )
        return {VOLUME: volume}

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
