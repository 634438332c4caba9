"""Quality control: a person decides on findings, marks series for reading, and clears or fails a timepoint."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from imaging import signals
from imaging.models import Finding, QcReview, Series
from imaging.quality import Severity
from imaging.states import ReviewState, Verdict
from trials.models import Timepoint
from trials.services import querying

_VERBS = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.WAIVE: "waive"}


class FindingOpen(HouseError):
    """A blocking finding is neither passed nor waived."""

    code = "finding_open"
    status = 409


class NothingToRead(HouseError):
    """No series is marked for reading."""

    code = "nothing_to_read"
    status = 409


class ReviewDecided(HouseError):
    """The round is over."""

    code = "review_decided"
    status = 409


def _require_open(review: QcReview) -> None:
    if review.state != ReviewState.OPEN:
        raise ReviewDecided("This round of QC is over. Open the timepoint's page for the latest one.")


def decide_finding(*, finding: Finding, verdict: Verdict, reason: str, actor: User, at: dt.datetime) -> Finding:
    """Pass, fail or waive a finding; failing and waiving need a reason."""
    _require_open(finding.review)
    if finding.verdict == verdict:
        return finding
    return advance(
        finding,
        _VERBS[verdict],
        field="verdict",
        actor=actor,
        at=at,
        reason=reason,
        verdict_reason=reason,
        verdict_by=actor,
    )


def mark_for_reading(*, series: Series, for_reading: bool, actor: User, at: dt.datetime) -> Series:
    """Say whether readers are shown a series; only while its timepoint's QC is open."""
    access.require(actor, "imaging.review", series)
    timepoint = series.imaging_study.timepoint
    if not QcReview.objects.filter(timepoint=timepoint, state=ReviewState.OPEN).exists():
        raise ReviewDecided("The timepoint's QC is decided, so its series are no longer marked.")
    series.for_reading = for_reading
    return audit.save(series, action="series.marked", actor=actor, at=at)


def clear_timepoint(
    *, review: QcReview, signature: Intent, actor: User, at: dt.datetime, comment: str = ""
) -> QcReview:
    """Clear a timepoint for reading, signed; rooms above hear of it when it is committed.

    Raises
    ------
    FindingOpen
        A blocking finding is pending or failed.
    NothingToRead
        No series is marked for reading.
    trials.services.querying.QueriesOpen
        The charter lets clearance wait for the timepoint's queries.
    """
    _require_open(review)
    querying.require_closed(review.timepoint, step="clearance")
    blocking = review.findings.filter(severity=Severity.BLOCK, verdict__in=(Verdict.PENDING, Verdict.FAIL))
    if count := blocking.count():
        raise FindingOpen(
            f"{count} blocking finding{'s are' if count > 1 else ' is'} neither passed nor waived. "
            "Decide on each, or send the timepoint back to its site."
        )
    if not Series.objects.filter(imaging_study__timepoint=review.timepoint, for_reading=True).exists():
        raise NothingToRead("No series is marked for reading. Mark at least one, or send the timepoint back.")
    with transaction.atomic():
        advance(
            review, "clear", actor=actor, at=at, signature=signature, decided_at=at, decided_by=actor, comment=comment
        )
        timepoint = Timepoint.objects.select_related("subject__trial", "subject__site", "charter").get(
            pk=review.timepoint_id
        )
        advance(
            timepoint,
            "clear",
            field="qc_state",
            actor=actor,
            at=at,
            signature=Intent(signature.password, signature.meaning),
        )
        signals.timepoint_cleared.send(sender=Timepoint, timepoint=timepoint, at=at)
    return review


def fail_timepoint(
    *,
    review: QcReview,
    reason: str,
    query_title: str,
    query_text: str,
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> QcReview:
    """Send a timepoint back to its site, signed, with a query that says what to do."""
    _require_open(review)
    with transaction.atomic():
        advance(
            review,
            "fail",
            actor=actor,
            at=at,
            reason=reason,
            signature=signature,
            decided_at=at,
            decided_by=actor,
            comment=reason,
        )
        timepoint = Timepoint.objects.select_related("subject__trial", "subject__site", "charter").get(
            pk=review.timepoint_id
        )
        advance(
            timepoint,
            "fail",
            field="qc_state",
            actor=actor,
            at=at,
            reason=reason,
            signature=Intent(signature.password, signature.meaning),
        )
        querying.raise_query(about=timepoint, title=query_title, text=query_text, actor=actor, at=at)
    return review
