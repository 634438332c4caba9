from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.deid.pixels.regions import Region, Settled
from imaging.models.transfer import ReceivedInstance
from imaging.states import PIXEL_REVIEW, PixelState
from trials.models import Timepoint

#: Why a person is asked about a film.
FILM = "video"


class PixelReview(Record):
    """A person's look at the pixels of a held image: what was proposed, and what was decided.

    Regions are six numbers each (`imaging.deid.pixels.regions.Region`); nothing of what is written in them is kept.
    `why` is the engine's reason (`imaging.deid.admission`). `decided` holds `blank`, a list of regions, and `kept`,
    pairs of a region and a `KeptFor`; while the image waits once more, what of the last decision stands. With
    `led_by` the boxes were drawn on another image of the series. `templates` names the device templates from which
    the first of the proposed regions come, each from one. Manufacturer and model are those of the image.
    """

    machines = {"state": PIXEL_REVIEW}

    received = models.OneToOneField(ReceivedInstance, on_delete=models.PROTECT, related_name="pixel_review")
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="pixel_reviews")
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in PixelState], default=PixelState.WAITING, db_index=True
    )
    round = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField()
    why = models.CharField(max_length=24)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    frames = models.PositiveIntegerField()
    proposed = models.JSONField(default=list)
    templates = models.JSONField(default=list)
    manufacturer = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=64, blank=True)
    decided = models.JSONField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    led_by = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="led")

    class Meta:
        ordering = ["opened_at", "id"]

    def __str__(self) -> str:
        return f"look at the pixels of {self.received}"

    def scope(self) -> Scope:
        return self.received.scope()

    @property
    def is_film(self) -> bool:
        """Whether it is about a film, which is watched by itself and in which nothing is blanked."""
        return self.why == FILM

    @property
    def regions(self) -> list[Region]:
        """What is proposed."""
        return [Region(*six) for six in self.proposed]

    @property
    def standing(self) -> list[list[Any]]:
        """Pairs of a region that is kept and the reason, as decided so far."""
        return list(self.decided["kept"]) if self.decided else []

    @property
    def settled(self) -> Settled | None:
        """What was decided, for the engine."""
        if self.decided is None:
            return None
        kept = [region for region, _ in self.decided["kept"]]
        return Settled.of({"blank": self.decided["blank"], "kept": kept})


class Claim(models.Model):
    """Who has something before them to decide on it, so that the next person is given something else.

    It keeps nobody out, and lapses after a while in which the person does nothing. Not audited: who saw an image
    and who decided stand in the trail by themselves. `page` tells the tabs of one person apart.
    """

    #: Without a sign of the person for so long it is over.
    LAPSE = dt.timedelta(minutes=5)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=32)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        abstract = True


class PixelClaim(Claim):
    """Who has an image before them."""

    look = models.OneToOneField(PixelReview, on_delete=models.CASCADE, related_name="claim")

    def __str__(self) -> str:
        return f"{self.person} at {self.look}"
