"""Questions about looks at face masks: what waits for one, since when, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery

from compliance.models import User
from imaging.models import FaceClaim, FaceReview, ReceivedInstance, Transfer
from imaging.states import FaceState, HoldReason, ReceivedState
from trials.models import Trial
from trials.selectors import sites_seen_by


def faces_seen_by(user: User) -> QuerySet[FaceReview]:
    """Looks at series of the sites that the person may know of."""
    seen = FaceReview.objects.filter(site__in=sites_seen_by(user))
    return seen.select_related("site__trial", "timepoint__subject", "decided_by")


def _held() -> QuerySet[ReceivedInstance]:
    return ReceivedInstance.objects.filter(
        series_uid_key=OuterRef("series_uid_key"),
        transfer__site=OuterRef("site"),
        state=ReceivedState.HELD,
        hold_reason=HoldReason.FACE_REVIEW,
    )


def faces_waiting(trial: Trial) -> QuerySet[Any]:
    """Series of a trial that wait for a look at their mask, the oldest first, with the number of their images."""
    count = _held().order_by().values("series_uid_key").annotate(count=Count("pk")).values("count")
    waiting = FaceReview.objects.filter(Exists(_held()), state=FaceState.WAITING, site__trial=trial)
    waiting = waiting.annotate(images=Subquery(count, output_field=IntegerField()))
    return waiting.select_related("site__trial", "timepoint__subject").order_by("opened_at", "pk")


def faces_decided(trial: Trial) -> QuerySet[FaceReview]:
    """Series of a trial that somebody decided on, the latest first."""
    decided = FaceReview.objects.filter(site__trial=trial).exclude(decided_at=None)
    return decided.select_related("site__trial", "timepoint__subject", "decided_by").order_by("-decided_at", "-pk")


def face_claims_standing(trial: Trial, *, at: dt.datetime) -> QuerySet[FaceClaim]:
    """Who has which series of a trial before them now."""
    standing = FaceClaim.objects.filter(look__site__trial=trial, seen_at__gt=at - FaceClaim.LAPSE)
    return standing.select_related("person").order_by("since", "pk")


def face_after(review: FaceReview, *, user: User, at: dt.datetime) -> FaceReview | None:
    """The series that waits next, the oldest that nobody else has open."""
    trial = review.site.trial
    others = face_claims_standing(trial, at=at).exclude(person=user).order_by().values("look")
    free: QuerySet[FaceReview] = faces_waiting(trial).exclude(pk=review.pk).exclude(pk__in=others)
    return free.first()


def first_face_in(transfer: Transfer) -> FaceReview | None:
    """The series of a delivery that waits longest for a look at its mask."""
    series = transfer.instances.filter(state=ReceivedState.HELD, hold_reason=HoldReason.FACE_REVIEW)
    waiting: QuerySet[FaceReview] = faces_waiting(transfer.site.trial).filter(site=transfer.site)
    return waiting.filter(series_uid_key__in=series.values("series_uid_key")).first()


@dataclass(frozen=True, slots=True)
class WaitingFace:
    """A series that waits for a look, and who has it open."""

    review: Any
    claim: FaceClaim | None


def faces_listed(trial: Trial, *, at: dt.datetime) -> Sequence[WaitingFace]:
    """What waits in a trial, the oldest first."""
    claims = {claim.look_id: claim for claim in face_claims_standing(trial, at=at)}
    return [WaitingFace(review, claims.get(review.pk)) for review in faces_waiting(trial)]
