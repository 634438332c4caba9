"""Storage commitment: a sender asks whether its images are safe, and is told after the files were hashed again.

The question is durable before it is taken, without the database. The answer waits until everything that the site
had sent by then has been read, so that nothing is called missing that is only not known yet.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from compliance import audit, jobs, keys, storage, vault
from compliance.errors import HouseError
from compliance.transitions import advance
from imaging.deid.keys import SubjectKeys
from imaging.dicom import commitments
from imaging.dicom.commitments import CLASS_CONFLICT, NO_SUCH_INSTANCE, PROCESSING_FAILURE, Reference, Request
from imaging.dicom.prefix import ENOUGH, Names, read_names
from imaging.models import Commitment, ReceivedInstance
from imaging.services import calling, originals, questions, spool
from imaging.services.spool import Origin
from imaging.states import CommitmentState, OriginalState, ReceivedState
from trials.models import ApplicationEntity, Site

log = logging.getLogger(__name__)

#: Kind of the job that answers one question.
ANSWER = "imaging.answer_commitment"
#: Pause before each further try to reach the sender; the last one again and again.
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 360))
#: A sender that could not be told in so long is given up.
GIVE_UP = dt.timedelta(days=3)
#: Pause before the next look whether everything has been read, and how long that may take. What has not been read
#: by then could not be processed.
LOOK_AGAIN, PATIENCE = dt.timedelta(seconds=5), dt.timedelta(hours=1)
#: Keys looked for in one question to the database.
_BATCH = 500


class _NotReadYet(Exception):
    """Something that the site had sent when it asked has not been read."""


def ask(request: Request, *, origin: Origin, at: dt.datetime) -> None:
    """Make a sender's question durable; only when this returns may it hear that it will be answered.

    Raises
    ------
    OSError
        The disk did not take it.
    """
    questions.keep(origin, {"transaction": request.transaction_uid, "references": request.references}, at=at)


def take_up(*, at: dt.datetime) -> int:
    """Give each question that lies in the spool its row and its job; return how many were new."""
    found = {questions.id_of(path): path for folder in spool.deliveries() for path in questions.waiting(folder)}
    known = dict(Commitment.objects.filter(spool_id__in=found).values_list("spool_id", "state"))
    new = 0
    for spool_id, path in found.items():
        if spool_id not in known:
            new += _take_up(spool_id, path, at)
        elif known[spool_id] != CommitmentState.WAITING:
            path.unlink(missing_ok=True)
    return new


def _take_up(spool_id: uuid.UUID, path: Path, at: dt.datetime) -> bool:
    origin = spool.origin_of(path.parent)
    entity = ApplicationEntity.objects.filter(title=origin.sender, site=origin.site_id).first()
    if entity is None:
        log.error("a storage commitment of a scanner that is no longer known is dropped")
        path.unlink(missing_ok=True)
        return False
    commitment = Commitment(
        spool_id=spool_id, entity=entity, asked_at=spool.time_of(spool_id), count=len(_question(path)["references"])
    )
    try:
        with transaction.atomic():
            audit.save(commitment, action="commitment.asked", actor=None, at=at)
            _enqueue(commitment, path, at)
    except IntegrityError:
        # Another worker was faster.
        return False
    return True


def _enqueue(commitment: Commitment, path: Path, at: dt.datetime, pause: dt.timedelta = dt.timedelta(0)) -> None:
    jobs.enqueue(
        ANSWER, commitment.spool_id.hex, at=at, delay=pause, commitment_id=commitment.pk, folder=path.parent.name
    )


def _question(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known


@jobs.handler(ANSWER)
def answer(*, commitment_id: int, folder: str, at: dt.datetime) -> None:
    """Hash what was asked about and tell the sender; what does not succeed now is tried again later."""
    commitment = Commitment.objects.select_related("entity__site__trial").get(pk=commitment_id)
    path = questions.path_of(folder, commitment.spool_id)
    if commitment.state == CommitmentState.WAITING:
        question = _question(path)
        references = [Reference(*one) for one in question["references"]]
        try:
            verdicts = _judge(commitment, references, at)
            committed = [one for one, reason in verdicts if not reason]
            failed = [(one, reason) for one, reason in verdicts if reason]
            calling.report(commitment.entity, *commitments.report(question["transaction"], committed, failed))
        except _NotReadYet:
            _enqueue(commitment, path, at, LOOK_AGAIN)
            return
        except HouseError as problem:
            if not _postpone(commitment, path, problem.message, at):
                return
        else:
            told: dict[str, Any] = {"committed": len(committed), "failed": len(failed), "problem": ""}
            advance(commitment, "report", actor=None, at=at, closed_at=at, **told)
    path.unlink(missing_ok=True)


def _postpone(commitment: Commitment, path: Path, problem: str, at: dt.datetime) -> bool:
    """Note what failed, and try again later; tell whether that makes no sense any more."""
    if at - commitment.asked_at >= GIVE_UP:
        advance(commitment, "give_up", actor=None, at=at, problem=problem[:200], closed_at=at)
        return True
    pause = PAUSES[min(commitment.tries, len(PAUSES) - 1)]
    commitment.tries += 1
    commitment.problem = problem[:200]
    with transaction.atomic():
        audit.save(commitment, action="commitment.postponed", actor=None, at=at)
        _enqueue(commitment, path, at, pause)
    return False


def _judge(commitment: Commitment, references: Sequence[Reference], at: dt.datetime) -> list[tuple[Reference, int]]:
    """Return each reference with its failure reason, 0 where the image is safe here."""
    site = commitment.entity.site
    pseudonym = SubjectKeys(keys.of_trial(site.trial.code), "-").uid
    received = _received(site, [pseudonym(one.sop_instance_uid) for one in references])
    verdicts = {one: _verdict(one, received.get(pseudonym(one.sop_instance_uid), ())) for one in references}
    missing = {one.sop_instance_uid for one, reason in verdicts.items() if reason == NO_SUCH_INSTANCE}
    if missing:
        unread = _is_unread(site, commitment.asked_at)
        if unread and at - commitment.asked_at < PATIENCE:
            raise _NotReadYet
        nameless = _nameless(site, commitment.asked_at, missing)
        for one, reason in verdicts.items():
            if reason == NO_SUCH_INSTANCE:
                rows = nameless.get(one.sop_instance_uid, ())
                verdicts[one] = _verdict(one, rows, otherwise=PROCESSING_FAILURE if unread else NO_SUCH_INSTANCE)
    return [(one, verdicts[one]) for one in references]


def _of(site: Site) -> Any:
    """Rows of what the site sent, through any door; what somebody set aside, or has left, is not kept."""
    rows = ReceivedInstance.objects.filter(transfer__site=site, original_state=OriginalState.KEPT).select_related(
        "transfer__site__trial"
    )
    return rows.exclude(state=ReceivedState.DISCARDED)


def _received(site: Site, wanted: Sequence[str]) -> dict[str, list[ReceivedInstance]]:
    found: dict[str, list[ReceivedInstance]] = {}
    for start in range(0, len(wanted), _BATCH):
        for row in _of(site).filter(sop_uid_key__in=wanted[start : start + _BATCH]):
            found.setdefault(row.sop_uid_key, []).append(row)
    return found


def _is_unread(site: Site, until: dt.datetime) -> bool:
    """Tell whether something that came from the site until then lies unindexed, or without a name yet."""
    waiting = _of(site).filter(state=ReceivedState.RECEIVED, sop_uid_key="", received_at__lte=until)
    return waiting.exists() or any(entry.received_at <= until for entry in _in_the_spool(site))


def _in_the_spool(site: Site) -> Iterator[spool.Entry]:
    for folder in spool.deliveries():
        try:
            if spool.origin_of(folder).site_id == site.pk:
                yield from spool.entries(folder)
        except (ValueError, FileNotFoundError):
            continue


def _nameless(site: Site, until: dt.datetime, wanted: set[str]) -> dict[str, list[ReceivedInstance]]:
    """What is held without having been read, by the name that its first bytes give, as far as it is wanted."""
    found: dict[str, list[ReceivedInstance]] = {}
    for row in _of(site).filter(state=ReceivedState.HELD, sop_uid_key="", received_at__lte=until):
        names = _names(row)
        if names is not None and names.sop_instance_uid in wanted:
            found.setdefault(names.sop_instance_uid, []).append(row)
    return found


def _names(row: ReceivedInstance) -> Names | None:
    try:
        with _original(row) as path, open(path, "rb") as file:
            return read_names(file.read(ENOUGH))
    except (storage.StoreUnavailable, keys.KeyMissing):
        raise
    except (HouseError, FileNotFoundError):
        return None


def _verdict(one: Reference, rows: Iterable[ReceivedInstance], *, otherwise: int = NO_SUCH_INSTANCE) -> int:
    """Return 0 if a file of these rows is the instance and is whole, else the failure reason."""
    reason = otherwise
    for row in rows:
        names = _names(row)
        if names is None or not _is_whole(row):
            reason = PROCESSING_FAILURE
        elif names.sop_class_uid != one.sop_class_uid:
            reason = CLASS_CONFLICT
        else:
            return 0
    return reason


def _is_whole(row: ReceivedInstance) -> bool:
    """Tell whether the stored bytes are those that were received."""
    try:
        with _original(row) as path, open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == row.file_sha256
    except (FileNotFoundError, vault.Damaged):
        return False


def _original(row: ReceivedInstance) -> AbstractContextManager[Path]:
    return originals.on_disk(row, trial_code=row.transfer.site.trial.code)
