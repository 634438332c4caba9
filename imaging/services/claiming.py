"""Two people who look at pixels are given different images: who opens one has it for a while."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access
from compliance.models import User
from imaging.models import PixelClaim, PixelReview


def claim(*, look: PixelReview, page: str, actor: User, at: dt.datetime) -> PixelClaim:
    """Have an image before oneself, or go on having it; return who has it now, which may be somebody else.

    Parameters
    ----------
    page
        Names the page on which it is open, as `leave` does.
    """
    access.require(actor, "imaging.review_pixels", look)
    fresh = {"person": actor, "page": page, "since": at, "seen_at": at}
    with transaction.atomic():
        held, made = PixelClaim.objects.select_for_update().get_or_create(look=look, defaults=fresh)
        lapsed = held.seen_at <= at - PixelClaim.LAPSE
        if not made and (lapsed or held.person == actor):
            held.since = at if lapsed else held.since
            held.person, held.page, held.seen_at = actor, page, at
            held.save()
    return held


def leave(*, look: PixelReview, page: str, actor: User) -> None:
    """Let go of an image as its page is left; another page of the same person that has it open keeps it."""
    access.require(actor, "imaging.review_pixels", look)
    mine = PixelClaim.objects.filter(look=look, person=actor, page=page)
    mine.delete()
