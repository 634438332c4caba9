"""Quality control: people decide on findings and series, and judge images and transfer form, each by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from imaging import signals
from imaging.models import Finding, QcDecision, QcReview, Series
from imaging.quality import Severity
from imaging.selectors_qc import Judged, Part, parts_to_judge, second_because, standing
from imaging.states import UNDECIDED, Verdict
from trials import form_answers
from trials.models import Timepoint
from trials.selectors_forms import awaited_at
from trials.services import querying

_NAMES = {Part.IMAGES: "images", Part.FORM: "transfer form"}
_VERBS = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.WAIVE: "waive"}


class FormAwaited(HouseError):
    """A form is not signed for which the charter lets the clearance wait."""

    code = "form_awaited"
    status = 409


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


class SamePerson(HouseError):
    """A second person is to look, and the first one tried."""

    code = "same_person"
    status = 409


class PartNotJudged(HouseError):
    """The images or the transfer form have no verdict, or the form has one that it cannot have."""

    code = "part_not_judged"
    status = 422


class ChecklistOpen(HouseError):
    """The checklist is not answered, or not rightly; `problems` has a sentence for each question."""

    code = "checklist_open"
    status = 422

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__("The checklist is not answered. Answer what it asks and sign again.", problems=dict(found))
        self.problems = dict(found)


class UnknownLabel(HouseError):
    """The charter has no series of that name."""

    code = "unknown_label"
    status = 422


@dataclass(frozen=True, slots=True)
class Ask:
    """What the site is asked about a part that failed."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Answers:
    """To the charter's checklist, by code, in types; `confirmed` has the reasons for unusual ones."""

    values: Mapping[str, Any] = field(default_factory=dict)
    confirmed: Mapping[str, str] = field(default_factory=dict)


NO_ANSWERS = Answers()


def _require_open(review: QcReview) -> None:
    if review.state not in UNDECIDED:
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
    _require_in_qc(series)
    series.for_reading = for_reading
    return audit.save(series, action="series.marked", actor=actor, at=at)


def label_series(*, series: Series, label: str, actor: User, at: dt.datetime) -> Series:
    """Say which of the charter's series this one is, or none; checks that run later leave it so.

    Raises
    ------
    UnknownLabel
    """
    access.require(actor, "imaging.review", series)
    _require_in_qc(series)
    known = {one.label for one in series.imaging_study.timepoint.charter.terms.series}
    if label and label not in known:
        raise UnknownLabel("The timepoint's charter has no series of that name. Choose one of its series, or none.")
    series.label, series.labelled_by = label, actor
    return audit.save(series, action="series.labelled", actor=actor, at=at)


def _require_in_qc(series: Series) -> None:
    rounds = QcReview.objects.filter(timepoint=series.imaging_study.timepoint_id, state__in=UNDECIDED)
    if not rounds.exists():
        raise ReviewDecided("The timepoint's QC is decided, so its series stay as they are marked.")


def decide_round(
    *,
    review: QcReview,
    judged: Mapping[Part, Judged],
    signature: Intent,
    actor: User,
    at: dt.datetime,
    asks: Mapping[Part, Ask] | None = None,
    answers: Answers = NO_ANSWERS,
    comment: str = "",
) -> QcReview:
    """Judge the images and the transfer form of a round, each by itself, signed.

    What fails goes back to the site with a query about just that part. When nothing fails the timepoint is cleared,
    unless the charter or chance lets a second person look first; the rooms above hear of it when it is committed.

    Parameters
    ----------
    judged
        A verdict for each part that no earlier round has settled (`selectors_qc.parts_to_judge`); a settled one may be
        judged again.
    asks
        What the site is asked about each part that fails.
    answers
        To the charter's checklist; needed to pass.

    Raises
    ------
    PartNotJudged, ChecklistOpen, SamePerson, ReviewDecided
    FindingOpen
        A blocking finding is pending or failed, and nothing fails.
    NothingToRead
        No series is marked for reading.
    trials.services.querying.QueriesOpen
        The charter lets clearance wait for the timepoint's queries.
    compliance.signing.ContentChanged
        Findings or form are not those that were shown.
    """
    _require_open(review)
    access.require(actor, "imaging.review", review)
    with transaction.atomic():
        QcReview.objects.select_for_update().get(pk=review.pk)
        review.refresh_from_db(fields=["state"])
        _require_open(review)
        signing.require_unchanged(review, signature)
        decision = _decision(review, judged, answers, comment, actor, at)
        failed = [part for part, one in _verdicts(decision).items() if one == Verdict.FAIL]
        if not failed:
            _require_passable(review)
            _require_answered(review, answers, at)
            if decision.stage == 1:
                decision.second_because = second_because(review, decision)
        audit.save(decision, action="qcdecision.made", actor=actor, at=at)
        plain = signature.once_compared()
        signing.sign(decision, plain, actor=actor, at=at)
        if failed:
            _send_back(review, decision, failed, asks or {}, plain, actor, at)
        elif decision.second_because:
            advance(review, "pass_on", actor=actor, at=at)
        else:
            _clear(review, decision, plain, actor, at)
    return review


