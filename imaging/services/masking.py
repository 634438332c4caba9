"""A person decides on the face mask of a series: asked for, decided, taken back, refused, and carried out.

A decision stands for the series as it was seen. Whoever decides holds the row of the look, and so does whoever files
the result: an image is archived as the last decision on its whole series says, or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from compliance import access, audit, confined, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance, advance_batch
from imaging.deid.faces.choosing import Choice
from imaging.models import FaceClaim, FaceReview, ReceivedInstance
from imaging.selectors import PROCESS
from imaging.services import facing, proposals
from imaging.services.looking import GRACE
from imaging.services.resolving import discard_held
from imaging.states import FaceState, HoldReason, NoFace, ReceivedState
from trials.models import Timepoint

#: Why images wait, for whoever sent them.
SENTENCE = (
    "The images may show a face, so somebody at the core lab looks at what is taken out of them before they go on. "
    "The site need not do anything."
)
_OPEN, _STANDING = (FaceState.WAITING, FaceState.DECIDED), (FaceState.DECIDED, FaceState.APPLIED)
_NOTHING: dict[str, Any] = {"decided": None, "decided_by": None, "decided_at": None}
_FREE: dict[str, Any] = {"hold_reason": "", "hold_sentence": ""}


class FaceChanged(HouseError):
    """Somebody else decided, or further images of the series came, since the page was opened."""

    code = "look_changed"
    status = 409


class FaceIncomplete(HouseError):
    """What was decided cannot be carried out on the series."""

    code = "look_incomplete"
    status = 422


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is to be asked of a series; `proposal` is None where the look that waits has it already."""

    series: str
    content_sha256: str
    proposal: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of the face in a series: what the machine found, what a person decided, or whom to ask.

    `seen` are digests of the images that the person was shown.
    """

    looked: Mapping[str, Any] | None = None
    review: FaceReview | None = None
    seen: frozenset[str] = frozenset()
    asked: Asked | None = None

    def looked_at(self, received: ReceivedInstance) -> dict[str, Any] | None:
        """Return what `imaging.deid.workshop.deidentify` is told; nobody decided on an image that cannot be shown."""
        if self.looked is None:
            return None
        if self.review is not None and received.dataset_sha256 not in self.seen:
            return {"problem": "pixels_unreadable"}
        return dict(self.looked)


# --- before a decision --------------------------------------------------------------------------------------


def answer_for(received: ReceivedInstance, *, faces: str, trial_code: str) -> Answer:
    """Tell what becomes of the face in the series of an image.

    Parameters
    ----------
    faces
        What the recipe says of faces. With `keep` nothing is looked for; but a series about which a person was asked
        under another recipe is still that person's.
    """
    series = received.series_uid_key
    review = _latest(received)
    if faces == "keep" and review is None:
        return Answer()
    rows = list(facing.in_quarantine(series, trial_code=trial_code))
    content = facing.digest_of(rows)
    same = review is not None and review.content_sha256 == content
    if review is not None and same and review.state in _STANDING:
        proposal = proposals.of(review, at=None)
        settled = settle(proposal, review.decided or {})
        if settled["sha256"] == (review.decided or {}).get("place_sha256"):
            return Answer(settled["looked"], review, frozenset(proposal["seen"]))
    if review is not None and same and review.state == FaceState.WAITING:
        return Answer(asked=Asked(series, content, None))
    coarse = facing.read_series(rows, trial_code=trial_code)
    found = facing.look_for_face(coarse)
    if faces == "mask" and not found["problem"] and (review is None or review.state not in _OPEN):
        return Answer(found)
    return Answer(asked=Asked(series, content, proposals.made_of(coarse, found, rows)))


def _latest(received: ReceivedInstance) -> FaceReview | None:
    """The last look at the series of an image that was not refused."""
    looks = FaceReview.objects.filter(site=received.transfer.site_id, series_uid_key=received.series_uid_key)
    return looks.exclude(state=FaceState.REFUSED).order_by("-pk").first()


def ask(asked: Iterable[tuple[ReceivedInstance, Timepoint | None, Asked]], *, at: dt.datetime) -> set[str]:
    """Let series whose images are to be held wait for a look; return those on which somebody has decided meanwhile.

    In the transaction that holds them.
    """
    settled = set()
    for received, timepoint, what in asked:
        assert timepoint is not None  # an image is matched before it is asked about
        site = received.transfer.site
        looks = FaceReview.objects.select_for_update().filter(site=site, series_uid_key=what.series)
        look = looks.exclude(state=FaceState.REFUSED).order_by("-pk").first()
        same = look is not None and look.content_sha256 == what.content_sha256
        if look is not None and same and look.state == FaceState.WAITING:
            continue
        if what.proposal is None:
            settled.add(what.series)  # it waited a moment ago
            continue
        seen: dict[str, Any] = {
            "timepoint": timepoint,
            "content_sha256": what.content_sha256,
            "proposal": proposals.keep(what.proposal, trial_code=site.trial.code),
            "pictures": len(what.proposal["frames"]),
            "found": bool(what.proposal["face"]),
            "doubt": what.proposal["doubt"],
        }
        before = look.decided if look else None
        if look is None or look.state == FaceState.APPLIED:
            new = FaceReview(site=site, series_uid_key=what.series, modality=received.modality, opened_at=at, **seen)
            new.before = before
            audit.save(new, action="facereview.asked", actor=None, at=at)
        elif look.state == FaceState.DECIDED:
            advance(look, "ask_again", actor=None, at=at, round=look.round + 1, before=before, **_NOTHING, **seen)
        else:
            for name, value in (seen | {"round": look.round + 1}).items():
                setattr(look, name, value)
            audit.save(look, action="facereview.asked", actor=None, at=at)
    return settled


def renew(*, review: FaceReview, at: dt.datetime) -> FaceReview:
    """Propose anew where images of a series that waits were set aside; what is still being read proposes itself."""
    rows = list(facing.in_quarantine(review.series_uid_key, trial_code=review.site.trial.code))
    content, held = facing.digest_of(rows), held_for(review).first()
    reading = _of_series(review).filter(state=ReceivedState.RECEIVED)
    if held is None or content == review.content_sha256 or reading.exists():
        return review
    coarse = facing.read_series(rows, trial_code=review.site.trial.code)
    proposal = proposals.made_of(coarse, facing.look_for_face(coarse), rows)
    with transaction.atomic():
        ask([(held, review.timepoint, Asked(review.series_uid_key, content, proposal))], at=at)
    return FaceReview.objects.select_related("site__trial", "timepoint__subject", "decided_by").get(pk=review.pk)


# --- a decision ---------------------------------------------------------------------------------------------


def decide(
    *, review: FaceReview, round: int, choice: Choice | None, no_face: NoFace | None, actor: User, at: dt.datetime
) -> int:
    """Decide what is taken out of a series, or that it shows no face; return how many images go on, after `GRACE`.

    Parameters
    ----------
    round
        The round of the look that the person was shown.
    choice, no_face
        The mask; or, without one, why there is nothing to take out.

    Raises
    ------
    FaceChanged
        It is not the same look any more, or further images of the series have come.
    FaceIncomplete
        Neither was said, or the mask needs what the series does not say.
    """
    access.require(actor, "imaging.review_pixels", review)
    if (choice is None) == (no_face is None):
        raise FaceIncomplete("Say either what is taken out, or why there is no face. Nothing was changed.")
    said: dict[str, Any] = {"choice": choice.plain()} if choice else {"no_face": str(no_face)}
    settled = settle(proposals.of(review, at=at), said)
    decided = {**said, "place_sha256": settled["sha256"], "share": settled["share"]}
    with transaction.atomic():
        current = _locked(review, round)
        rows = facing.in_quarantine(current.series_uid_key, trial_code=current.site.trial.code)
        if facing.digest_of(rows) != current.content_sha256:
            raise FaceChanged(
                "Further images of the series have come, or some were set aside. Nothing was decided. Open it again: "
                "what is proposed is made anew as soon as they are read."
            )
        advance(current, "decide", actor=actor, at=at, decided=decided, decided_by=actor, decided_at=at)
        held = held_for(current)
        transfers = set(held.values_list("transfer", flat=True))
        released = advance_batch(held, "release", about=current, actor=actor, at=at, **_FREE)
        _let_go(current)
        for transfer in transfers:
            jobs.enqueue(PROCESS, f"{transfer}:", at=at, delay=GRACE, transfer_id=transfer)
    return len(released)


def settle(proposal: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a decision comes to (`imaging.deid.faces.choosing.settle`).

    Raises
    ------
    FaceIncomplete
    """
    try:
        settled: dict[str, Any] = confined.call(
            "imaging.deid.faces.choosing:settle",
            dict(proposal),
            said.get("choice"),
            seconds=facing.SECONDS,
            memory=facing.MEMORY,
        )
    except confined.Refused as problem:
        raise FaceIncomplete("Such a mask cannot be made of this series. Choose another.") from problem
    return settled


