"""Trying a connection: we call a scanner, or it sends us a study that is looked at and thrown away.

A test study comes in as any other and lies in the spool apart from the deliveries. A job reads each header in a child
process, counts, and removes the file; a file that nobody managed to look at in an hour goes unlooked at. One that the
site's qualification waits for is judged first (`imaging.services.qualifying`), when it is whole.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydicom.uid import UID

from compliance import access, audit, confined, jobs
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.models import User
from imaging.models import ConnectionTest
from imaging.services import calling, qualifying, spool
from imaging.services.calling import Unreachable
from imaging.services.qualifying import LOOK
from imaging.services.spool import Entry
from trials.models import ApplicationEntity, Site

Kind = ConnectionTest.Kind
#: Kind of the job that calls a scanner.
ECHO = "imaging.echo"
#: A scanner is called so often at most; a site's in all so many times an hour.
PAUSE, CALLS_PER_HOUR = dt.timedelta(seconds=10), 60
#: What was not looked at by then is removed all the same.
PATIENCE = dt.timedelta(hours=1)
#: A test study that has been silent for so long is over; what was never acknowledged of it is removed.
SILENCE = dt.timedelta(minutes=5)
#: Instances counted in one transaction, and kinds of them that are told apart.
_BATCH, _KINDS = 64, 24
_DAMAGED = "The file changed on our disk after it was received. Tell those who run the installation."
_BROKEN = "The file cannot be read for a reason that nobody foresaw. Tell those who run the installation."


class TooSoon(HouseError):
    """The scanner, or the site's scanners in all, were called too often."""

    code = "too_soon"
    status = 429


# --- our call -------------------------------------------------------------------------------------------------


def ask_for_echo(*, entity: ApplicationEntity, actor: User, at: dt.datetime) -> ConnectionTest:
    """Have a scanner or archive called by a worker.

    Raises
    ------
    calling.Unreachable
        Its record does not say where it listens.
    TooSoon
    """
    access.require(actor, "imaging.test_connection", entity)
    if not entity.host or not entity.port:
        raise Unreachable(
            f"{entity.title} was not called, because its record does not say where it listens. Enter its host and port."
        )
    with transaction.atomic():
        # One after the other: each sees the calls before it.
        Site.objects.select_for_update().get(pk=entity.site_id)
        _refuse_too_soon(entity, at)
        test = ConnectionTest(
            entity=entity, kind=Kind.ECHO, asked_by=actor, began_at=at, encrypted=bool(entity.certificate)
        )
        audit.save(test, action="connectiontest.asked", actor=actor, at=at)
        jobs.enqueue(ECHO, str(test.pk), at=at, test_id=test.pk)
    return test


def _refuse_too_soon(entity: ApplicationEntity, at: dt.datetime) -> None:
    calls = ConnectionTest.objects.filter(kind=Kind.ECHO, began_at__gt=at - dt.timedelta(hours=1))
    if calls.filter(entity=entity, began_at__gt=at - PAUSE).exists():
        raise TooSoon(f"{entity.title} was called a moment ago. Wait {PAUSE.seconds} seconds, then call again.")
    if calls.filter(entity__site=entity.site_id).count() >= CALLS_PER_HOUR:
        raise TooSoon(f"The site's scanners were called {CALLS_PER_HOUR} times in this hour. Call again later.")


@jobs.handler(ECHO)
def echo(*, test_id: int, at: dt.datetime) -> None:
    """Call a scanner or archive, and note what came of it."""
    test = ConnectionTest.objects.select_related("entity__site").get(pk=test_id)
    if test.ended_at is not None:
        return
    began = time.monotonic()
    try:
        calling.echo(test.entity)
        how = "over TLS, with the certificate of its record" if test.encrypted else "without encryption"
        test.passed, test.sentence = True, f"{test.entity} answered our echo, {how}."
    except Unreachable as why:
        test.passed, test.sentence = False, why.message
    test.elapsed_ms = round((time.monotonic() - began) * 1000)
    test.ended_at = at + dt.timedelta(milliseconds=test.elapsed_ms)
    audit.save(test, action="connectiontest.called", actor=None, at=test.ended_at)


# --- a test study ---------------------------------------------------------------------------------------------


