"""Resolving what waits in quarantine: give it a place and try again, or set it aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction

from compliance import access, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from imaging.models import ReceivedInstance, Transfer
from imaging.selectors import PROCESS
from imaging.services.consenting import require_consent
from trials.models import Timepoint


class OtherSite(HouseError):
    """The timepoint chosen is of another site than the one that sent the images."""

    code = "other_site"
    status = 409


class OtherDelivery(HouseError):
    """An instance is not part of the delivery that is being resolved."""

    code = "other_delivery"
    status = 409


def resolve_held(
    *,
    transfer: Transfer,
    instances: Iterable[ReceivedInstance],
    timepoint: Timepoint,
    actor: User,
    at: dt.datetime,
) -> int:
    """Assign held instances to a timepoint of the sending site and work on them again; return how many."""
    access.require(actor, "imaging.resolve", transfer)
    if timepoint.subject.site_id != transfer.site_id:
        raise OtherSite("The timepoint is of another site than the one that sent the images. Choose another timepoint.")
    require_consent(timepoint.subject)
    count = 0
    with transaction.atomic():
        for received in instances:
            if received.transfer_id != transfer.pk:
                raise OtherDelivery("An image is not of this delivery, so nothing was assigned. Reload the page.")
            advance(
                received,
                "retry",
                actor=actor,
                at=at,
                reason=f"assigned to {timepoint}",
                timepoint=timepoint,
                hold_reason="",
                hold_sentence="",
            )
            count += 1
        if count:
            jobs.enqueue(PROCESS, f"{transfer.pk}:", at=at, transfer_id=transfer.pk)
    return count


def discard_held(*, instances: Iterable[ReceivedInstance], reason: str, actor: User, at: dt.datetime) -> int:
    """Set held instances aside for good, with a reason; their bytes stay by the retention rule."""
    with transaction.atomic():
        return sum(bool(advance(received, "discard", actor=actor, at=at, reason=reason)) for received in instances)
