"""A person looks at the pixels of held images: asked for, decided, taken back, and carried out.

Whoever decides holds the row of the look, and so does whoever files the result: an image is archived as the last
decision says, or not at all.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from compliance import access, audit, confined, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance, advance_batch
from imaging.deid.pixels.regions import Region, covers
from imaging.models import PixelClaim, PixelReview, ReceivedInstance
from imaging.selectors import PROCESS
from imaging.selectors_pixels import series_of_look
from imaging.services import originals
from imaging.services.limits import budget
from imaging.states import HoldReason, KeptFor, PixelState, ReceivedState
from trials.models import Timepoint

#: A decision waits so long before it is carried out, so that it can be taken back.
GRACE = dt.timedelta(seconds=20)
#: Seconds that decoding a frame may take.
_PATIENCE = 20
#: Boxes of one image, at most.
MOST_REGIONS = 1000
#: What an image carries that goes on.
_FREE: dict[str, Any] = {"hold_reason": "", "hold_sentence": ""}


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
    """What de-identification asks a person: why, the regions that it proposes, and the size of the image.

    The first regions come from the device templates named, each from one. The device is its maker and its model.
    """

    why: str
    regions: Sequence[Sequence[int]]
    rows: int
    columns: int
    frames: int
    templates: Sequence[str] = ()
    device: tuple[str, str] = ("", "")


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
            "templates": list(what.templates),
            "manufacturer": what.device[0],
            "model": what.device[1],
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
        advance(
            current,
            "decide",
            actor=actor,
            at=at,
            decided={"blank": [list(one) for one in blank], "kept": [*current.standing, *kept]},
            decided_by=actor,
            decided_at=at,
        )
        advance(current.received, "release", actor=actor, at=at, **_FREE)
        decided = [current, *(_settle_series(current, blank, actor, at) if whole_series else ())]
        over = PixelClaim.objects.filter(look__in=decided)
        over.delete()
        for transfer in {one.received.transfer_id for one in decided}:
            jobs.enqueue(PROCESS, f"{transfer}:", at=at, delay=GRACE, transfer_id=transfer)
    return decided


def _settle_series(led_by: PixelReview, blank: Sequence[Region], actor: User, at: dt.datetime) -> list[PixelReview]:
    """Blank the same places in the waiting images of a series, as few statements as there are decisions."""
    alike: dict[str, list[PixelReview]] = {}
    waiting_on = []
    for look in _others(led_by):
        carried = [one.carried(led_by.frames, look.frames) for one in blank]
        here = [one for one in carried if one is not None]
        if all(covers(here, proposal) for proposal in look.regions):
            settled = {"blank": [list(one) for one in here], "kept": look.standing}
            alike.setdefault(json.dumps(settled), []).append(look)
        else:
            look.proposed = [*look.proposed, *(list(one) for one in here if list(one) not in look.proposed)]
            look.round += 1
            waiting_on.append(look)
    for said, looks in alike.items():
        by: dict[str, Any] = {"decided_by": actor, "decided_at": at, "led_by": led_by}
        rows = PixelReview.objects.filter(pk__in=[look.pk for look in looks])
        advance_batch(rows, "decide", about=led_by, actor=actor, at=at, decided=json.loads(said), **by)
    decided = [look for looks in alike.values() for look in looks]
    received = ReceivedInstance.objects.filter(pk__in=[look.received_id for look in decided])
    advance_batch(received, "release", about=led_by, actor=actor, at=at, **_FREE)
    added: dict[str, Any] = {"action": "pixelreview.boxes_added", "about": led_by, "of": "round"}
    audit.change_batch(waiting_on, ["proposed", "round"], actor=actor, at=at, **added)
    return decided


def _others(look: PixelReview) -> list[PixelReview]:
    """Waiting images of the same series and size, locked."""
    looks = list(series_of_look(look).select_for_update(of=("self",)).order_by("pk"))
    held = ReceivedInstance.objects.filter(pk__in=[one.received_id for one in looks], state=ReceivedState.HELD)
    still = set(held.select_for_update().order_by("pk").values_list("pk", flat=True))
    return [one for one in looks if one.received_id in still]


def _require_complete(look: PixelReview, decision: Decision) -> None:
    if len(decision.blank) > MOST_REGIONS or not all(
        region.is_within(look.rows, look.columns, look.frames) for region, _ in decision.blank
    ):
        raise LookIncomplete("A box lies outside the image. Reload the page and draw it again.")
    said = {number for _, number in decision.blank if number is not None} | decision.kept.keys()
    if said != set(range(len(look.proposed))):
        raise LookIncomplete("A proposed box is neither blanked nor taken away with a reason. Decide on each.")


def take_back(*, look: PixelReview, actor: User, at: dt.datetime) -> int:
    """Undo a decision, and what it decided in other images of the series; return how many images wait again.

    Raises
    ------
    LookChanged
        The image is in the archive already.
    """
    sentence = look.received.hold_sentence or "Somebody at the core lab looks at the pixels before the image goes on."
    with transaction.atomic():
        concerned = PixelReview.objects.filter(Q(pk=look.pk) | Q(led_by=look), state=PixelState.DECIDED)
        looks = list(concerned.select_for_update().order_by("pk"))
        here = ReceivedInstance.objects.filter(
            pk__in=[one.received_id for one in looks], state=ReceivedState.RECEIVED
        ).select_for_update()
        back = set(here.order_by("pk").values_list("pk", flat=True))
        if look.pk not in {one.pk for one in looks if one.received_id in back}:
            raise LookChanged("The image has gone on already, so the decision cannot be taken back.")
        rounds: dict[int, list[int]] = {}
        for one in looks:
            if one.received_id in back:
                rounds.setdefault(one.round, []).append(one.pk)
        undone: dict[str, Any] = {"decided": None, "decided_by": None, "decided_at": None, "led_by": None}
        for round, numbers in rounds.items():
            rows = PixelReview.objects.filter(pk__in=numbers)
            advance_batch(rows, "take_back", about=look, actor=actor, at=at, round=round + 1, **undone)
        held: dict[str, Any] = {"hold_reason": HoldReason.PIXEL_REVIEW, "hold_sentence": sentence}
        received = ReceivedInstance.objects.filter(pk__in=back)
        return len(advance_batch(received, "call_back", about=look, actor=actor, at=at, **held))


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


@dataclass(frozen=True, slots=True)
class Shown:
    """A film as it came: how many bytes it has, what they are, and what reads the part between two of them."""

    length: int
    content_type: str
    read: Callable[[int, int], bytes]


@contextmanager
def film(*, look: PixelReview, actor: User, at: dt.datetime) -> Iterator[Shown]:
    """Give the film of an original; the look is recorded.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It is no film.
    """
    access.require(actor, "imaging.review_pixels", look)
    audit.record_of_the_day("pixelreview.viewed", look, actor=actor, at=at)
    with originals.on_disk(look.received, trial_code=look.received.transfer.site.trial.code) as path:
        limits = budget(look.received.size)
        length, content_type = confined.call("imaging.deid.workshop:film", str(path), **limits)

        def read(begin: int, end: int) -> bytes:
            part: bytes = confined.call("imaging.deid.workshop:part_of_film", str(path), begin, end, **limits)
            return part

        yield Shown(length, content_type, read)
