"""Proposed face masks, with what it takes to show them: in quarantine beside the originals, under their trial's key.

A proposal shows what a head looks like, so it is kept as an original is, and no longer than images of its series wait.
What is missing or damaged is made again from the originals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Exists, OuterRef

from compliance import audit, keys, storage, vault
from compliance import confined_child as wire
from compliance.errors import HouseError
from imaging.models import FaceReview, ReceivedInstance
from imaging.services import facing
from imaging.states import ReceivedState

#: Where they lie in quarantine.
FOLDER = "faces"
#: What is nobody's stays so long, as its row may be on its way.
_GRACE = dt.timedelta(hours=1)


class ProposalLost(HouseError):
    """What was proposed is not here, and cannot be made again, as the series is not what it was."""

    code = "look_changed"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "What was proposed of the series is not here any more, and its images have changed since. Have one of "
            "them sent again, or set the series aside in quarantine."
        )


def made_of(coarse: facing.Coarse, found: Mapping[str, Any], rows: Sequence[ReceivedInstance]) -> dict[str, Any]:
    """What is proposed of a series: `frames` are pairs of a received instance and a frame, copies left out.

    `seen` are digests of the images that have any.
    """
    proposal = facing.propose(coarse, found)
    first = {row.dataset_sha256: row.pk for row in reversed(rows)}
    shown = [(rows[file], frame) for file, frame in proposal["frames"]]
    proposal["frames"] = [[row.pk, frame] for row, frame in shown if first[row.dataset_sha256] == row.pk]
    proposal["seen"] = sorted({row.dataset_sha256 for row, _ in shown})
    return proposal


def of(review: FaceReview, *, at: dt.datetime | None) -> dict[str, Any]:
    """Return what is proposed of a series; where it is lost or damaged it is made again, and with `at` kept.

    Raises
    ------
    ProposalLost, KeyMissing, StoreUnavailable
    """
    trial_code = review.site.trial.code
    try:
        return read(review.proposal, trial_code=trial_code)
    except (FileNotFoundError, vault.Damaged):
        rows = list(facing.in_quarantine(review.series_uid_key, trial_code=trial_code))
    if facing.digest_of(rows) != review.content_sha256:
        raise ProposalLost
    coarse = facing.read_series(rows, trial_code=trial_code)
    proposal = made_of(coarse, facing.look_for_face(coarse), rows)
    if at is not None:
        review.proposal = keep(proposal, trial_code=trial_code)
        audit.save(review, action="facereview.proposed_again", actor=None, at=at)
    return proposal


def keep(proposal: Mapping[str, Any], *, trial_code: str) -> UUID:
    """Store a proposal and return its name.

    Raises
    ------
    KeyMissing, StoreUnavailable, OSError
    """
    name, key = uuid4(), keys.of_originals(trial_code)[-1].secret
    storage.put(storage.QUARANTINE, _key(name), b"".join(vault.lock(BytesIO(b"".join(wire.encode(proposal))), key)))
    return name


def read(name: UUID, *, trial_code: str) -> dict[str, Any]:
    """Return a proposal.

    Raises
    ------
    FileNotFoundError, vault.Damaged, KeyMissing, StoreUnavailable
    """
    with storage.open_file(storage.QUARANTINE, _key(name)) as stored:
        head = stored.read(vault.HEAD)
        stored.seek(0)
        content = b"".join(vault.unlock(stored, keys.that_locked(trial_code, vault.key_of(head))))
    proposal: dict[str, Any] = wire.decode(BytesIO(content).read)
    return proposal


def sweep(*, at: dt.datetime) -> None:
    """Let go of proposals for which no image waits any more, and of what a killed process left."""
    store = storage.of(storage.QUARANTINE)
    try:
        _, lying = store.listdir(FOLDER)
    except FileNotFoundError:
        return  # nobody has been asked yet
    waiting = ReceivedInstance.objects.filter(
        series_uid_key=OuterRef("series_uid_key"),
        transfer__site=OuterRef("site"),
        state__in=(ReceivedState.RECEIVED, ReceivedState.HELD),
    )
    wanted = {
        f"{name}.proposal" for name in FaceReview.objects.filter(Exists(waiting)).values_list("proposal", flat=True)
    }
    before = at - _GRACE
    over = [f"{FOLDER}/{name}" for name in lying if name not in wanted]
    storage.remove(storage.QUARANTINE, [key for key in over if store.get_modified_time(key) < before])


def _key(name: UUID) -> str:
    return f"{FOLDER}/{name}.proposal"
