"""Questions about looks at pixels: what waits for one, since when, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from compliance.models import User
from imaging.models import PixelClaim, PixelReview, Transfer
from imaging.models.pixels import FILM
from imaging.states import HoldReason, PixelState, ReceivedState
from trials.models import Trial
from trials.selectors import sites_seen_by


def looks_seen_by(user: User) -> QuerySet[PixelReview]:
    """Looks at images of the sites that the person may know of."""
    seen = PixelReview.objects.filter(received__transfer__site__in=sites_seen_by(user))
    return seen.select_related("received__transfer__site__trial", "timepoint__subject", "decided_by")


def looks_waiting(trial: Trial) -> QuerySet[PixelReview]:
    """Images of a trial that wait for a look at their pixels, the oldest first."""
    waiting = PixelReview.objects.filter(
        state=PixelState.WAITING,
        received__state=ReceivedState.HELD,
        received__hold_reason=HoldReason.PIXEL_REVIEW,
        received__transfer__site__trial=trial,
    )
    return waiting.select_related("received__transfer__site__trial", "timepoint__subject").order_by("opened_at", "pk")


def looks_decided(trial: Trial) -> QuerySet[PixelReview]:
    """Images of a trial that somebody decided on, the latest first."""
    decided = PixelReview.objects.filter(received__transfer__site__trial=trial).exclude(decided_at=None)
    return decided.select_related("timepoint__subject", "received", "decided_by").order_by("-decided_at", "-pk")


def claims_standing(trial: Trial, *, at: dt.datetime) -> QuerySet[PixelClaim]:
    """Who has which image of a trial before them now, the first who came first."""
    standing = PixelClaim.objects.filter(
        look__received__transfer__site__trial=trial, seen_at__gt=at - PixelClaim.LAPSE, look__in=looks_waiting(trial)
    )
    return standing.select_related("person", "look__received").order_by("since", "pk")


def look_after(look: PixelReview, *, user: User, at: dt.datetime) -> PixelReview | None:
    """The image that waits next: of the same series if there is one, else of the same delivery, else the oldest.

    A series of which somebody else has an image open is left to them.
    """
    trial = look.received.transfer.site.trial
    others = claims_standing(trial, at=at).exclude(person=user).order_by().values("look__received__series_uid_key")
    free = looks_waiting(trial).exclude(pk=look.pk).exclude(received__series_uid_key__in=others)
    series = free.filter(received__series_uid_key=look.received.series_uid_key)
    return series.first() or free.filter(received__transfer=look.received.transfer_id).first() or free.first()


def series_of_look(look: PixelReview) -> QuerySet[PixelReview]:
    """Waiting images of the same site, series and size, this one left out; of films each is watched by itself."""
    if look.is_film:
        return PixelReview.objects.none()
    site = look.received.transfer.site
    alike = looks_waiting(site.trial).filter(
        received__transfer__site=site,
        received__series_uid_key=look.received.series_uid_key,
        rows=look.rows,
        columns=look.columns,
    )
    return alike.exclude(pk=look.pk).exclude(why=FILM)


@dataclass(slots=True)
class WaitingSeries:
    """Images of one series that wait for a look; `first` is the one to begin with, `claims` say who is at it."""

    first: PixelReview
    images: int = 0
    boxes: int = 0
    claims: list[PixelClaim] = field(default_factory=list)

    @property
    def since(self) -> dt.datetime:
        """Since when the oldest of them waits."""
        return self.first.opened_at


def series_waiting(trial: Trial, *, at: dt.datetime) -> Sequence[WaitingSeries]:
    """What waits in a trial, series by series, the oldest first."""
    found: dict[tuple[int, str], WaitingSeries] = {}
    for look in looks_waiting(trial):
        row = found.setdefault((look.received.transfer_id, look.received.series_uid_key), WaitingSeries(look))
        row.images += 1
        row.boxes += len(look.proposed)
    for claim in claims_standing(trial, at=at):
        came = claim.look.received
        if (key := (came.transfer_id, came.series_uid_key)) in found:
            found[key].claims.append(claim)
    return list(found.values())


def first_look_in(transfer: Transfer) -> PixelReview | None:
    """The image of a delivery that waits longest for a look at its pixels."""
    return looks_waiting(transfer.site.trial).filter(received__transfer=transfer).first()
