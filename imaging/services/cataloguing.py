"""Cataloguing: the archive of a trial as DICOMweb lists it, for a person who may know whose images they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from django.db.models import Count, F, QuerySet
from pydicom.dataset import Dataset

from compliance import audit, confined, storage
from compliance.models import User
from imaging.dicomweb import Held
from imaging.display.dicomweb import Level, Within
from imaging.models import ImagingStudy, Instance, Series
from imaging.services import displaying, viewing
from imaging.services.limits import budget
from imaging.states import OriginalState

#: Files that a child reads at once.
_BATCH = 50


class ArchiveCatalogue:
    """What a token opens: series that its holder may see (`imaging.dicomweb.Catalogue`); looking is recorded."""

    def __init__(self, series: QuerySet[Series], *, actor: User, at: dt.datetime) -> None:
        self.series, self.actor, self.at = series, actor, at

    def listed(self, level: Level, within: Within) -> Iterable[Dataset]:
        """Give what is told of studies, series or instances, in order."""
        if level is Level.STUDY:
            return map(_of_study, self._studies(within))
        if level is Level.SERIES:
            return (_of_series(one) for one in self._series(within).annotate(held=Count("instances")))
        return map(_of_instance, self._instances(within))

    def held(self, within: Within) -> list[Held]:
        """Return the instances that are named, in order; what they say of themselves is read together."""
        instances = list(self._instances(within))
        headers = _Headers(instances)
        return [self._held(instance, headers) for instance in instances]

    def _series(self, within: Within) -> QuerySet[Series]:
        found = self.series.filter(instances__stored_state=OriginalState.KEPT).distinct()
        if within.study:
            found = found.filter(imaging_study__study_instance_uid=within.study)
        if within.series:
            found = found.filter(series_instance_uid=within.series)
        return found.order_by("imaging_study", "number", "pk")

    def _studies(self, within: Within) -> Iterable[ImagingStudy]:
        of = self._series(within).order_by().values("imaging_study")
        studies = ImagingStudy.objects.filter(pk__in=of).select_related("timepoint__subject")
        return studies.prefetch_related("series").order_by("timepoint__subject__code", "timepoint__order", "pk")

    def _instances(self, within: Within) -> QuerySet[Instance]:
        found = Instance.objects.filter(series__in=self.series, stored_state=OriginalState.KEPT)
        for name, uid in (
            ("series__imaging_study__study_instance_uid", within.study),
            ("series__series_instance_uid", within.series),
            ("sop_instance_uid", within.instance),
        ):
            found = found.filter(**{name: uid}) if uid else found
        found = found.select_related("series__imaging_study__timepoint__subject", "series__imaging_study__trial")
        return found.order_by("series__imaging_study", F("series__number"), "series", "position_mm", "number", "pk")

    def _held(self, instance: Instance, headers: _Headers) -> Held:
        series = instance.series

        def looked() -> Instance:
            audit.record_of_the_day("series.viewed", series, actor=self.actor, at=self.at)
            return instance

        def place(frame: int) -> displaying.Place:
            places = displaying.plan_of(looked().series).kept
            return next(one for one in places if (one.instance_id, one.frame) == (instance.pk, frame))

        window = _window(series)
        return Held(
            frames=instance.frames,
            metadata=lambda: headers.of(instance),
            pixels=lambda frame: displaying.original_frame_of(place(frame)).content,
            rendered=lambda frame: viewing.picture(looked().archive_key, frame - 1, window),
            thumbnail=lambda frame: displaying.thumbnail_of(series, place(frame), window),
            file=lambda: storage.get(storage.ARCHIVE, looked().archive_key),
        )


class _Headers:
    """What the files of some instances say of themselves; read when first asked for."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self.instances = instances
        self._read: dict[int, dict[str, Any]] | None = None

    def of(self, instance: Instance) -> Dataset:
        if self._read is None:
            self._read = {}
            for start in range(0, len(self.instances), _BATCH):
                self._read |= _headers(self.instances[start : start + _BATCH])
        return Dataset.from_json(self._read[instance.pk])


def _headers(instances: Sequence[Instance]) -> dict[int, dict[str, Any]]:
    with ExitStack() as files:
        paths = [str(files.enter_context(storage.on_disk(storage.ARCHIVE, one.archive_key))) for one in instances]
        told = confined.call("imaging.display.outside:headers_of", paths, **budget(sum(one.size for one in instances)))
    return {one.pk: header for one, header in zip(instances, told, strict=True)}


def _window(series: Series) -> tuple[float, float] | None:
    preset = series.imaging_study.timepoint.charter.terms.window_presets[0]
    return (preset.centre, preset.width) if series.modality == "CT" else None


def _of_study(study: ImagingStudy) -> Dataset:
    made, subject = Dataset(), study.timepoint.subject
    made.PatientName = made.PatientID = subject.code
    made.PatientBirthDate = made.PatientSex = made.StudyTime = made.AccessionNumber = ""
    made.StudyDate = f"{study.shifted_date:%Y%m%d}" if study.shifted_date else ""
    made.StudyInstanceUID, made.StudyID = study.study_instance_uid, ""
    made.StudyDescription = study.timepoint.name
    made.ModalitiesInStudy = sorted({one.modality for one in study.series.all()})
    made.InstanceAvailability = "ONLINE"
    return made


def _of_series(series: Series) -> Dataset:
    made = _of_study(series.imaging_study)
    made.Modality, made.SeriesInstanceUID = series.modality, series.series_instance_uid
    made.SeriesNumber, made.SeriesDescription = series.number, series.label
    if held := getattr(series, "held", None):
        made.NumberOfSeriesRelatedInstances = held
    return made


def _of_instance(instance: Instance) -> Dataset:
    made = _of_series(instance.series)
    made.SOPClassUID, made.SOPInstanceUID = instance.sop_class_uid, instance.sop_instance_uid
    made.InstanceNumber, made.Rows, made.Columns = instance.number, instance.rows, instance.columns
    if instance.frames > 1:
        made.NumberOfFrames = instance.frames
    return made
