"""What a person is shown of a proposed face mask: pictures, the surface, and how much goes. Each look is recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from compliance import access, audit, confined
from compliance.models import User
from imaging.deid.faces.choosing import Choice
from imaging.models import FaceReview, ReceivedInstance
from imaging.services import facing, masking, originals, proposals
from imaging.services.limits import budget


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a look begins with.

    `first` is the mask proposed or decided, None where nothing is taken out or none can be made; `half_mm` how far the
    body reaches from its middle along each axis; `begin` the picture to show first, from 1; `surface` says whether
    there is one.
    """

    first: Choice | None
    half_mm: tuple[int, int, int]
    begin: int
    surface: bool


def shown(*, review: FaceReview, actor: User, at: dt.datetime) -> Shown:
    """Return what the page of a look begins with; the look is recorded."""
    proposal = _looked_into(review, actor, at)
    low, high = proposal["extent"] or ([0, 0, 0], [0, 0, 0])
    x, y, z = (round((b - a) / 2) for a, b in zip(low, high, strict=True))
    first = Choice.at_first(proposal)
    if first and review.choice and (proposal["face"] or review.choice["shape"] == "plane"):
        first = replace(first, **review.choice)
    if review.decided and not review.choice:
        first = None
    return Shown(first, (x, y, z), proposal["begin"] + 1, proposal["portrait"] is not None)


def picture_png(
    *, review: FaceReview, number: int, choice: Choice | None, show: str, actor: User, at: dt.datetime
) -> bytes:
    """Return a picture of a series as PNG, with or without what goes; the look is recorded.

    Parameters
    ----------
    number
        From 1.
    show
        As `imaging.deid.faces.picturing` has it.

    Raises
    ------
    masking.FaceIncomplete
        There is no such picture.
    """
    proposal = _looked_into(review, actor, at)
    if not 1 <= number <= len(proposal["frames"]):
        raise masking.FaceIncomplete("The series does not have the picture asked for. Reload the page.")
    pk, frame = proposal["frames"][number - 1]
    received = ReceivedInstance.objects.get(pk=pk)
    plain = choice.plain() if choice else None
    with originals.on_disk(received, trial_code=review.site.trial.code) as path:
        png: bytes = confined.call(
            "imaging.deid.faces.picturing:picture",
            *(str(path), frame, _without_portrait(proposal), plain, show),
            **budget(received.size),
        )
    return png


def surface_png(
    *, review: FaceReview, turn: int, choice: Choice | None, show: str, actor: User, at: dt.datetime
) -> bytes:
    """Return the surface of the body as PNG, seen from so many degrees to its left; the look is recorded."""
    proposal = _looked_into(review, actor, at)
    plain = choice.plain() if choice else None
    png: bytes = confined.call(
        "imaging.deid.faces.picturing:surface",
        *(proposal, plain, turn, show),
        seconds=facing.SECONDS,
        memory=facing.MEMORY,
    )
    return png


def share_of(*, review: FaceReview, choice: Choice | None, actor: User, at: dt.datetime) -> tuple[float, int] | None:
    """Return how much of the body a mask takes, percent and cm³; None where there is no volume to tell it from."""
    proposal = _looked_into(review, actor, at)
    settled = masking.settle(proposal, {"choice": choice.plain()} if choice else {})
    return None if settled["share"] is None else (settled["share"], settled["cm3"])


def _looked_into(review: FaceReview, actor: User, at: dt.datetime) -> dict[str, Any]:
    access.require(actor, "imaging.review_pixels", review)
    audit.record_of_the_day("facereview.viewed", review, actor=actor, at=at)
    return proposals.of(review, at=at)


def _without_portrait(proposal: Mapping[str, Any]) -> dict[str, Any]:
    return {**proposal, "portrait": None}
