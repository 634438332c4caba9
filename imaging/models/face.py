from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models.pixels import Claim
from imaging.states import FACE_REVIEW, FaceState
from trials.models import Site, Timepoint


class FaceReview(Record):
    """A person's look at the proposed face mask of a series: what was proposed, and what was decided.

    A decision is about the series as it was seen: `content_sha256` is over the digests of its images. When further
    ones come before it is applied, it is asked again; when they come later, a look of their own is opened. `proposal`
    names what is shown, which lies encrypted beside the originals (`imaging.services.proposals`). `found` says whether
    the machine found a face, `doubt` why it was not certain (`imaging.deid.faces.doubts`).

    `decided` holds `choice`, the mask as it was set (`imaging.deid.faces.choosing.Choice`), with `place_sha256`, the
    digest of the place that goes, and its `share` of the body, percent; or `no_face`, a `NoFace`. Of a look that is
    asked again `before` is the last decision.
    """

    machines = {"state": FACE_REVIEW}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="face_reviews")
    series_uid_key = models.CharField(max_length=64)
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="face_reviews")
    modality = models.CharField(max_length=16, blank=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in FaceState], default=FaceState.WAITING, db_index=True
    )
    round = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField()
    content_sha256 = models.CharField(max_length=64)
    proposal = models.UUIDField()
    pictures = models.PositiveIntegerField()
    found = models.BooleanField()
    doubt = models.CharField(max_length=24, blank=True)
    before = models.JSONField(null=True)
    decided = models.JSONField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["opened_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "series_uid_key"],
                condition=Q(state__in=(FaceState.WAITING, FaceState.DECIDED)),
                name="one_open_look_at_a_face",
            )
        ]

    def __str__(self) -> str:
        return f"look at the face mask of series {self.pk} of {self.timepoint}"

    def scope(self) -> Scope:
        return self.site.scope()

    @property
    def choice(self) -> dict[str, Any] | None:
        """The mask that was decided on, or that the page begins with when it was decided before."""
        said = self.decided or self.before or {}
        return said.get("choice")


class FaceClaim(Claim):
    """Who has a series before them."""

    look = models.OneToOneField(FaceReview, on_delete=models.CASCADE, related_name="claim")

    def __str__(self) -> str:
        return f"{self.person} at {self.look}"