def clear_timepoint(
    *, review: QcReview, signature: Intent, actor: User, at: dt.datetime, comment: str = ""
) -> QcReview:
    """Pass everything that is to be judged in a round; see `decide_round`."""
    _require_open(review)
    judged = {part: Judged() for part in parts_to_judge(review)}
    return decide_round(review=review, judged=judged, signature=signature, actor=actor, at=at, comment=comment)


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
    """Fail the images of a round, and pass the form if it is to be judged; see `decide_round`."""
    _require_open(review)
    judged = {part: Judged() for part in parts_to_judge(review)} | {Part.IMAGES: Judged(Verdict.FAIL, reason)}
    asks = {Part.IMAGES: Ask(query_title, query_text)}
    return decide_round(review=review, judged=judged, asks=asks, signature=signature, actor=actor, at=at)


def _decision(
    review: QcReview,
    judged: Mapping[Part, Judged],
    answers: Answers,
    comment: str,
    actor: User,
    at: dt.datetime,
) -> QcDecision:
    """Return what a person decides, not stored yet: what is judged now, and what stands since an earlier round."""
    first = review.decisions.order_by("stage").first()
    if first is not None and first.decided_by_id == actor.pk:
        raise SamePerson("You passed this timepoint, so another person takes the second look. Leave it to a colleague.")
    judged = {part: one for part, one in judged.items() if one.verdict != Verdict.PENDING}
    for part in parts_to_judge(review):
        if part not in judged:
            raise PartNotJudged(f"Nothing is said of the {_NAMES[part]}. Pass, fail or waive it.")
    form = review.signed_form
    parts = standing(review) | {part: Judged(one.verdict, one.reason, review.round) for part, one in judged.items()}
    for part, one in parts.items():
        if part is Part.FORM and form is None and one.verdict == Verdict.PASS:
            raise PartNotJudged("The transfer form cannot be passed, because none is signed. Fail it, or waive it.")
        if one.verdict in (Verdict.FAIL, Verdict.WAIVE) and not one.reason.strip():
            raise ReasonRequired(f"Failing or waiving the {_NAMES[part]} needs a reason. Write one and try again.")
    images, of_form = parts[Part.IMAGES], parts.get(Part.FORM)
    decision = QcDecision(
        review=review,
        stage=2 if first is not None else 1,
        decided_by=actor,
        decided_at=at,
        images_verdict=images.verdict,
        images_reason=images.reason.strip(),
        images_round=images.round,
        answers=form_answers.store(review.timepoint.charter.terms.quality_control.checklist, answers.values),
        confirmed=dict(answers.confirmed),
        comment=comment.strip(),
    )
    if of_form is not None:
        decision.form, decision.form_round = form, of_form.round
        decision.form_verdict, decision.form_reason = of_form.verdict, of_form.reason.strip()
    return decision


def _verdicts(decision: QcDecision) -> dict[Part, str]:
    return {Part.IMAGES: decision.images_verdict, Part.FORM: decision.form_verdict}


def _require_passable(review: QcReview) -> None:
    """Refuse to pass a round while something speaks against it."""
    querying.require_closed(review.timepoint, step="clearance")
    if awaited := awaited_at(review.timepoint):
        raise FormAwaited(
            f"“{awaited[0].title}” is not signed by the site, and the charter lets the clearance wait for it. "
            "Ask the site for it, or send the timepoint back."
        )
    blocking = review.findings.filter(severity=Severity.BLOCK, verdict__in=(Verdict.PENDING, Verdict.FAIL))
    if count := blocking.count():
        raise FindingOpen(
            f"{count} blocking finding{'s are' if count > 1 else ' is'} neither passed nor waived. "
            "Decide on each, or send the timepoint back to its site."
        )
    if not Series.objects.filter(imaging_study__timepoint=review.timepoint, for_reading=True).exists():
        raise NothingToRead("No series is marked for reading. Mark at least one, or send the timepoint back.")


def _require_answered(review: QcReview, answers: Answers, at: dt.datetime) -> None:
    questions = review.timepoint.charter.terms.quality_control.checklist
    missing = form_answers.missing(questions, answers.values, answers.confirmed)
    if found := missing | form_answers.problems(questions, answers.values, now=at):
        raise ChecklistOpen(found)


def _clear(review: QcReview, decision: QcDecision, signature: Intent, actor: User, at: dt.datetime) -> None:
    decided: dict[str, Any] = {"decided_at": at, "decided_by": actor, "comment": decision.comment}
    advance(review, "clear", actor=actor, at=at, signature=signature, **decided)
    timepoint = _locked_timepoint(review)
    advance(timepoint, "clear", field="qc_state", actor=actor, at=at, signature=signature)
    signals.timepoint_cleared.send(sender=Timepoint, timepoint=timepoint, at=at)


def _send_back(
    review: QcReview,
    decision: QcDecision,
    failed: list[Part],
    asks: Mapping[Part, Ask],
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> None:
    """Ask the site for what failed and nothing else: new images, or a correction of the form."""
    reasons = {Part.IMAGES: decision.images_reason, Part.FORM: decision.form_reason}
    reason = " ".join(reasons[part] for part in failed)
    decided: dict[str, Any] = {"decided_at": at, "decided_by": actor, "comment": decision.comment or reason}
    advance(review, "fail", actor=actor, at=at, reason=reason, signature=signature, **decided)
    timepoint = _locked_timepoint(review)
    advance(timepoint, "fail", field="qc_state", actor=actor, at=at, reason=reason, signature=signature)
    for part in failed:
        ask = asks.get(part, Ask("", ""))
        about = decision.form if part is Part.FORM and decision.form else timepoint
        querying.raise_query(about=about, title=ask.title, text=ask.text, actor=actor, at=at)


def _locked_timepoint(review: QcReview) -> Timepoint:
    return Timepoint.objects.select_related("subject__trial", "subject__site", "charter").get(pk=review.timepoint_id)