def take_up(*, at: dt.datetime) -> None:
    """Have each test study in the spool looked at, and clear away what is left of those that are over."""
    for folder in spool.tests():
        try:
            waiting = spool.entries(folder)
            for entry in waiting:
                if entry.received_at < at - PATIENCE:
                    entry.path.unlink(missing_ok=True)
            if waiting:
                jobs.enqueue(LOOK, folder.name, at=at, folder=folder.name)
            else:
                spool.tidy(folder, before=at - SILENCE)
        except FileNotFoundError:
            # Another worker cleared it away.
            continue


@jobs.handler(LOOK)
def look(*, folder: str, at: dt.datetime) -> None:
    """Look at what has come of a test study, count it, and remove it when it is judged or needs no judgement."""
    path = spool.root() / folder
    test = _test_of(path)
    judged = qualifying.is_for_qualification(path, at)
    for batch in _batches(path):
        if test is not None:
            _count(test, batch)
        fault("tested.counted")
        for entry in batch if not judged else ():
            entry.path.unlink(missing_ok=True)
    if judged:
        qualifying.judge(path, at=at)


def _batches(folder: Path) -> Iterator[list[Entry]]:
    waiting = iter(spool.entries(folder) if folder.is_dir() else ())
    while batch := list(islice(waiting, _BATCH)):
        yield batch


def _test_of(folder: Path) -> ConnectionTest | None:
    """The record of a test study, new if this is the first look; None if its sender is not known any more."""
    try:
        origin = spool.origin_of(folder)
    except ValueError:
        return None
    known = ConnectionTest.objects.select_related("entity__site__trial").filter(delivery=origin.delivery).first()
    if known is not None:
        return known
    entity = ApplicationEntity.objects.select_related("site__trial").filter(title=origin.sender, site=origin.site_id)
    if (found := entity.first()) is None:
        return None
    return ConnectionTest(
        entity=found, kind=Kind.STUDY, delivery=origin.delivery, encrypted=origin.encrypted, began_at=timezone.now()
    )


def _count(test: ConnectionTest, batch: Sequence[Entry]) -> None:
    """Add instances to what was found in a test study."""
    fresh = [one for one in batch if test.looked_until is None or one.spool_id.int > test.looked_until.int]
    if not fresh:
        return
    charter = test.entity.site.trial.charter_in_force
    wanted = set(charter.terms.modalities) if charter else set()
    for entry in fresh:
        _add(test.found, *_kind_of(entry, wanted), entry.size)
    if test._state.adding:
        test.began_at = fresh[0].received_at
    test.ended_at = max(fresh[-1].received_at, _written_at(fresh[-1]))
    test.images, test.size = test.images + len(fresh), test.size + sum(one.size for one in fresh)
    test.elapsed_ms = max(round((test.ended_at - test.began_at).total_seconds() * 1000), 1)
    test.looked_until = fresh[-1].spool_id
    problems = sum(row["images"] for row in test.found if row["problem"])
    test.passed = not problems
    test.sentence = (
        "All of them can be read and are of a modality of the charter."
        if test.passed
        else f"{problems} of {test.images} would be held or refused."
    )
    audit.save(test, action="connectiontest.looked_at", actor=None, at=test.ended_at)


def _written_at(entry: Entry) -> dt.datetime:
    """When the last byte of an instance was written."""
    return dt.datetime.fromtimestamp(entry.path.stat().st_mtime, dt.UTC)


def _kind_of(entry: Entry, wanted: set[str]) -> tuple[str, str, str]:
    """Modality, transfer syntax in words, and what would stop the instance, if anything would."""
    try:
        if not entry.is_whole():
            return "", "", _DAMAGED
        modality, syntax = confined.call("imaging.dicom.unpacking:kind", str(entry.path))
    except HouseError as why:
        return "", "", why.message
    except (OSError, confined.Failed):
        return "", "", _BROKEN
    problem = ""
    if wanted and modality not in wanted:
        problem = f"The charter asks for {', '.join(sorted(wanted))}. Choose a series of such a modality."
    return modality, UID(syntax).name, problem


def _add(found: list[dict[str, Any]], modality: str, syntax: str, problem: str, size: int) -> None:
    key = {"modality": modality, "syntax": syntax, "problem": problem}
    if len(found) >= _KINDS and not any(key.items() <= row.items() for row in found):
        key = {"modality": "", "syntax": "", "problem": "Of further kinds, which were only counted."}
    for row in found:
        if key.items() <= row.items():
            row["images"] += 1
            row["size"] += size
            return
    found.append({**key, "images": 1, "size": size})
