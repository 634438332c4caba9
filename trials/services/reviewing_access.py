"""Periodic review of who has which role in a trial, and which programs of its sites have a token.

Each is gone over, all is signed at once, and it is asked for when it is due.

21 CFR 11.10 (d), 11.300 (b); EMA/INS/GCP/112288/2023 on user management.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from compliance import access, audit, factors, identities, signing
from compliance.errors import HouseError
from compliance.models import Signature, User
from compliance.signing import Intent
from trials.models import AccessReview, Membership, Role, SiteToken, Trial
from trials.reminding_of_reviews import Reminder
from trials.services import connecting, setting_up

KIND = "access review"
KEEP, REVOKE = "keep", "revoke"
VERDICTS = {KEEP: "Keep", REVOKE: "Revoke"}
MEANING = Signature.Meaning.REVIEW
#: Within this time the same verdicts of the same person are one review that was sent twice.
_SENT_TWICE = dt.timedelta(hours=1)


class NotReviewed(HouseError):
    """A role lacks a verdict, a revoked one a reason, it is one's own, or all of it was signed a moment ago."""

    code = "access_not_reviewed"
    status = 422


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one role or token, and why."""

    verdict: str
    note: str = ""


def roles_held(trial: Trial) -> Sequence[Membership]:
    """Return the roles that somebody holds now, by name."""
    held = Membership.objects.filter(trial=trial, ended_at=None).select_related("user", "site", "trial")
    return list(held.order_by("user__full_name", "user__username", "role", "pk"))


def as_shown(memberships: Sequence[Membership]) -> list[dict[str, Any]]:
    """Return how each role stands, as the page shows it and a review keeps it."""
    people = [one.user_id for one in memberships]
    with_factor, elsewhere = factors.who_have_one(people), identities.who_have_one(people)
    return [
        {
            "membership": one.pk,
            "person": str(one.user),
            "user_name": one.user.username,
            "role": str(one.role),
            "site": one.site.code if one.site else "",
            "since": _moment(one.granted_at),
            "until": _moment(one.until),
            "account_open": one.user.is_active,
            "second_factor": one.user_id in with_factor,
            "identity_provider": one.user_id in elsewhere,
            "last_sign_in": _moment(one.user.last_login),
        }
        for one in memberships
    ]


def tokens_as_shown(tokens: Sequence[SiteToken]) -> list[dict[str, Any]]:
    """Return how each token of a site stands, as the page shows it and a review keeps it."""
    return [
        {
            "token": one.pk,
            "site": one.site.code,
            "program": one.label,
            "issued_by": str(one.created_by),
            "since": _moment(one.created_at),
            "until": _moment(one.expires_at),
        }
        for one in tokens
    ]


def _moment(value: dt.datetime | None) -> str:
    return value.astimezone(dt.UTC).isoformat(timespec="minutes") if value else ""


def shown_content(trial: Trial, memberships: Sequence[Membership], tokens: Sequence[SiteToken] = ()) -> dict[str, Any]:
    """Return what a reviewer has before them and signs as it was shown.

    Last sign-ins are no part of it: people go on signing in while the page is open.
    """
    roles = [{name: said for name, said in row.items() if name != "last_sign_in"} for row in as_shown(memberships)]
    return {"trial": trial.code, "roles": roles, "tokens": tokens_as_shown(tokens)}


def review_access(
    *,
    trial: Trial,
    verdicts: Mapping[int, Verdict],
    of_tokens: Mapping[int, Verdict] | None = None,
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> AccessReview:
    """Sign who keeps a role in a trial and which of its sites' tokens stand, and end what does not.

    Parameters
    ----------
    verdicts
        By the key of the membership; one for each role that is held now.
    of_tokens
        By the key of the token; one for each that stands now.

    Raises
    ------
    NotReviewed
    compliance.signing.ContentChanged
        A role or token was given or ended meanwhile.
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.review_access", trial)
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        memberships, tokens = roles_held(trial), list(connecting.tokens_in_force(trial, at))
        signing.require_same(shown_content(trial, memberships, tokens), signature)
        kept = []
        for membership, shown in zip(memberships, as_shown(memberships), strict=True):
            said = _checked(membership, verdicts.get(membership.pk), actor)
            kept.append({**shown, "verdict": said.verdict, "note": said.note.strip()})
        kept_tokens = []
        for token, shown in zip(tokens, tokens_as_shown(tokens), strict=True):
            said = _said_of(str(token), (of_tokens or {}).get(token.pk))
            kept_tokens.append({**shown, "verdict": said.verdict, "note": said.note.strip()})
        review = AccessReview(trial=trial, roles=kept, tokens=kept_tokens, reviewed_by=actor, reviewed_at=at)
        _require_new(review)
        audit.save(review, action="accessreview.made", actor=actor, at=at)
        signing.sign(review, signature.once_compared(), actor=actor, at=at)
        for membership, row in zip(memberships, kept, strict=True):
            if row["verdict"] == REVOKE:
                setting_up.end_membership(
                    membership=membership, reason=f"Access review: {row['note']}", actor=actor, at=at
                )
        for token, row in zip(tokens, kept_tokens, strict=True):
            if row["verdict"] == REVOKE:
                connecting.revoke_token(token=token, reason=f"Access review: {row['note']}", actor=actor, at=at)
    return review


def _checked(membership: Membership, said: Verdict | None, actor: User) -> Verdict:
    said = _said_of(f"the role of {membership.user} ({membership.get_role_display().lower()})", said)
    if said.verdict == REVOKE and membership.user_id == actor.pk:
        raise NotReviewed("Nothing was signed: a role of your own is ended by another administrator.")
    return said


def _said_of(what: str, said: Verdict | None) -> Verdict:
    if said is None or said.verdict not in VERDICTS:
        raise NotReviewed(f"Nothing was signed: say of {what} whether it is kept or revoked.")
    if said.verdict == REVOKE and not said.note.strip():
        raise NotReviewed(f"Nothing was signed: say why {what} is revoked.")
    return said


def _require_new(review: AccessReview) -> None:
    """Refuse what the same person signed a moment ago: it was sent twice."""
    by_them = AccessReview.objects.filter(trial=review.trial, reviewed_by=review.reviewed_by)
    last = by_them.filter(reviewed_at__gt=review.reviewed_at - _SENT_TWICE).first()
    if last is not None and _said(last) == _said(review):
        raise NotReviewed(
            f"You signed this very review on {last.reviewed_at:%-d %B %Y %H:%M} UTC, and it is kept. Nothing was "
            "signed again."
        )


def _said(review: AccessReview) -> list[tuple[Any, ...]]:
    rows = (*review.roles, *review.tokens)
    return [(row.get("membership"), row.get("token"), row["verdict"], row["note"]) for row in rows]


def due_at(trial: Trial) -> dt.datetime:
    """Return when the next review is due, by the installation's setting."""
    last = AccessReview.objects.filter(trial=trial).values_list("reviewed_at", flat=True).first()
    return (last or trial.created_at) + dt.timedelta(days=settings.ACCESS_REVIEW_DAYS)


_REMINDER = Reminder(
    kind=KIND,
    key="access-review",
    role=Role.TRIAL_ADMINISTRATOR,
    page="trials:access_reviews",
    subject="The review of access is due",
    what=lambda trial: f"Who has which role in trial {trial.code} is",
    due_at=due_at,
)


def remind(*, at: dt.datetime) -> None:
    """Ask the administrators of trials whose review is due, once a week until it is made."""
    _REMINDER.send(at)
