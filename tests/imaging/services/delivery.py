"""Deliveries to the services, as the doors make them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from compliance import jobs
from compliance.models import User
from imaging.models import Transfer
from imaging.services.receiving import Origin, index_spool, open_transfer, receive_instance
from tests.factories import AT, World
from trials.models import Site, Timepoint


def by_scanner(world: World, files: Iterable[bytes], *, site: Site | None = None, work: bool = True) -> Transfer:
    """Send files by C-STORE, index them, and do the work that this asks for."""
    site = site or world.north
    origin = Origin(door=Transfer.Door.DIMSE, site_id=site.pk, sender=f"{site.code}_CT", delivery=uuid.uuid4())
    return _deliver(files, origin, work)


def by_coordinator(
    world: World, files: Iterable[bytes], timepoint: Timepoint, *, actor: User | None = None, work: bool = True
) -> Transfer:
    """Upload files for a timepoint as the site's coordinator."""
    actor = actor or world.coordinator
    transfer = open_transfer(timepoint=timepoint, actor=actor, at=AT)
    origin = Origin(
        door=Transfer.Door.WEB,
        site_id=transfer.site_id,
        sender=actor.username,
        delivery=transfer.public_id,
        user_id=actor.pk,
        timepoint_id=timepoint.pk,
    )
    return _deliver(files, origin, work)


def _deliver(files: Iterable[bytes], origin: Origin, work: bool, at: dt.datetime = AT) -> Transfer:
    for file in files:
        receive_instance(file, origin=origin, at=at)
    index_spool(at=at)
    if work:
        jobs.drain()
    return Transfer.objects.get(public_id=origin.delivery)


def through(door: str, world: World, files: Iterable[bytes], timepoint: Timepoint, *, at: dt.datetime = AT) -> Transfer:
    """Deliver files of a timepoint's subject as a door does, and do the work that this asks for."""
    by_a_person = door == Transfer.Door.WEB
    origin = Origin(
        door=door,
        site_id=timepoint.site.pk,
        sender="sender",
        delivery=uuid.uuid4(),
        user_id=world.coordinator.pk if by_a_person else None,
        timepoint_id=timepoint.pk if by_a_person else None,
    )
    return _deliver(files, origin, True, at)