def refuse(*, review: FaceReview, round: int, reason: str, actor: User, at: dt.datetime) -> int:
    """Set the images of a series aside for good, as its face cannot be taken out; return how many.

    Raises
    ------
    FaceChanged
    """
    access.require(actor, "imaging.review_pixels", review)
    with transaction.atomic():
        current = _locked(review, round)
        by: dict[str, Any] = {"decided_by": actor, "decided_at": at}
        advance(current, "refuse", actor=actor, at=at, reason=reason, **by)
        _let_go(current)
        return discard_held(instances=held_for(current), reason=reason, actor=actor, at=at)


def take_back(*, review: FaceReview, actor: User, at: dt.datetime) -> int:
    """Undo a decision; return how many images wait again.

    Raises
    ------
    FaceChanged
        An image of the series is in the archive already.
    """
    with transaction.atomic():
        current = FaceReview.objects.select_for_update().get(pk=review.pk)
        if current.state != FaceState.DECIDED:
            raise FaceChanged("The series has gone on already, so the decision cannot be taken back.")
        advance(current, "take_back", actor=actor, at=at, round=current.round + 1, before=current.decided, **_NOTHING)
        gone_on = _of_series(current).filter(state=ReceivedState.RECEIVED)
        held: dict[str, Any] = {"hold_reason": HoldReason.FACE_REVIEW, "hold_sentence": SENTENCE}
        return len(advance_batch(gone_on, "call_back", about=current, actor=actor, at=at, **held))


