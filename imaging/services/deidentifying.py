"""From quarantine to the archive: recognise, match, de-identify, search for leaks, write once. Fails closed.

A batch of a delivery is worked on at a time. Foreign bytes are read in a child process that may be killed; every
step finds on its second run what the first one did.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction

from compliance import audit, confined, jobs, keys, storage, vault
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.transitions import advance_batch
from imaging.deid.faces.kinds import is_looked_at
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.models import ActionList, ImagingStudy, Instance, ReceivedInstance, Transfer
from imaging.selectors import PROCESS
from imaging.services import looking, masking, originals
from imaging.services.archiving import Cleaned, Means, WithoutConsent, file_instances
from imaging.services.checking import CHECK
from imaging.services.confining import Held, deidentify, look, same_content
from imaging.services.consenting import sentence_about
from imaging.services.facing import SETTLED, is_arriving
from imaging.services.matching import Claim, Unmatched, match
from imaging.states import HoldReason, ReceivedState
from trials.models import Device, Timepoint, Trial
from trials.services.noticing import note_devices

log = logging.getLogger(__name__)

#: Received instances worked on between two looks at the database.
BATCH = 64
#: Tries at filing a batch while other workers file the same.
TRIES = 5

#: For so long after its receipt, an instance whose reader was killed is tried again; then the file is to blame.
BLAMED_AFTER = dt.timedelta(minutes=15)
_BROKEN = (
    "Working on the image failed in a way that nobody foresaw, so it stays out. "
    "Tell the trial administrator, or set it aside."
)
_CONFLICT = (
    "Another image with the same identifier but other content is in the archive. Both are kept; "
    "find out which is right, then send the right one under a new identifier or set this one aside."
)
_LEFT = (
    "Another file of the same image is in the archive. Its original has left by the charter's rule, so nobody can tell "
    "whether this one says the same. Set it aside, or have it sent under a new identifier."
)
_DAMAGED = (
    "An original of this image was damaged in the store, or locked with another key. Restore it, or the key, from a "
    "back-up and assign it to its timepoint; or set this one aside and ask the site to send it again."
)
_SCATTERED = "Other images of the same scan lie at another timepoint. Check which timepoint is right and assign it."


class _Early(Exception):
    """Other files of the series may still come."""


@dataclass(slots=True)
class _Item:
    """One instance of a batch on its way; `seen` is what its header says."""

    received: ReceivedInstance
    seen: dict[str, Any] = field(default_factory=dict)
    timepoint: Timepoint | None = None

    @property
    def claim(self) -> Claim:
        """Where its header says that it belongs."""
        return Claim.of(self.seen)


@jobs.handler(PROCESS)
def process_transfer(*, transfer_id: int, at: dt.datetime, first: int = 0, last: int | None = None) -> None:
    """Work through what a delivery brought; timepoints that got images are checked afterwards.

    `first` and `last` name a batch of received instances; without them it is the whole delivery.
    """
    transfer = Transfer.objects.select_related("site__trial").get(pk=transfer_id)
    span = transfer.instances.filter(pk__gte=first)
    if last is not None:
        span = span.filter(pk__lte=last)
    waiting = list(span.filter(state=ReceivedState.RECEIVED).order_by("pk").values_list("pk", flat=True))
    failure: Exception | None = None
    faces: dict[str, masking.Answer] = {}
    for start in range(0, len(waiting), BATCH):
        batch = _Batch(transfer, at, faces)
        batch.work(waiting[start : start + BATCH])
        failure = batch.failure or failure
        if batch.early:
            jobs.enqueue(PROCESS, f"{transfer.pk}:series", at=at, delay=SETTLED, transfer_id=transfer.pk)
    touched = Timepoint.objects.filter(received_instances__in=span.filter(state=ReceivedState.ARCHIVED)).distinct()
    for timepoint in touched:
        jobs.enqueue(CHECK, str(timepoint.pk), at=at, timepoint_id=timepoint.pk)
    fault("processed.batch")
    if failure is not None:
        raise failure


class _Batch:
    """One batch of a delivery, step by step; `faces` says what becomes of them, by series."""

    def __init__(self, transfer: Transfer, at: dt.datetime, faces: dict[str, masking.Answer]) -> None:
        self.transfer, self.at, self._faces = transfer, at, faces
        self.trial = Trial.objects.get(pk=transfer.site.trial_id)
        #: Why some of it has to be tried again later.
        self.failure: Exception | None = None
        #: Whether some of it waits for the rest of its series.
        self.early = False
        self._matched: dict[tuple[Claim, int | None], Timepoint | Unmatched] = {}

    def work(self, numbers: Sequence[int]) -> None:
        """Bring each received instance to its end: archived, recognised as known, or held."""
        rows = ReceivedInstance.objects.filter(pk__in=numbers).order_by("pk")
        items = [_Item(row) for row in rows.select_related("timepoint__subject__site", "timepoint__charter")]
        try:
            self.means = means_of(self.trial)
        except Held as held:
            self._hold([(item, held) for item in items])
            return
        items = self._identify(self._step(self._look, items))
        fault("identified.rows")
        while items:
            # The second of two copies waits until the first is in the archive, and is then known.
            first = {item.received.sop_uid_key: item for item in reversed(items)}
            now = [item for item in items if first[item.received.sop_uid_key] is item]
            self._archive(now)
            items = [item for item in items if first[item.received.sop_uid_key] is not item]

    def _step(self, work: Any, items: Iterable[_Item]) -> list[_Item]:
        """Do one step for each instance; return those that go on, and hold or postpone the others."""
        on, held = [], []
        for item in items:
            try:
                work(item)
                on.append(item)
            except Held as why:
                held.append((item, why))
            except confined.NotRead as why:
                if isinstance(why, confined.Killed) and self.at < item.received.received_at + BLAMED_AFTER:
                    # Perhaps the machine is in distress: only this instance waits for the next try.
                    self.failure = why
                else:
                    held.append((item, Held(HoldReason.OVER_BUDGET, why.message)))
            except vault.Damaged:
                held.append((item, Held(HoldReason.DAMAGED_AT_REST, _DAMAGED)))
            except _Early:
                self.early = True
            except DatabaseError:
                raise
            except (OSError, HouseError) as problem:
                # Only this instance waits for the next try; the others go on.
                self.failure = problem
            except Exception as problem:
                log.error("received instance %s could not be processed: %s", item.received.pk, type(problem).__name__)
                held.append((item, Held(HoldReason.CANNOT_DEIDENTIFY, _BROKEN)))
        self._hold(held)
        return on

    def _hold(self, held: Sequence[tuple[_Item, Held]]) -> None:
        asked = [(item.received, item.timepoint, why.asked) for item, why in held if why.asked and item.timepoint]
        masks = {why.mask.series: (item.received, item.timepoint, why.mask) for item, why in held if why.mask}
        with transaction.atomic():
            settled = masking.ask(masks.values(), at=self.at)
            self.early |= bool(settled)
            self._hold_all((item, why) for item, why in held if not (why.mask and why.mask.series in settled))
            looking.ask_for_looks(asked, at=self.at)

    def _hold_all(self, held: Iterable[tuple[_Item, Held]]) -> None:
        groups: dict[tuple[HoldReason, str, Timepoint | None], list[int]] = {}
        for item, why in held:
            # Whose image it is must stay known where consent was withdrawn.
            place = item.timepoint if why.reason == HoldReason.CONSENT_WITHDRAWN else None
            groups.setdefault((why.reason, why.message, place), []).append(item.received.pk)
        for (reason, sentence, place), numbers in groups.items():
            known = {"timepoint": place} if place else {}
            self._advance("hold", numbers, hold_reason=reason, hold_sentence=sentence, **known)

    def _advance(self, verb: str, numbers: Sequence[int], **changes: Any) -> None:
        rows = ReceivedInstance.objects.filter(pk__in=numbers)
        advance_batch(rows, verb, about=self.transfer, at=self.at, **changes)

    def _look(self, item: _Item) -> None:
        item.seen = look(item.received, self.means)
        received, seen = item.received, item.seen
        for name in _IDENTITY:
            setattr(received, name, seen[name])

    def _identify(self, items: Sequence[_Item]) -> list[_Item]:
        """Note what the headers say, unless another worker has brought an instance to its end meanwhile."""
        with transaction.atomic():
            rows = ReceivedInstance.objects.filter(pk__in=[item.received.pk for item in items])
            waiting = rows.filter(state=ReceivedState.RECEIVED).select_for_update().values_list("pk", flat=True)
            mine = set(waiting)
            on = [item for item in items if item.received.pk in mine]
            audit.change_batch(
                [item.received for item in on],
                _IDENTITY,
                action="receivedinstance.identified",
                about=self.transfer,
                of="sop_uid_key",
                at=self.at,
            )
            devices = {Device(item.received.modality, *item.seen["device"]) for item in on}
            note_devices(site=self.transfer.site, devices=devices, at=self.at)
        return on

    def _archive(self, items: Sequence[_Item]) -> None:
        cleaned: dict[int, Cleaned] = {}

        def clean(item: _Item) -> None:
            if item.received.pk not in cleaned:
                cleaned[item.received.pk] = self._clean(item)

        for _ in range(TRIES):
            fresh = self._step(clean, self._unknown(items))
            try:
                done = [cleaned[item.received.pk] for item in fresh]
                file_instances(done, transfer=self.transfer, means=self.means, at=self.at)
            except WithoutConsent as gone:
                items = self._put_back(items, cleaned, gone.timepoints)
                continue
            except IntegrityError as problem:
                # Another worker filed the same instance, study or series between our look and our write.
                self.failure = problem
                continue
            if isinstance(self.failure, IntegrityError):
                self.failure = None
            fault("archive.rows")
            return

    def _put_back(
        self, items: Sequence[_Item], cleaned: dict[int, Cleaned], without: Collection[int]
    ) -> Sequence[_Item]:
        """Hold what may not be filed, as consent was withdrawn meanwhile, and take away what was made of it."""
        theirs = [item for item in items if item.timepoint and item.timepoint.pk in without]
        made = [cleaned[item.received.pk].archive_key for item in theirs if item.received.pk in cleaned]
        storage.remove(storage.ARCHIVE, made)
        reason = HoldReason.CONSENT_WITHDRAWN
        self._hold([(i, Held(reason, sentence_about(i.timepoint.subject))) for i in theirs if i.timepoint])
        return [item for item in items if item not in theirs]

    def _unknown(self, items: Sequence[_Item]) -> list[_Item]:
        """Return the instances that the archive does not hold; other bytes under a known UID are held."""
        keyed = {item.received.sop_uid_key: item for item in items}
        filed = Instance.objects.filter(trial=self.trial, sop_instance_uid__in=keyed).select_related("received")
        earlier = {instance.sop_instance_uid: instance.received for instance in filed}
        known = []

        def compare(item: _Item) -> None:
            before = earlier[item.received.sop_uid_key]
            if before.pk == item.received.pk:
                return
            same = before.dataset_sha256 == item.received.dataset_sha256
            try:
                same = same or same_content(before, item.received, trial_code=self.trial.code)
            except originals.OriginalGone as gone:
                raise Held(HoldReason.UID_CONFLICT, _LEFT) from gone
            if not same:
                raise Held(HoldReason.UID_CONFLICT, _CONFLICT)
            known.append(item.received.pk)

        self._step(compare, [item for item in items if item.received.sop_uid_key in earlier])
        if known:
            self._advance("recognise", known)
        return [item for item in items if item.received.sop_uid_key not in earlier]

    def _clean(self, item: _Item) -> Cleaned:
        """De-identify one instance and write it to the archive; its rows follow, as a row without bytes is impossible.

        The key names the content, so that bytes which a crash left without a row, made under another recipe, are
        in nobody's way.
        """
        item.timepoint = timepoint = self._match(item)
        _refuse_scattered(item.received.study_uid_key, timepoint)
        face = self._face(item)
        if face.asked:
            raise Held(HoldReason.FACE_REVIEW, masking.SENTENCE, mask=face.asked)
        look = looking.decision_on(item.received)
        settled, looked = look.settled if look else None, face.looked_at(item.received)
        result, output = deidentify(item.received, self.means, timepoint, settled=settled, face=looked)
        subject = timepoint.subject
        name = f"{item.received.sop_uid_key}-{result['sha256'][:12]}.dcm"
        key = f"{self.trial.code}/{subject.first_code}/{timepoint.code}/{name}"
        fault("archive.before")
        sha256 = storage.put(storage.ARCHIVE, key, output)
        fault("archive.bytes")
        return Cleaned(
            received=item.received,
            timepoint=timepoint,
            seen=item.seen,
            archive_key=key,
            sha256=sha256,
            size=len(output),
            counters=result["counters"],
            actions=ActionList.of(result["actions"]),
            measured=result["facts"],
            look=look,
            face_review=face.review,
        )

    def _face(self, item: _Item) -> masking.Answer:
        """What becomes of the face in the series of an instance, where the recipe masks faces."""
        series, faces = item.received.series_uid_key, self.means.recipe.faces
        if not is_looked_at(item.seen["sop_class_uid"]):
            return masking.Answer()
        if series not in self._faces:
            if faces != "keep" and is_arriving(self.transfer, self.at):
                raise _Early
            self._faces[series] = masking.answer_for(item.received, faces=faces, trial_code=self.trial.code)
        return self._faces[series]

    def _match(self, item: _Item) -> Timepoint:
        chosen = item.received.timepoint
        asked = (item.claim, chosen.pk if chosen else None)
        if asked not in self._matched:
            try:
                self._matched[asked] = match(item.claim, self.transfer, self.trial, chosen)
            except Unmatched as unmatched:
                self._matched[asked] = unmatched
        answer = self._matched[asked]
        if isinstance(answer, Unmatched):
            item.timepoint = answer.place
            raise Held(answer.reason, answer.message)
        return answer


#: Fields of a received instance that its header gives.
_IDENTITY = ("dataset_sha256", "sop_uid_key", "series_uid_key", "study_uid_key", "modality")


def means_of(trial: Trial) -> Means:
    """Return what the charter in force and the keys give for de-identifying a trial's images.

    Raises
    ------
    Held
        Nothing may enter its archive: it is locked, or has no recipe or no key.
    """
    charter = trial.charter_in_force
    if trial.frozen_by():
        raise Held(HoldReason.TRIAL_LOCKED, f"Trial {trial.code} is locked; nothing is added to it any more.")
    if charter is None:
        raise Held(
            HoldReason.NO_RECIPE, f"Trial {trial.code} has no charter in force, so nothing may enter its archive."
        )
    try:
        terms = charter.terms.deidentification
        return Means(trial, terms, Recipe.parse(terms), keys.of_trial(trial.code))
    except (InvalidRecipe, keys.KeyMissing) as problem:
        raise Held(HoldReason.NO_RECIPE, problem.message) from problem


def _refuse_scattered(study_uid: str, timepoint: Timepoint) -> None:
    """A DICOM Study belongs to one timepoint."""
    study = ImagingStudy.objects.filter(trial=timepoint.trial, study_instance_uid=study_uid).first()
    if study is not None and study.timepoint_id != timepoint.pk:
        raise Held(HoldReason.TIMEPOINT_UNKNOWN, _SCATTERED)
