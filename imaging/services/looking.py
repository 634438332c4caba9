"""A person looks at the pixels of held images: asked for, decided, taken back, and carried out.

Whoever decides holds the row of the look, and so does whoever files the result: an image is archived as the last
decision says, or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from compliance import access, audit, confined, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from imaging.deid.pixels.regions import Region, covers
from imaging.models import PixelClaim, PixelReview, ReceivedInstance
from imaging.selectors import PROCESS
from imaging.selectors_pixels import series_of_look
from imaging.services import originals
from imaging.states import HoldReason, KeptFor, PixelState, ReceivedState
from trials.models import Timepoint

#: A decision waits so long before it is carried out, so that it can be taken back.
GRACE = dt.timedelta(seconds=20)
#: Seconds that decoding a frame may take.
_PATIENCE = 20
#: Boxes of one image, at most.
MOST_REGIONS = 1000


class LookChanged(HouseError):
    """Somebody else decided, or the image was worked on, since the page was opened."""

    code = "look_changed"
    status = 409


class LookIncomplete(HouseError):
    """A decision does not fit the image, or says nothing of a box that was proposed."""

    code = "look_incomplete"
    status = 422


@dataclass(frozen=True, slots=True)
class Asked:
    """What de-identification asks a person: why, the regions that it proposes, and the size of the image."""

    why: str
    regions: Sequence[Sequence[int]]
    rows: int
    columns: int
    frames: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of an image.

    Attributes
    ----------
    blank
        Regions to blank, each with the number of the proposal that it was, moved or not, or None.
    kept
        Numbers of proposals that were taken away, with the reason.
    """

    blank: Sequence[tuple[Region, int | None]]
    kept: Mapping[int, KeptFor]


def ask_for_looks(asked: Iterable[tuple[ReceivedInstance, Timepoint, Asked]], *, at: dt.datetime) -> None:
    """Let images that are held for it wait for a look; an earlier decision that did not do is asked again."""
    for received, timepoint, what in asked:
        if not ReceivedInstance.objects.filter(pk=received.pk, hold_reason=HoldReason.PIXEL_REVIEW).exists():
            continue  # another worker brought it elsewhere
        seen: dict[str, Any] = {
            "timepoint": timepoint,
            "why": what.why,
            "proposed": [list(one) for one in what.regions],
            "rows": what.rows,
            "columns": what.columns,
            "frames": what.frames,
        }
        look = PixelReview.objects.filter(received=received).first()
        if look is None:
            audit.save(
                PixelReview(received=received, opened_at=at, **seen), action="pixelreview.asked", actor=None, at=at
            )
        elif look.state == PixelState.DECIDED:
            proposed = [Region(*one) for one in what.regions]
            stands = [[six, reason] for six, reason in look.standing if not covers(proposed, Region(*six))]
            again: dict[str, Any] = {
                "decided": {"blank": [], "kept": stands},
                "decided_by": None,
                "decided_at": None,
                "led_by": None,
            }
            advance(look, "ask_again", actor=None, at=at, round=look.round + 1, **again, **seen)
        else:
            for name, value in seen.items():
                setattr(look, name, value)
            audit.save(look, action="pixelreview.asked", actor=None, at=at)


def decide(
    *, look: PixelReview, round: int, decision: Decision, whole_series: bool, actor: User, at: dt.datetime
) -> list[PixelReview]:
    """Decide what is blanked in an image, and with `whole_series` in the waiting images of its series; return these.

    The images go on after `GRACE`. In other images of the series the same places are blanked; one with a proposed box
    elsewhere goes on waiting, with these boxes added to its own.

    Parameters
    ----------
    round
        The round of the look that the person was shown.

    Raises
    ------
    LookChanged
        It is not the same look any more.
    LookIncomplete
        A region lies outside the image, or nothing is said of a proposed box.
    """
    access.require(actor, "imaging.review_pixels", look)
    blank = [region for region, _ in decision.blank]
    with transaction.atomic():
        current = PixelReview.objects.select_for_update().get(pk=look.pk)
        if current.state != PixelState.WAITING or current.round != round:
            raise LookChanged("Somebody has decided on this image, or it was read again. Nothing was changed; go on.")
        _require_complete(current, decision)
        kept = [[list(current.regions[number]), str(reason)] for number, reason in sorted(decision.kept.items())]
        decided = [_settle(current, blank, kept, None, actor, at)]
        for other in _others(current) if whole_series else ():
            carried = [one.carried(current.frames, other.frames) for one in blank]
            here = [one for one in carried if one is not None]
            if all(covers(here, proposal) for proposal in other.regions):
                decided.append(_settle(other, here, [], current, actor, at))
            else:
                more = [list(one) for one in here if list(one) not in other.proposed]
                other.proposed = [*other.proposed, *more]
                other.round += 1
                audit.save(other, action="pixelreview.boxes_added", actor=actor, at=at)
        over = PixelClaim.objects.filter(look__in=decided)
        over.delete()
        for transfer in {one.received.transfer_id for one in decided}:
            jobs.enqueue(PROCESS, f"{transfer}:", at=at, delay=GRACE, transfer_id=transfer)
    return decided


