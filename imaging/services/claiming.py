"""Two people who look at pixels or faces are given different ones: who opens one has it for a while."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from compliance import access
from compliance.models import User
from imaging.models import FaceReview, PixelReview
from imaging.models.pixels import Claim


def claim(*, look: PixelReview | FaceReview, page: str, actor: User, at: dt.datetime) -> Claim:
    """Have an image, or a series, before oneself, or go on having it; return who has it now, perhaps somebody else.

    Parameters
    ----------
    page
        Names the page on which it is open, as `leave` does.
    """
    access.require(actor, "imaging.review_pixels", look)
    fresh = {"person": actor, "page": page, "since": at, "seen_at": at}
    with transaction.atomic():
        held, made = _claims(look).select_for_update().get_or_create(look=look, defaults=fresh)
        lapsed = held.seen_at <= at - Claim.LAPSE
        if not made and (lapsed or held.person == actor):
            held.since = at if lapsed else held.since
            held.person, held.page, held.seen_at = actor, page, at
            held.save()
    return held


def leave(*, look: PixelReview | FaceReview, page: str, actor: User) -> None:
    """Let go of it as its page is left; another page of the same person that has it open keeps it."""
    access.require(actor, "imaging.review_pixels", look)
    mine = _claims(look).filter(look=look, person=actor, page=page)
    mine.delete()


def _claims(look: PixelReview | FaceReview) -> QuerySet[Any]:
    claims: QuerySet[Any] = look._meta.get_field("claim").related_model._default_manager.all()
    return claims
