"""Steps of de-identification that read foreign bytes: each in a child process that may be killed."""

from __future__ import annotations

import logging
from typing import Any

from compliance import confined
from compliance.errors import HouseError
from imaging.deid.pixels.regions import Settled
from imaging.models import ReceivedInstance
from imaging.services import masking, originals
from imaging.services.archiving import Means
from imaging.services.limits import budget
from imaging.services.looking import Asked
from imaging.states import HoldReason
from trials.models import Timepoint

log = logging.getLogger(__name__)


class Held(HouseError):
    """The instance waits in quarantine, for a named reason."""

    def __init__(
        self, reason: HoldReason, sentence: str, asked: Asked | None = None, mask: masking.Asked | None = None
    ) -> None:
        super().__init__(sentence)
        self.reason, self.asked, self.mask = reason, asked, mask
        self.code = str(reason)


def look(received: ReceivedInstance, means: Means) -> dict[str, Any]:
    """Read the header of an instance in quarantine, in a child process.

    Raises
    ------
    Held
        It is no instance that can be worked on.
    """
    with originals.on_disk(received, trial_code=means.trial.code) as path:
        seen: dict[str, Any] = confined.call(
            "imaging.deid.workshop:look", str(path), means.secret, **budget(received.size)
        )
    return _unless_held(received, seen)


def deidentify(
    received: ReceivedInstance,
    means: Means,
    timepoint: Timepoint,
    *,
    settled: Settled | None = None,
    face: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], bytes]:
    """De-identify an instance in quarantine and search the result for leaks, in a child process.

    Returns its digest with the counters, and the output.

    Parameters
    ----------
    settled
        What a person decided on its pixels.
    face
        What looking for a face in its series gave.

    Raises
    ------
    Held
        It cannot be cleaned, or something of the person was still found.
    """
    subject = timepoint.subject
    identity = [means.trial.code, subject.site.code, subject.first_code, timepoint.code]
    with originals.on_disk(received, trial_code=means.trial.code) as path:
        result, output = confined.call(
            "imaging.deid.workshop:deidentify",
            str(path),
            means.terms,
            means.secret,
            identity,
            (),
            settled.plain() if settled else None,
            face,
            **budget(received.size, reading=means.recipe.reads_pixels),
        )
    return _unless_held(received, result), output


def _unless_held(received: ReceivedInstance, result: dict[str, Any]) -> dict[str, Any]:
    if "held" in result:
        if "fault" in result:
            log.error("received instance %s could not be processed: %s", received.pk, result["fault"])
        asked = None
        if "regions" in result:
            rows, columns, frames = result["size"]
            asked = Asked(
                result["detail"], result["regions"], rows, columns, frames, result["templates"], tuple(result["device"])
            )
        raise Held(HoldReason(result["held"]), result["sentence"], asked)
    return result


def same_content(one: ReceivedInstance, other: ReceivedInstance, *, trial_code: str) -> bool:
    """Tell whether two instances of a trial differ only in how their data sets are encoded."""
    digests = set()
    for received in (one, other):
        with originals.on_disk(received, trial_code=trial_code) as path:
            try:
                digests.add(confined.call("imaging.deid.workshop:content_digest", str(path), **budget(received.size)))
            except confined.Refused:
                return False
    return len(digests) == 1
