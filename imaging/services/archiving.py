"""The rows of what is archived: studies, series and instances, written batch by batch after their bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import transaction

from compliance import audit
from compliance.transitions import advance, advance_batch
from imaging.deid.keys import SubjectKeys
from imaging.deid.patients import PatientKey
from imaging.deid.recipe import Recipe
from imaging.models import (
    ActionList,
    FaceReview,
    ImagingStudy,
    Instance,
    PixelReview,
    ReceivedInstance,
    Series,
    Transfer,
)
from imaging.services import looking, masking
from imaging.services.consenting import locked_without_consent
from imaging.services.recognising import note_patients
from trials.models import Timepoint, Trial
from trials.schedule import study_day
from trials.states import ImageState


@dataclass(frozen=True, slots=True)
class Means:
    """What de-identification of one trial needs; made once per batch. `terms` is the recipe as the charter says it."""

    trial: Trial
    terms: dict[str, Any]
    recipe: Recipe
    secret: bytes

    def keys(self, subject_code: str) -> SubjectKeys:
        """Return the pseudonyms of a subject."""
        return SubjectKeys(self.secret, subject_code)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A de-identified instance whose bytes lie in the archive and whose row is still to be written.

    `seen` is what the workshop saw in its header (`imaging.deid.workshop.look`), `measured` what it noted of the
    result (`imaging.dicom.excerpts`), `look` and `face_review` the decisions of people on its pixels, and on the face
    in its series, by which it was made.
    """

    received: ReceivedInstance
    timepoint: Timepoint
    seen: dict[str, Any]
    archive_key: str
    sha256: str
    size: int
    counters: dict[str, int]
    actions: ActionList
    measured: dict[str, Any]
    look: PixelReview | None = None
    face_review: FaceReview | None = None


class WithoutConsent(Exception):
    """Consent of subjects was withdrawn while their images were made; `timepoints` are theirs."""

    def __init__(self, timepoints: Collection[int]) -> None:
        super().__init__()
        self.timepoints = timepoints


def file_instances(cleaned: Sequence[Cleaned], *, transfer: Transfer, means: Means, at: dt.datetime) -> None:
    """Write the rows of instances in one transaction; what another worker has filed meanwhile is left alone.

    So is what was made by a decision on its pixels, or on the face, that has been taken back.

    Raises
    ------
    WithoutConsent
        Nothing is filed, as consent was withdrawn meanwhile.
    IntegrityError
        Another worker is filing the same instance, study or series at this moment; look again.
    """
    with transaction.atomic():
        if without := locked_without_consent({one.timepoint.pk for one in cleaned}):
            raise WithoutConsent(without)
        stale = looking.note_applied({one.received.pk: one.look for one in cleaned}, at=at)
        stale |= masking.note_applied([(one.received, one.face_review) for one in cleaned], at=at)
        cleaned = [one for one in cleaned if one.received.pk not in stale]
        _keep_lists([one.actions for one in cleaned])
        for timepoint in {one.timepoint.pk: one.timepoint for one in cleaned}.values():
            here = {one.received.pk: one for one in cleaned if one.timepoint.pk == timepoint.pk}
            rows = ReceivedInstance.objects.filter(pk__in=here)
            moved = advance_batch(rows, "archive", about=transfer, at=at, timepoint=timepoint)
            ordered = sorted((here[number] for number in moved), key=_place)
            for _, members in groupby(ordered, key=_place):
                _file_series(list(members), means, at)
            current = Timepoint.objects.select_for_update().get(pk=timepoint.pk)
            if current.image_state != ImageState.RECEIVED:
                advance(current, "receive", field="image_state", actor=None, at=at)
            # Under the timepoint's lock, so that no two workers note the same.
            patients = [PatientKey(*one.seen["patient"]) for one in here.values() if one.seen["patient"]]
            note_patients(timepoint=timepoint, seen=patients, secret=means.secret, at=at)


def _keep_lists(lists: Sequence[ActionList]) -> None:
    found = {one.sha256: one for one in lists}
    here = ActionList.objects.filter(pk__in=found).values_list("pk", flat=True)
    for sha256 in sorted(found.keys() - set(here)):
        ActionList.objects.get_or_create(pk=sha256, defaults={"actions": found[sha256].actions})


def _place(one: Cleaned) -> tuple[str, str]:
    return one.received.study_uid_key, one.received.series_uid_key


def _file_series(members: Sequence[Cleaned], means: Means, at: dt.datetime) -> None:
    series = _series_of(members[0], means, at)
    recipe_sha256 = means.recipe.digest()
    instances = [
        Instance(
            series=series,
            received=one.received,
            trial=means.trial,
            sop_instance_uid=one.received.sop_uid_key,
            sop_class_uid=one.seen["sop_class_uid"],
            number=one.seen["instance_number"],
            position_mm=one.seen["position_mm"],
            rows=one.seen["rows"],
            columns=one.seen["columns"],
            frames=one.seen["frames"],
            archive_key=one.archive_key,
            sha256=one.sha256,
            size=one.size,
            recipe_sha256=recipe_sha256,
            deid_counters=one.counters,
            deid_actions_id=one.actions.sha256,
            face_review=one.face_review,
            measured=one.measured,
        )
        for one in members
    ]
    audit.save_batch(instances, action="instance.archived", about=series, of="sop_instance_uid", actor=None, at=at)


def _series_of(first: Cleaned, means: Means, at: dt.datetime) -> Series:
    received, timepoint = first.received, first.timepoint
    study = ImagingStudy.objects.filter(trial=means.trial, study_instance_uid=received.study_uid_key).first()
    if study is None:
        date = dt.date.fromisoformat(first.seen["scan_date"]) if first.seen["scan_date"] else None
        keys = means.keys(timepoint.subject.first_code)
        day = date.strftime("%Y%m%d") if date else ""
        shifted = {"shifted": keys.shift_date(day), "kept": day}.get(means.recipe.dates)
        study = ImagingStudy(
            trial=means.trial,
            timepoint=timepoint,
            study_instance_uid=received.study_uid_key,
            study_day=study_day(date, timepoint.subject.reference_date) if date else None,
            shifted_date=dt.datetime.strptime(shifted, "%Y%m%d").date() if shifted else None,  # noqa: DTZ007
        )
        audit.save(study, action="imagingstudy.archived", actor=None, at=at)
    series = study.series.filter(series_instance_uid=received.series_uid_key).first()
    if series is None:
        series = Series(
            imaging_study=study,
            series_instance_uid=received.series_uid_key,
            number=first.seen["series_number"],
            modality=received.modality,
        )
        audit.save(series, action="series.archived", actor=None, at=at)
    return series
