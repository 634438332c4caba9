"""Erasing what came of a subject whose consent was withdrawn, where the charter says so.

As in `imaging.services.retaining`: first the trail says what leaves, then the bytes are taken away, then the trail says
that they are gone. The job may be killed and repeated anywhere.
"""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from compliance import jobs, storage
from compliance.faults import fault
from compliance.transitions import advance_batch
from imaging.models import Fingerprint, Instance, ReceivedInstance, Transfer
from imaging.services import copying, retaining
from imaging.states import OriginalState, ReceivedState
from trials.impact import Consequence
from trials.models import Subject
from trials.signals import images_to_be_erased

ERASE = "imaging.erase_subject"
_WHY = "consent was withdrawn, and by the charter images are erased"


def weigh(subject: Subject, rule: str) -> list[Consequence]:
    """Return what a rule on withdrawn consent does to a subject's images; nothing is written."""
    pending = of_subject(subject).filter(state__in=(ReceivedState.RECEIVED, ReceivedState.HELD)).count()
    archived = _of(subject).filter(stored_state=OriginalState.KEPT)
    if rule != "erase":
        return [
            Consequence("Images stay in the archive", archived.count()),
            Consequence("Images in quarantine are not taken up", pending),
        ]
    leaving = _erasable(subject).count()
    originals = of_subject(subject).filter(original_state=OriginalState.KEPT).count()
    return [
        Consequence("Images are erased from the archive", leaving),
        Consequence("Images stay in the archive, as a signed read rests on them", archived.count() - leaving),
        Consequence("Originals are erased from quarantine", originals),
        Consequence("Images in quarantine are not taken up", pending),
    ]


def of_subject(subject: Subject) -> QuerySet[ReceivedInstance]:
    """What came of a subject as far as that is known: placed at a timepoint of it, or another copy of its images."""
    archived = Instance.objects.filter(
        series__imaging_study__timepoint__subject=subject, sop_instance_uid=OuterRef("sop_uid_key")
    )
    return ReceivedInstance.objects.filter(
        Q(timepoint__subject=subject) | Exists(archived), transfer__site__trial=subject.trial_id
    )


def begin(*, subject: Subject, at: dt.datetime) -> None:
    """Let go of what waits in quarantine, and have the rest erased."""
    for transfer in Transfer.objects.filter(pk__in=of_subject(subject).values("transfer")).order_by("pk"):
        mine = ReceivedInstance.objects.filter(pk__in=of_subject(subject).filter(transfer=transfer).values("pk"))
        advance_batch(mine, "let_go", about=transfer, reason=_WHY, at=at)
    jobs.enqueue(ERASE, str(subject.pk), at=at, subject_id=subject.pk)


@jobs.handler(ERASE)
def erase(*, subject_id: int, at: dt.datetime) -> None:
    """Erase a subject's originals, and its images in the archive but for those that a signed read rests on."""
    subject = Subject.objects.get(pk=subject_id)
    _take_from_archive(subject, at)
    over = of_subject(subject).exclude(state__in=(ReceivedState.RECEIVED, ReceivedState.HELD))
    due = list(over.filter(original_state=OriginalState.KEPT).order_by("transfer", "pk").values_list("transfer", "pk"))
    for transfer_id, members in groupby(due, key=lambda row: row[0]):
        rows = ReceivedInstance.objects.filter(pk__in=[pk for _, pk in members])
        transfer = Transfer.objects.get(pk=transfer_id)
        advance_batch(rows, "leave", field="original_state", about=transfer, reason=_WHY, at=at)
    fault("erased.leaving")
    retaining.take_away(at)


def sweep(*, at: dt.datetime) -> None:
    """Erase what came later of such subjects, and was set aside since."""
    since = ReceivedInstance.objects.filter(
        timepoint__subject__images_rule="erase", state=ReceivedState.DISCARDED, original_state=OriginalState.KEPT
    )
    for subject_id in since.order_by().values_list("timepoint__subject", flat=True).distinct():
        erase(subject_id=subject_id, at=at)


def _take_from_archive(subject: Subject, at: dt.datetime) -> None:
    numbers = list(_erasable(subject).values_list("pk", flat=True))
    for start in range(0, len(numbers), retaining.BATCH):
        step = Instance.objects.filter(pk__in=numbers[start : start + retaining.BATCH])
        advance_batch(step, "leave", field="stored_state", about=subject, reason=_WHY, at=at)
    fault("erased.said")
    leaving = _of(subject).filter(stored_state=OriginalState.LEAVING)
    storage.remove(storage.ARCHIVE, list(leaving.values_list("archive_key", flat=True)))
    copying.remove(list(leaving))
    fault("erased.bytes")
    Fingerprint.objects.filter(series__in=leaving.values("series")).delete()
    advance_batch(leaving, "left", field="stored_state", about=subject, reason=_WHY, at=at)


def _of(subject: Subject) -> QuerySet[Instance]:
    return Instance.objects.filter(series__imaging_study__timepoint__subject=subject)


def _erasable(subject: Subject) -> QuerySet[Instance]:
    answers: Any = images_to_be_erased.send(sender=Subject, subject=subject)
    bound = {timepoint for _, keys in answers for timepoint in keys}
    kept = _of(subject).filter(stored_state=OriginalState.KEPT)
    return kept.exclude(series__imaging_study__timepoint__in=bound)
