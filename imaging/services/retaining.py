"""Letting originals go by the rule of the trial's charter.

First the trail says which originals leave, and by which rule; then their bytes are taken away; then the trail says that
they are gone. Killed anywhere, the next sweep goes on there. An original leaves only when what was made of it lies in
the archive with the digest that it was written with.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery

from compliance import storage
from compliance.faults import fault
from compliance.transitions import advance_batch
from imaging.models import Instance, QcReview, ReceivedInstance, Transfer
from imaging.states import OriginalState, ReceivedState, ReviewState
from trials.models import ImagingCharter, Query, Timepoint, Trial
from trials.retention import Leave, Retention
from trials.states import QcState, QueryState

log = logging.getLogger(__name__)

#: Originals that leave in one step, and in one sweep, so that no worker is away for long.
BATCH, AT_ONCE = 200, 10_000

_WAITING = (ReceivedState.RECEIVED, ReceivedState.HELD)


def sweep(*, at: dt.datetime) -> int:
    """Let go what may leave, and return how many originals are gone.

    Raises
    ------
    OSError, StoreUnavailable
        A store does not do what it is asked; the next sweep goes on.
    """
    gone = take_away(at)
    for trial in Trial.objects.order_by("pk"):
        charter = trial.charter_in_force
        if charter is not None and charter.terms.retention.leave is not Leave.KEPT:
            gone += _let_go(charter, AT_ONCE - gone, at)
    return gone


def _let_go(charter: ImagingCharter, most: int, at: dt.datetime) -> int:
    """Let originals of one trial go, step by step; one whose image is not safe stays, and holds up no other."""
    due = _due(charter.trial, charter.terms.retention, at)
    why = f"charter version {charter.version}: originals {charter.terms.retention.words}"
    gone = last = 0
    while gone < most and (step := list(due.filter(pk__gt=last).order_by("pk")[: min(BATCH, most - gone)])):
        last = step[-1].pk
        safe = _safe(step, charter.trial)
        for transfer_id, members in groupby(sorted(safe, key=_delivery), key=_delivery):
            # Asked again in the step's transaction, as somebody may have asked the site about it meanwhile.
            leaving = due.filter(pk__in=[row.pk for row in members])
            transfer = Transfer.objects.get(pk=transfer_id)
            advance_batch(leaving, "leave", field="original_state", about=transfer, reason=why, at=at)
        fault("originals.leaving")
        gone += take_away(at)
    return gone


def _delivery(row: ReceivedInstance) -> int:
    return row.transfer_id


def _due(trial: Trial, rule: Retention, at: dt.datetime) -> QuerySet[ReceivedInstance]:
    """Originals of a trial that leave by its rule now, if their images are safe: of archived images and their copies.

    While something of a timepoint waits, or the site is asked about it, all its originals stay; so does what another
    image that waits may be the same as.
    """
    received = ReceivedInstance.objects.filter(transfer__site__trial=trial)
    if rule.leave is Leave.AT_LOCK and trial.locked_at is None:
        return received.none()
    asked = Query.objects.exclude(state=QueryState.CLOSED)
    waiting = ReceivedInstance.objects.filter(state__in=_WAITING)
    at_rest = Timepoint.objects.filter(
        ~Exists(asked.filter(timepoint=OuterRef("pk"))),
        ~Exists(waiting.filter(timepoint=OuterRef("pk"))),
        subject__trial=trial,
    )
    if rule.leave is Leave.AFTER_DAYS:
        rounds = QcReview.objects.filter(timepoint=OuterRef("pk"), state=ReviewState.CLEARED).order_by("-round")
        at_rest = at_rest.alias(cleared_at=Subquery(rounds.values("decided_at")[:1])).filter(
            qc_state=QcState.CLEARED, cleared_at__lte=at - dt.timedelta(days=rule.days)
        )
    archived = Instance.objects.filter(trial=trial, series__imaging_study__timepoint__in=at_rest.values("pk"))
    return received.filter(
        Exists(archived.filter(sop_instance_uid=OuterRef("sop_uid_key"))),
        ~Exists(waiting.filter(transfer__site__trial=trial, sop_uid_key=OuterRef("sop_uid_key"))),
        state__in=(ReceivedState.ARCHIVED, ReceivedState.DUPLICATE),
        original_state=OriginalState.KEPT,
    )


def _safe(rows: Iterable[ReceivedInstance], trial: Trial) -> list[ReceivedInstance]:
    """Return those of some originals whose images lie in the archive as they were written."""
    wanted = {row.sop_uid_key for row in rows}
    made = Instance.objects.filter(trial=trial, sop_instance_uid__in=wanted)
    whole = {instance.sop_instance_uid for instance in made if _is_whole(instance)}
    return [row for row in rows if row.sop_uid_key in whole]


def _is_whole(instance: Instance) -> bool:
    try:
        with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path, open(path, "rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == instance.sha256
    except OSError:
        whole = False
    if not whole:
        log.error("instance %s does not lie in the archive as it was written; its original stays", instance.pk)
    return whole


def take_away(at: dt.datetime) -> int:
    """Take away the bytes of all originals that leave, then say that they are gone; return how many."""
    gone = 0
    leaving = ReceivedInstance.objects.filter(original_state=OriginalState.LEAVING)
    for transfer in Transfer.objects.filter(pk__in=leaving.values("transfer")).order_by("pk"):
        rows = list(leaving.filter(transfer=transfer).order_by("pk"))
        storage.remove(storage.QUARANTINE, _keys(rows))
        fault("originals.bytes")
        mine = leaving.filter(pk__in=[row.pk for row in rows])
        gone += len(advance_batch(mine, "left", field="original_state", about=transfer, original_left_at=at, at=at))
        fault("originals.gone")
    return gone


def _keys(rows: Iterable[ReceivedInstance]) -> Iterator[str]:
    for row in rows:
        yield row.quarantine_key
        fault("originals.one")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the charter in force says of some originals, and what became of them."""

    rule: str
    here: int
    gone: int
    last_left_at: dt.datetime | None


def standing_of_transfer(transfer: Transfer) -> Standing:
    """Tell how many originals of a delivery are here, and how many have left."""
    return _standing(transfer.instances.all(), transfer.site.trial)


def standing_of_trial(trial: Trial) -> Standing:
    """Tell how many originals of a trial are here, and how many have left."""
    return _standing(ReceivedInstance.objects.filter(transfer__site__trial=trial), trial)


def _standing(rows: QuerySet[ReceivedInstance], trial: Trial) -> Standing:
    charter = trial.charter_in_force
    rule = f"Originals {charter.terms.retention.words} (charter version {charter.version})" if charter else ""
    left = Q(original_state=OriginalState.GONE)
    counted = rows.aggregate(
        here=Count("pk", filter=~left), gone=Count("pk", filter=left), last=Max("original_left_at")
    )
    return Standing(
        rule or "Originals are kept: no charter is in force", counted["here"], counted["gone"], counted["last"]
    )
