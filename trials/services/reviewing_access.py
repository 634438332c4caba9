"""Periodic review of who has which role in a trial: gone over role by role, signed, and asked for when it is due.

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
from trials.models import AccessReview, Membership, Role, Trial
from trials.reminding_of_reviews import Reminder
from trials.services import setting_up

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
    """What is said of one role, and why."""

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


def _moment(value: dt.datetime | None) -> str:
    return value.astimezone(dt.UTC).isoformat(timespec="minutes") if value else ""


def shown_content(trial: Trial, memberships: Sequence[Membership]) -> dict[str, Any]:
    """Return what a reviewer has before them and signs as it was shown.

    Last sign-ins are no part of it: people go on signing in while the page is open.
    """
    roles = [{name: said for name, said in row.items() if name != "last_sign_in"} for row in as_shown(memberships)]
    return {"trial": trial.code, "roles": roles}


def review_access(
    *, trial: Trial, verdicts: Mapping[int, Verdict], signature: Intent, actor: User, at: dt.datetime
) -> AccessReview:
    """Sign who keeps a role in a trial, and end the roles of those who do not.

    Parameters
    ----------
    verdicts
        By the key of the membership; one for each role that is held now.

    Raises
    ------
    NotReviewed
    compliance.signing.ContentChanged
        A role was given or ended meanwhile.
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.review_access", trial)
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        memberships = roles_held(trial)
        signing.require_same(shown_content(trial, memberships), signature)
        kept = []
        for membership, shown in zip(memberships, as_shown(memberships), strict=True):
            said = _checked(membership, verdicts.get(membership.pk), actor)
            kept.append({**shown, "verdict": said.verdict, "note": said.note.strip()})
        _require_new(trial, kept, actor, at)
        review = AccessReview(trial=trial, roles=kept, reviewed_by=actor, reviewed_at=at)
        audit.save(review, action="accessreview.made", actor=actor, at=at)
        signing.sign(review, signature.once_compared(), actor=actor, at=at)
        for membership, row in zip(memberships, kept, strict=True):
            if row["verdict"] == REVOKE:
                setting_up.end_membership(
                    membership=membership, reason=f"Access review: {row['note']}", actor=actor, at=at
                )
    return review


def _checked(membership: Membership, said: Verdict | None, actor: User) -> Verdict:
    who = f"{membership.user} ({membership.get_role_display().lower()})"
    if said is None or said.verdict not in VERDICTS:
        raise NotReviewed(f"Nothing was signed: say of {who} whether the role is kept or revoked.")
    if said.verdict == REVOKE and not said.note.strip():
        raise NotReviewed(f"Nothing was signed: say why the role of {who} is revoked.")
    if said.verdict == REVOKE and membership.user_id == actor.pk:
        raise NotReviewed("Nothing was signed: a role of your own is ended by another administrator.")
    return said


def _require_new(trial: Trial, kept: Sequence[Mapping[str, Any]], actor: User, at: dt.datetime) -> None:
    """Refuse what the same person signed a moment ago: it was sent twice."""
    last = AccessReview.objects.filter(trial=trial, reviewed_by=actor, reviewed_at__gt=at - _SENT_TWICE).first()
    if last is not None and _said(last.roles) == _said(kept):
        raise NotReviewed(
            f"You signed this very review on {last.reviewed_at:%-d %B %Y %H:%M} UTC, and it is kept. Nothing was "
            "signed again."
        )


def _said(roles: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["membership"], row["verdict"], row["note"]) for row in roles]


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
