"""Questions about reads as they were signed: which versions there are, and whether each is still what was signed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from compliance import signing
from compliance.models import Signature, User
from reading.derivation import stands_alone
from reading.models import ReadTask, SignedVersion
from reading.selectors import SIGNED
from trials.models import Role, Subject, Timepoint
from trials.selectors import trials_of


@dataclass(frozen=True, slots=True)
class SignedRead:
    """A read as it was signed once: its content, the digest of it taken now, and the signature that names this digest.

    `signature` is None where no signature on the read names the digest: then the content is not what was signed.
    `stands` tells the version that counts from those that a re-opening has set aside.
    """

    task: ReadTask
    number: int
    content: Mapping[str, Any]
    sha256: str
    signature: Signature | None
    signed_at: dt.datetime
    stands: bool


def reads_replayed_by(user: User) -> QuerySet[ReadTask]:
    """Reads that were ever signed, of the trials that the person audits."""
    return ever_signed(ReadTask.kept.filter(timepoint__subject__trial__in=trials_of(user, Role.AUDITOR)))


def subjects_audited_by(user: User) -> QuerySet[Subject]:
    """Subjects of the trials that the person audits."""
    seen = Subject.objects.filter(trial__in=trials_of(user, Role.AUDITOR))
    return seen.select_related("trial", "site")


def timepoints_audited_by(user: User) -> QuerySet[Timepoint]:
    """Timepoints of the trials that the person audits."""
    seen = Timepoint.objects.filter(subject__trial__in=trials_of(user, Role.AUDITOR))
    return seen.select_related("subject__trial", "subject__site", "charter")


def ever_signed(tasks: QuerySet[ReadTask]) -> QuerySet[ReadTask]:
    """Of some reads, those that were signed, be it that they were opened again."""
    kept = Exists(SignedVersion.objects.filter(task=OuterRef("pk")))
    found = tasks.filter(Q(state__in=SIGNED) | kept)
    return found.select_related("timepoint__subject__trial", "timepoint__subject__site", "charter", "reader")


def signed_reads(task: ReadTask) -> tuple[SignedRead, ...]:
    """Return every version of a read that was signed, in the order of signing."""
    signatures = {one.content_sha256: one for one in signing.signatures_on(task)}

    def signed(number: int, content: Mapping[str, Any], at: dt.datetime, stands: bool) -> SignedRead:
        sha256 = signing.digest(content)
        return SignedRead(task, number, content, sha256, signatures.get(sha256), at, stands)

    kept = task.signed_versions.order_by("number")
    found = [signed(one.number, one.content, one.signed_at, False) for one in kept]
    if task.state in SIGNED:
        assert task.submitted_at is not None
        found.append(signed(len(found) + 1, task.signed_content(), task.submitted_at, True))
    return tuple(found)


def reads_shown_with(task: ReadTask) -> QuerySet[ReadTask]:
    """The same reader's earlier reads of the subject, which were signed when this one was made, in order."""
    before = ReadTask.kept.filter(
        timepoint__subject=task.timepoint.subject_id, reader=task.reader_id, slot=task.slot, order__lt=task.order
    )
    if stands_alone(task.charter):
        before = before.none()
    return ever_signed(before).order_by("order")