def _locked(review: FaceReview, round: int) -> FaceReview:
    current = FaceReview.objects.select_for_update().get(pk=review.pk)
    if current.state != FaceState.WAITING or current.round != round:
        raise FaceChanged("Somebody has decided on this series, or it was read again. Nothing was changed; go on.")
    return current


def _of_series(review: FaceReview) -> QuerySet[ReceivedInstance]:
    return ReceivedInstance.objects.filter(series_uid_key=review.series_uid_key, transfer__site=review.site_id)


def held_for(review: FaceReview) -> QuerySet[ReceivedInstance]:
    """Return the images that wait for a look."""
    return _of_series(review).filter(state=ReceivedState.HELD, hold_reason=HoldReason.FACE_REVIEW)


def on_their_way(review: FaceReview) -> QuerySet[ReceivedInstance]:
    """Return the images that go on when it is decided: those that wait, and those that are still being read."""
    states = Q(state=ReceivedState.RECEIVED) | Q(state=ReceivedState.HELD, hold_reason=HoldReason.FACE_REVIEW)
    return _of_series(review).filter(states)


def _let_go(review: FaceReview) -> None:
    claims = FaceClaim.objects.filter(look=review)
    claims.delete()


# --- after a decision ---------------------------------------------------------------------------------------


def note_applied(used: Sequence[tuple[ReceivedInstance, FaceReview | None]], *, at: dt.datetime) -> set[int]:
    """Note that images are filed as decided; return those, by number, whose decision is another one by now.

    So are those that a machine masked of a series about which somebody is asked. In the transaction that files them:
    until it ends nobody decides anything else. Their delivery is worked on once more.
    """
    looks: dict[tuple[int, str], FaceReview] = {}
    asked = FaceReview.objects.filter(series_uid_key__in={received.series_uid_key for received, _ in used})
    for look in asked.exclude(state=FaceState.REFUSED).select_for_update().order_by("pk"):
        looks[look.site_id, look.series_uid_key] = look
    stale = {}
    for received, mine in used:
        now = looks.get((received.transfer.site_id, received.series_uid_key))
        if mine is None:
            stands = now is None or now.state not in _OPEN
        else:
            stands = now is not None and now.state in _STANDING and (now.pk, now.round) == (mine.pk, mine.round)
        if not stands:
            stale[received.pk] = received.transfer_id
    for mine in {mine.pk: mine for received, mine in used if mine and received.pk not in stale}.values():
        if looks[mine.site_id, mine.series_uid_key].state == FaceState.DECIDED:
            advance(looks[mine.site_id, mine.series_uid_key], "apply", actor=None, at=at)
    for transfer in set(stale.values()):
        jobs.enqueue(PROCESS, f"{transfer}:", at=at, delay=GRACE, transfer_id=transfer)
    return set(stale)
