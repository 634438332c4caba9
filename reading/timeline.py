"""A subject's road from the raw upload to the endpoint, as an auditor walks it: who, when, by which charter, signed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from compliance import signing
from compliance.models import Signature
from imaging.models import QcReview
from imaging.selectors import reviews_of, transfers_of, with_counts
from imaging.states import ReviewState
from reading import pages, pages_packages, selectors
from reading.models import Adjudication, GlobalReview, ReadTask, RealTimeRead, Reopening
from reading.questions import QUESTIONS
from reading.selectors_signed import SignedRead, ever_signed, signed_reads
from reading.states import AdjudicationState, GlobalReviewState, Purpose, ReopeningState
from trials.models import ImagingCharter, Subject, Timepoint

_ROUND = {
    ReviewState.CLEARED: ("ok", "circle-check", "Cleared for reading"),
    ReviewState.FAILED: ("bad", "circle-x", "Sent back to the site"),
    ReviewState.SUPERSEDED: ("wait", "history", "Overtaken by new images"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened on the road; `charter` is the version that it was done under."""

    at: dt.datetime
    title: str
    text: str = ""
    who: str = ""
    tone: str = "info"
    icon: str = "circle-dot"
    url: str = ""
    charter: ImagingCharter | None = None
    signatures: tuple[Signature, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the road: a timepoint, or what concerns the subject as a whole."""

    title: str
    steps: tuple[Step, ...]
    reads: tuple[SignedRead, ...] = ()


def road_of(subject: Subject) -> tuple[Leg, ...]:
    """Return the road of a subject: enrolment, each timepoint in order, and what the trial made of it."""
    timepoints = subject.timepoints.select_related("subject__trial", "charter").order_by("order")
    return (
        Leg("Before the first scan", _sorted(_beginning(subject))),
        *(_leg(timepoint) for timepoint in timepoints),
        Leg("Adjudication and endpoint", _sorted(_end(subject))),
    )


def _sorted(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.at))


def _beginning(subject: Subject) -> Iterator[Step]:
    for charter in subject.trial.charters.exclude(signed_at=None):
        assert charter.signed_at is not None
        yield Step(
            charter.signed_at,
            f"Charter version {charter.version} signed",
            f"SHA-256 {charter.sha256}",
            tone="lock",
            icon="signature",
            url=reverse("trials:charter", args=[charter.pk]),
            signatures=tuple(signing.signatures_on(charter)),
        )
    for at, title in ((subject.screened_at, "Screened"), (subject.enrolled_at, "Enrolled")):
        if at is not None:
            yield Step(at, f"{title} at {subject.site.code}", icon="user-plus", url=_at("trials:subject", subject))


def _leg(timepoint: Timepoint) -> Leg:
    tasks = ReadTask.kept.filter(timepoint=timepoint).order_by("slot", "created_at")
    reads = tuple(read for task in ever_signed(tasks) for read in signed_reads(task))
    asked = Reopening.objects.filter(task__timepoint=timepoint).select_related("task", "asked_by", "decided_by")
    of_timepoint = Adjudication.every.filter(timepoint=timepoint).exclude(state=AdjudicationState.WITHDRAWN)
    questions = RealTimeRead.objects.filter(timepoint=timepoint)
    steps = (
        *_deliveries(timepoint),
        *(_round(review, timepoint) for review in reviews_of(timepoint)),
        *(_read(read) for read in reads),
        *(step for one in asked for step in _reopening(one)),
        *(step for one in questions.select_related("asked_by", "charter") for step in _question(one)),
        *(step for one in of_timepoint.select_related("adjudicator") for step in _adjudication(one)),
    )
    return Leg(f"{timepoint.name} ({timepoint.code})", _sorted(steps), reads)


def _deliveries(timepoint: Timepoint) -> Iterator[Step]:
    counted: QuerySet[Any] = with_counts(transfers_of(timepoint))
    for transfer in counted:
        said = [f"{transfer.total} received", f"{transfer.archived} archived"]
        said += [f"{transfer.held} held"] if transfer.held else []
        yield Step(
            transfer.opened_at,
            f"Delivery by {transfer.get_door_display()}",
            ", ".join(said),
            who=str(transfer.uploaded_by or transfer.sender),
            icon="cloud-upload",
            url=reverse("imaging:transfer", args=[transfer.public_id]),
        )


def _round(review: QcReview, timepoint: Timepoint) -> Step:
    tone, icon, title = _ROUND.get(ReviewState(review.state), ("info", "clipboard-list", "Opened"))
    signatures = [one for decision in review.decisions.all() for one in signing.signatures_on(decision)]
    return Step(
        review.decided_at or review.opened_at,
        f"QC round {review.round}: {title[0].lower()}{title[1:]}",
        review.comment,
        tone=tone,
        icon=icon,
        url=_at("imaging:review", review),
        charter=timepoint.charter,
        signatures=tuple(signatures),
    )


def _read(read: SignedRead) -> Step:
    task = read.task
    title = f"Read {task.blinded_code} signed" + ("" if read.number == 1 else f", version {read.number}")
    aside = [] if read.stands else ["set aside when the read was opened again"]
    aside += ["a hidden re-read, in no result"] if task.reread else []
    aside += [f"for {task.purpose}, in no result"] if task.purpose != Purpose.ENDPOINT else []
    return Step(
        read.signed_at,
        title,
        ", ".join(aside).capitalize() if read.signature else "No signature names this content.",
        who=str(task.reader),
        tone="bad" if read.signature is None else "read" if read.stands else "wait",
        icon="eye-check",
        url=f"{reverse('reading:replay', args=[task.blinded_code])}?version={read.number}",
        charter=task.charter,
        signatures=(read.signature,) if read.signature else (),
    )


def _question(one: RealTimeRead) -> Iterator[Step]:
    title = QUESTIONS[one.purpose].title
    who = str(one.asked_by) if one.asked_by else "by the charter"
    yield Step(one.asked_at, f"{title} asked, round {one.round}", one.reason, who, "warn", "clock")
    if one.answered_at is not None:
        told = one.charter.terms.real_time.to_site(one.purpose)
        released = f"Released to the site: {told}" if told else "Not told to the site"
        yield Step(one.answered_at, QUESTIONS[one.purpose].say(one.verdict), released, "", "read", "clock")
    if one.noted_at is not None:
        yield Step(one.noted_at, f"{title}: outcome noted at the site", "", str(one.noted_by), "ok", "eye-check")


def _reopening(one: Reopening) -> Iterator[Step]:
    name = one.task.blinded_code
    yield Step(one.asked_at, f"Read {name}: asked to be opened again", one.reason, str(one.asked_by), "warn", "history")
    if one.decided_at is not None:
        signatures = tuple(signing.signatures_on(one))
        title = f"Read {name}: re-opening {one.state}"
        tone = "warn" if one.state == ReopeningState.APPROVED else "wait"
        yield Step(one.decided_at, title, "", str(one.decided_by), tone, "lock-open", signatures=signatures)


def _adjudication(one: Adjudication) -> Iterator[Step]:
    differed = ", ".join(name.replace("_", " ") for name in pages.names_of(one))
    yield Step(one.opened_at, f"Adjudication {one.blinded_code} opened", f"Differing: {differed}", icon="gavel")
    if one.decided_at is not None:
        said = f"Reader {one.chosen_slot} accepted. {one.rationale}"
        if one.state == AdjudicationState.SUPERSEDED:
            said += " Superseded, as a read that it rests on was opened again."
        yield Step(
            one.decided_at,
            f"Adjudication {one.blinded_code} decided",
            said,
            "both readers, by consensus" if one.is_by_consensus else str(one.adjudicator),
            "ok",
            "gavel",
            signatures=tuple(signing.signatures_on(one)),
        )


def _review(one: GlobalReview) -> Step:
    changed = [f"{c['timepoint']}: {c['derived']} to {c['response']}, {c['reason']}" for c in one.changes]
    said = "; ".join(changed) if changed else "Every response confirmed"
    if one.state == GlobalReviewState.SUPERSEDED:
        said += ". Superseded, as reads that it rests on changed"
    assert one.signed_at is not None
    return Step(
        one.signed_at,
        f"Global review {one.blinded_code} signed",
        f"{said}.",
        str(one.reader),
        "read",
        "eye-check",
        signatures=tuple(signing.signatures_on(one)),
    )


def _end(subject: Subject) -> Iterator[Step]:
    whole = Adjudication.every.filter(subject=subject, timepoint=None).exclude(state=AdjudicationState.WITHDRAWN)
    for one in whole.select_related("adjudicator"):
        yield from _adjudication(one)
    for review in GlobalReview.every.filter(subject=subject).exclude(signed_at=None).select_related("reader"):
        yield _review(review)
    trial = subject.trial
    if trial.locked_at is None:
        return
    yield Step(
        trial.locked_at,
        "Database locked",
        _endpoint(subject),
        tone="lock",
        icon="lock",
        signatures=tuple(signing.signatures_on(trial)),
    )
    for package in pages_packages.packages_of(trial):
        yield Step(
            package.created_at,
            "Endpoint package built",
            f"{package.file_name}, SHA-256 {package.sha256}",
            icon="package",
            url=reverse("reading:package", args=[trial.pk]),
        )


def _endpoint(subject: Subject) -> str:
    accepted = selectors.subject_result(subject).accepted
    if accepted is None:
        return ""
    said = [f"Best overall response {accepted.bor or 'none'}", f"progression {accepted.progression or 'none'}"]
    return f"{', '.join(said)}, first response {accepted.first_response or 'none'}."


def _at(name: str, record: Any) -> str:
    return reverse(name, args=[record.pk])
