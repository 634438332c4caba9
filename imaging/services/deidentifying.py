"""From quarantine to the archive: recognise, match, de-identify, search for leaks, write once. Fails closed.

Each instance is one transaction and may be tried again: what was done is found done.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
from dataclasses import dataclass
from io import BytesIO

from django.db import DatabaseError, IntegrityError, transaction
from pydicom import Dataset, dcmread
from pydicom import config as pydicom_config

from compliance import audit, jobs, keys, storage
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.transitions import IllegalMove, advance
from imaging.deid import engine, leaks
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import TrialIdentity
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.dicom import digests, headers
from imaging.dicom.geometry import plane_of
from imaging.dicom.headers import Header
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from imaging.selectors import PROCESS
from imaging.services.checking import CHECK
from imaging.services.matching import Unmatched, match, scan_date
from imaging.states import HoldReason, ReceivedState
from trials.models import Timepoint, Trial
from trials.schedule import study_day
from trials.states import ImageState

log = logging.getLogger(__name__)

_BROKEN = (
    "Working on the image failed in a way that nobody foresaw, so it stays out. "
    "Tell the trial administrator, or set it aside."
)
#: Faults of the bytes themselves that have a hold reason of their own; all others are `malformed`.
_NAMED = {reason.value: reason for reason in (HoldReason.NOT_DICOM, HoldReason.EMPTY_FILE, HoldReason.TRUNCATED)}


class Held(HouseError):
    """The instance waits in quarantine, for a named reason."""

    def __init__(self, reason: HoldReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.code = str(reason)


class Overtaken(Exception):
    """Another worker has brought the instance to its end meanwhile."""


@dataclass(frozen=True, slots=True)
class _Means:
    """What de-identification of one trial needs; made once per batch."""

    trial: Trial
    recipe: Recipe
    secret: bytes

    def keys(self, subject_code: str) -> SubjectKeys:
        return SubjectKeys(self.secret, subject_code)


@jobs.handler(PROCESS)
def process_transfer(*, transfer_id: int, at: dt.datetime, first: int = 0, last: int | None = None) -> None:
    """Work through what a delivery brought; timepoints that got images are checked afterwards.

    `first` and `last` name a batch of received instances; without them it is the whole delivery.
    """
    transfer = Transfer.objects.select_related("site__trial").get(pk=transfer_id)
    failure: OSError | HouseError | None = None
    waiting = transfer.instances.filter(state=ReceivedState.RECEIVED, pk__gte=first)
    if last is not None:
        waiting = waiting.filter(pk__lte=last)
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True)):
        received = ReceivedInstance.objects.select_related("timepoint__subject__site", "timepoint__charter").get(pk=pk)
        try:
            _process(received, transfer, at)
        except DatabaseError:
            raise
        except (OSError, HouseError) as problem:
            # Only this instance waits for the next try; the others go on.
            failure = problem
        except Exception as problem:
            log.error("received instance %s could not be processed: %s", pk, type(problem).__name__)
            _hold(received, HoldReason.CANNOT_DEIDENTIFY, _BROKEN, at)
    touched = Timepoint.objects.filter(imaging_studies__series__instances__received__transfer=transfer).distinct()
    for timepoint in touched:
        jobs.enqueue(CHECK, str(timepoint.pk), at=at, timepoint_id=timepoint.pk)
    fault("processed.batch")
    if failure is not None:
        raise failure


def _process(received: ReceivedInstance, transfer: Transfer, at: dt.datetime) -> None:
    try:
        try:
            try:
                _archive(received, transfer, at)
            except IntegrityError:
                # Another worker filed the same instance, study or series between our look and our write.
                _archive(received, transfer, at)
        except Held as held:
            _hold(received, held.reason, held.message, at)
    except (Overtaken, IllegalMove):
        # A worker slow beyond its lease was overtaken by a second one, which brought the instance to its end.
        return


def _hold(received: ReceivedInstance, reason: HoldReason, sentence: str, at: dt.datetime) -> None:
    advance(received, "hold", actor=None, at=at, hold_reason=reason, hold_sentence=sentence)


def _means(trial: Trial) -> _Means:
    charter = trial.charter_in_force
    if trial.frozen_by():
        raise Held(HoldReason.TRIAL_LOCKED, f"Trial {trial.code} is locked; nothing is added to it any more.")
    if charter is None:
        raise Held(
            HoldReason.NO_RECIPE, f"Trial {trial.code} has no charter in force, so nothing may enter its archive."
        )
    try:
        return _Means(trial, Recipe.parse(charter.terms.deidentification), keys.of_trial(trial.code))
    except (InvalidRecipe, keys.KeyMissing) as problem:
        raise Held(HoldReason.NO_RECIPE, problem.message) from problem


def _archive(received: ReceivedInstance, transfer: Transfer, at: dt.datetime) -> None:
    """Bring one received instance to its end: archived, recognised as known, or `Held`."""
    trial = Trial.objects.get(pk=transfer.site.trial_id)
    data = storage.get(storage.QUARANTINE, received.quarantine_key)
    header = _read(data)
    means = _means(trial)
    pseudonym = means.keys("-").uid
    known = {
        "dataset_sha256": digests.dataset_digest(data),
        "sop_uid_key": pseudonym(header.sop_instance_uid),
        "series_uid_key": pseudonym(header.series_instance_uid),
        "study_uid_key": pseudonym(header.study_instance_uid),
        "modality": header.modality if re.fullmatch(r"[A-Z0-9]{1,16}", header.modality) else "",
    }
    _identify(received, known, at)
    if _is_known(received, data, trial):
        advance(received, "recognise", actor=None, at=at)
        return
    try:
        timepoint = match(header.dataset, transfer, trial, received.timepoint)
    except Unmatched as unmatched:
        raise Held(unmatched.reason, unmatched.message) from unmatched
    _refuse_scattered(known["study_uid_key"], timepoint)
    output, counters = _deidentified(data, means, timepoint)
    _write(received, timepoint, output, counters, means, header, at)


def _identify(received: ReceivedInstance, known: dict[str, str], at: dt.datetime) -> None:
    """Note what the header says of an instance, on the row as it is now and not as it was when the batch was read."""
    with transaction.atomic():
        row = ReceivedInstance.objects.select_for_update().get(pk=received.pk)
        if row.state != ReceivedState.RECEIVED:
            raise Overtaken
        for name, value in known.items():
            setattr(row, name, value)
            setattr(received, name, value)
        audit.save(row, action="receivedinstance.identified", actor=None, at=at)


def _read(data: bytes) -> Header:
    try:
        return headers.read_header(data)
    except HouseError as problem:
        raise Held(_NAMED.get(problem.code, HoldReason.MALFORMED), problem.message) from problem


def _is_known(received: ReceivedInstance, data: bytes, trial: Trial) -> bool:
    """Tell whether the archive holds this instance already; other bytes under its UID are held."""
    earlier = (
        Instance.objects.filter(trial=trial, sop_instance_uid=received.sop_uid_key).select_related("received").first()
    )
    if earlier is None:
        return False
    if earlier.received_id == received.pk:
        raise Overtaken
    same = earlier.received.dataset_sha256 == received.dataset_sha256
    if not same:
        original = storage.get(storage.QUARANTINE, earlier.received.quarantine_key)
        same = digests.canonical_digest(data) == digests.canonical_digest(original)
    if not same:
        raise Held(
            HoldReason.UID_CONFLICT,
            "Another image with the same identifier but other content is in the archive. Both are kept; "
            "find out which is right, then send the right one under a new identifier or set this one aside.",
        )
    return True


def _refuse_scattered(study_uid: str, timepoint: Timepoint) -> None:
    """A DICOM Study belongs to one timepoint."""
    study = ImagingStudy.objects.filter(trial=timepoint.trial, study_instance_uid=study_uid).first()
    if study is not None and study.timepoint_id != timepoint.pk:
        raise Held(
            HoldReason.TIMEPOINT_UNKNOWN,
            "Other images of the same scan lie at another timepoint. Check which timepoint is right and assign it.",
        )


def _deidentified(data: bytes, means: _Means, timepoint: Timepoint) -> tuple[bytes, dict[str, int]]:
    subject = timepoint.subject
    subject_keys = means.keys(subject.code)
    identity = TrialIdentity(means.trial.code, subject.site.code, subject.code, timepoint.code)
    original = _whole(data)
    try:
        result = engine.deidentify(original, recipe=means.recipe, keys=subject_keys, identity=identity)
        output = engine.serialise(result)
    except HouseError as problem:
        raise Held(HoldReason.CANNOT_DEIDENTIFY, problem.message) from problem
    identifiers = leaks.known_identifiers(original, recipe=means.recipe, keys=subject_keys, own=identity.values())
    if leaks.find_leaks(output, identifiers, own=identity.values()):
        raise Held(
            HoldReason.LEAK_FOUND,
            "Something that identifies the person was still found after de-identification, so the image stays out. "
            "Tell the trial administrator which scanner sent it; its recipe needs a rule.",
        )
    return output, dict(result.counters)


def _whole(data: bytes) -> Dataset:
    with pydicom_config.disable_value_validation():
        return dcmread(BytesIO(data), force=True)


def _write(
    received: ReceivedInstance,
    timepoint: Timepoint,
    output: bytes,
    counters: dict[str, int],
    means: _Means,
    header: Header,
    at: dt.datetime,
) -> None:
    """Write the archive first and the rows second: a row without bytes is impossible.

    The key names the content, so that bytes which a crash left without a row, made under another recipe, are
    in nobody's way.
    """
    subject = timepoint.subject
    content = hashlib.sha256(output).hexdigest()[:12]
    key = f"{means.trial.code}/{subject.code}/{timepoint.code}/{received.sop_uid_key}-{content}.dcm"
    fault("archive.before")
    sha256 = storage.put(storage.ARCHIVE, key, output)
    fault("archive.bytes")
    plane = plane_of(header.dataset)
    with transaction.atomic():
        series = _series_of(received, timepoint, header, means, at)
        instance = Instance(
            series=series,
            received=received,
            trial=means.trial,
            sop_instance_uid=received.sop_uid_key,
            sop_class_uid=header.sop_class_uid,
            number=_number(header.dataset, "InstanceNumber"),
            position_mm=round(plane.offset_mm, 3) if plane else None,
            rows=header.rows or 0,
            columns=header.columns or 0,
            frames=max(header.number_of_frames, 1),
            archive_key=key,
            sha256=sha256,
            size=len(output),
            recipe_sha256=means.recipe.digest(),
            deid_counters=counters,
        )
        audit.save(instance, action="instance.archived", actor=None, at=at)
        advance(received, "archive", actor=None, at=at, timepoint=timepoint)
        current = Timepoint.objects.select_for_update().get(pk=timepoint.pk)
        if current.image_state != ImageState.RECEIVED:
            advance(current, "receive", field="image_state", actor=None, at=at)
    fault("archive.rows")


def _series_of(
    received: ReceivedInstance, timepoint: Timepoint, header: Header, means: _Means, at: dt.datetime
) -> Series:
    study = ImagingStudy.objects.filter(trial=means.trial, study_instance_uid=received.study_uid_key).first()
    if study is None:
        date = scan_date(header.dataset)
        subject_keys = means.keys(timepoint.subject.code)
        shifted = subject_keys.shift_date(date.strftime("%Y%m%d")) if date and means.recipe.dates == "shifted" else None
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
            number=_number(header.dataset, "SeriesNumber"),
            modality=received.modality,
        )
        audit.save(series, action="series.archived", actor=None, at=at)
    return series


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        number = int(str(dataset.get(keyword)))
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None