def _others(look: PixelReview) -> list[PixelReview]:
    """Waiting images of the same series and size, locked."""
    return list(series_of_look(look).select_for_update(of=("self",)).order_by("pk"))


def _require_complete(look: PixelReview, decision: Decision) -> None:
    if len(decision.blank) > MOST_REGIONS or not all(
        region.is_within(look.rows, look.columns, look.frames) for region, _ in decision.blank
    ):
        raise LookIncomplete("A box lies outside the image. Reload the page and draw it again.")
    said = {number for _, number in decision.blank if number is not None} | decision.kept.keys()
    if said != set(range(len(look.proposed))):
        raise LookIncomplete("A proposed box is neither blanked nor taken away with a reason. Decide on each.")


def _settle(
    look: PixelReview,
    blank: Sequence[Region],
    kept: Sequence[Sequence[object]],
    led_by: PixelReview | None,
    actor: User,
    at: dt.datetime,
) -> PixelReview:
    advance(
        look,
        "decide",
        actor=actor,
        at=at,
        decided={"blank": [list(one) for one in blank], "kept": [*look.standing, *kept]},
        decided_by=actor,
        decided_at=at,
        led_by=led_by,
    )
    advance(look.received, "release", actor=actor, at=at, hold_reason="", hold_sentence="")
    return look


def take_back(*, look: PixelReview, actor: User, at: dt.datetime) -> int:
    """Undo a decision, and what it decided in other images of the series; return how many images wait again.

    Raises
    ------
    LookChanged
        The image is in the archive already.
    """
    sentence = look.received.hold_sentence or "Somebody at the core lab looks at the pixels before the image goes on."
    count = 0
    with transaction.atomic():
        concerned = PixelReview.objects.filter(Q(pk=look.pk) | Q(led_by=look))
        for one in concerned.select_for_update().order_by("pk"):
            received = ReceivedInstance.objects.get(pk=one.received_id)
            if one.state != PixelState.DECIDED or received.state != ReceivedState.RECEIVED:
                if one.pk == look.pk:
                    raise LookChanged("The image has gone on already, so the decision cannot be taken back.")
                continue
            advance(
                one,
                "take_back",
                actor=actor,
                at=at,
                round=one.round + 1,
                decided=None,
                decided_by=None,
                decided_at=None,
                led_by=None,
            )
            held: dict[str, Any] = {"hold_reason": HoldReason.PIXEL_REVIEW, "hold_sentence": sentence}
            advance(received, "call_back", actor=actor, at=at, **held)
            count += 1
    return count


def decision_on(received: ReceivedInstance) -> PixelReview | None:
    """Return the decision by which an image is to be de-identified, if a person made one."""
    return PixelReview.objects.filter(received=received, state=PixelState.DECIDED).first()


def note_applied(used: Mapping[int, PixelReview | None], *, at: dt.datetime) -> set[int]:
    """Note that images are filed as decided; return those, by number, whose decision is another one by now.

    In the transaction that files them: until it ends nobody decides anything else.
    """
    stale = set()
    for look in PixelReview.objects.select_for_update().filter(received__in=used).order_by("pk"):
        mine = used[look.received_id]
        decided = look.state == PixelState.DECIDED
        if decided if mine is None else not decided or look.round != mine.round:
            stale.add(look.received_id)
        elif mine is not None:
            advance(look, "apply", actor=None, at=at)
    return stale


def frame_png(*, look: PixelReview, number: int, whole_range: bool, actor: User, at: dt.datetime) -> bytes:
    """Return a frame of an original as PNG, in its own window or with all its values; the look is recorded.

    Parameters
    ----------
    number
        From 1.
    """
    access.require(actor, "imaging.review_pixels", look)
    audit.record_of_the_day("pixelreview.viewed", look, actor=actor, at=at)
    code = look.received.transfer.site.trial.code
    with originals.on_disk(look.received, trial_code=code) as path:
        step = "imaging.dicom.rendering:whole_picture" if whole_range else "imaging.dicom.rendering:picture"
        arguments = (str(path), number - 1) if whole_range else (str(path), number - 1, None)
        png: bytes = confined.call(step, *arguments, seconds=_PATIENCE)
    return png
