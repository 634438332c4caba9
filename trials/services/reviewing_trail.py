"""Planned review of a trial's audit trail: a part of it is gone over, what was found is signed (ICH E6(R3) 4.2.3)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, AuditLink, Signature, User
from compliance.signing import Intent
from trials.models import Role, TrailReview, Trial
from trials.reminding_of_reviews import Reminder
from trials.selectors_trail import Selection, selected

KIND = "review of the audit trail"
MEANING = Signature.Meaning.REVIEW


class TrailNotReviewed(HouseError):
    """The part is no past days, nothing was written, or the same was signed before."""

    code = "trail_not_reviewed"
    status = 422


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a trail: whole days (UTC), both included, and words that each event mentions."""

    first_on: dt.date
    last_on: dt.date
    words: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """A kind of act in a part of a trail: how often it was done, and by how many people; by none: the system's."""

    action: str
    object_type: str
    count: int
    people: int


def events_of(trial: Trial, words: str, first_on: dt.date | None, last_on: dt.date | None) -> QuerySet[AuditEvent]:
    """Return the events of a trial that mention all the words, of these days (UTC), newest first."""
    return selected(trial, Selection(words=words, first_on=first_on, last_on=last_on))


def counted(trial: Trial, part: Part) -> list[Act]:
    """Return how often each kind of act stands in a part of the trail, and by how many people, most often first."""
    events = events_of(trial, part.words, part.first_on, part.last_on).order_by()
    kinds = events.values("action", "object_type").annotate(count=Count("pk"), people=Count("actor", distinct=True))
    return [Act(**one) for one in kinds.order_by("-count", "action", "object_type")]


def proposed(trial: Trial, at: dt.datetime) -> Part:
    """Return the part that nobody has gone over yet: from the day after the last review's to yesterday."""
    yesterday = at.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    last = _of_all_events(trial).order_by("-last_on").first()
    first = last.last_on + dt.timedelta(days=1) if last else trial.created_at.astimezone(dt.UTC).date()
    return Part(min(first, yesterday), yesterday)


def shown(trial: Trial, part: Part) -> TrailReview:
    """Return a review of a part that is not made yet, as its page shows it."""
    events = events_of(trial, part.words, part.first_on, part.last_on).order_by()
    last = AuditLink.objects.filter(event__in=events).order_by("-sequence").first()
    return TrailReview(
        trial=trial,
        first_on=part.first_on,
        last_on=part.last_on,
        words=part.words,
        events=events.count(),
        last_record=str(last or ""),
    )


def review_trail(
    *, trial: Trial, part: Part, outcome: str, findings: str, signature: Intent, actor: User, at: dt.datetime
) -> TrailReview:
    """Sign that a part of the audit trail was gone over, and what was found.

    Raises
    ------
    TrailNotReviewed
        The part reaches into today, which is not over, or ends before it begins; nothing was written, or the same
        was signed before.
    compliance.signing.ContentChanged
        The trail of these days is not what the page showed.
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.review_trail", trial)
    require_past(part, at)
    if outcome not in TrailReview.Outcome.values or not findings.strip():
        raise TrailNotReviewed("Nothing was signed: say what you looked for and what you found.")
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        review = shown(trial, part)
        signing.require_same(review.shown_content(), signature)
        review.outcome, review.findings = outcome, findings.strip()
        review.reviewed_by, review.reviewed_at = actor, at
        _require_new(review)
        audit.save(review, action="trailreview.made", actor=actor, at=at)
        signing.sign(review, signature.once_compared(), actor=actor, at=at)
    return review


def _require_new(review: TrailReview) -> None:
    """Refuse what the same person signed before, in every word: it was sent twice."""
    said = ("trial", "first_on", "last_on", "words", "events", "outcome", "findings", "reviewed_by")
    before = TrailReview.objects.filter(**{name: getattr(review, name) for name in said}).first()
    if before is not None:
        raise TrailNotReviewed(
            f"You signed this very review on {before.reviewed_at:%-d %B %Y %H:%M} UTC, and it is kept. Nothing was "
            "signed again."
        )


def require_past(part: Part, at: dt.datetime) -> None:
    """Refuse a part whose days are not over, or that has none.

    Raises
    ------
    TrailNotReviewed
    """
    if part.last_on >= at.astimezone(dt.UTC).date():
        raise TrailNotReviewed("The last day has to be over, in UTC: today's events still come. Choose an earlier one.")
    if part.first_on > part.last_on:
        raise TrailNotReviewed("The last day comes before the first. Change one of them.")


def _of_all_events(trial: Trial) -> QuerySet[TrailReview]:
    """Return the reviews that left no event out: one of some words is made besides."""
    return TrailReview.objects.filter(trial=trial, words="")


def due_at(trial: Trial) -> dt.datetime:
    """Return when the next review of all events is due, by the installation's setting."""
    last = _of_all_events(trial).values_list("reviewed_at", flat=True).first()
    return (last or trial.created_at) + dt.timedelta(days=settings.TRAIL_REVIEW_DAYS)


_REMINDER = Reminder(
    kind=KIND,
    key="trail-review",
    role=Role.AUDITOR,
    page="trials:trail_reviews",
    subject="The review of the audit trail is due",
    what=lambda trial: f"The audit trail of trial {trial.code} is",
    due_at=due_at,
)


def remind(*, at: dt.datetime) -> None:
    """Ask the auditors of trials whose review is due, once a week until it is made."""
    _REMINDER.send(at)
