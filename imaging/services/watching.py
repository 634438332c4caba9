"""Watching a site's connection: when each scanner was last heard, why it was refused, and what its tests said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Subquery

from compliance import audit
from compliance.models import AuditEvent
from imaging.models import ConnectionTest, ReceivedInstance, Transfer
from imaging.selectors import NOT_ENCRYPTED, OTHER_CERTIFICATE, OTHER_TITLE, SWITCHED_OFF
from imaging.services import hearing
from imaging.services.hearing import Sign
from trials.models import ApplicationEntity, Site

Kind = ConnectionTest.Kind
#: Seconds after the last image of a test study in which more may come, and in which a worker takes a call up.
_GOING_ON, _TAKEN_UP = dt.timedelta(seconds=5), dt.timedelta(seconds=20)
#: Tests of a kind that the page lists.
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that we refused: when, why, and what to do about it."""

    at: dt.datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """The line to one scanner or archive.

    `refused` is there if nothing was accepted since; `waiting` says that our call was asked for and is not over,
    `late` that no worker has taken it up in time.
    """

    entity: ApplicationEntity
    called_at: dt.datetime | None
    echoed_at: dt.datetime | None
    images_at: dt.datetime | None
    delivery: Transfer | None
    refused: Refused | None
    call: ConnectionTest | None
    waiting: bool
    late: bool

    @property
    def can_be_called(self) -> bool:
        """Tell whether its record says where it listens."""
        return bool(self.entity.host and self.entity.port)


@dataclass(frozen=True, slots=True)
class Watched:
    """A site's lines, and its latest tests; `running` while one is under way."""

    lines: Sequence[Line]
    calls: Sequence[ConnectionTest]
    studies: Sequence[ConnectionTest]
    going_on: ConnectionTest | None
    running: bool


def watch(site: Site, *, at: dt.datetime) -> Watched:
    """Tell how the connection with a site stands."""
    tests = ConnectionTest.objects.filter(entity__site=site).select_related("entity", "asked_by")
    studies = list(tests.filter(kind=Kind.STUDY)[:_LISTED])
    lines = _lines(site, at)
    latest = studies[0] if studies else None
    going_on = latest if latest and latest.ended_at and latest.ended_at > at - _GOING_ON else None
    return Watched(
        lines=lines,
        calls=list(tests.filter(kind=Kind.ECHO, ended_at__isnull=False)[:_LISTED]),
        studies=studies,
        going_on=going_on,
        running=going_on is not None or any(line.waiting and not line.late for line in lines),
    )


def _lines(site: Site, at: dt.datetime) -> list[Line]:
    """The line to each scanner and archive of a site, with the latest of everything that was heard of it."""
    images = ReceivedInstance.objects.filter(transfer=OuterRef("pk"))
    sent = Transfer.objects.filter(Exists(images), site=site, door=Transfer.Door.DIMSE, sender=OuterRef("title"))
    called = ConnectionTest.objects.filter(entity=OuterRef("pk"), kind=Kind.ECHO)
    entities = list(
        site.application_entities.annotate(
            delivery=Subquery(sent.order_by("-pk").values("pk")[:1]),
            call=Subquery(called.order_by("-pk").values("pk")[:1]),
        )
    )
    latest = images.order_by("-pk").values("received_at")[:1]
    deliveries = Transfer.objects.annotate(images_at=Subquery(latest)).in_bulk([one.delivery for one in entities])
    calls = ConnectionTest.objects.in_bulk([one.call for one in entities])
    refusals = audit.latest_of_each(entities, "association.refused")
    return [
        _line(one, deliveries.get(one.delivery), calls.get(one.call), refusals.get(str(one.pk)), at) for one in entities
    ]


def _line(
    entity: ApplicationEntity, delivery: Any, call: ConnectionTest | None, refusal: AuditEvent | None, at: dt.datetime
) -> Line:
    called_at = hearing.last(entity.pk, Sign.CALLED)
    waiting = call is not None and call.ended_at is None
    return Line(
        entity=entity,
        called_at=called_at,
        echoed_at=hearing.last(entity.pk, Sign.ECHOED),
        images_at=delivery and delivery.images_at,
        delivery=delivery,
        refused=_refused(entity, refusal, called_at),
        call=call,
        waiting=waiting,
        late=bool(waiting and call and call.began_at < at - _TAKEN_UP),
    )


def _refused(entity: ApplicationEntity, event: AuditEvent | None, called_at: dt.datetime | None) -> Refused | None:
    if event is None or (called_at is not None and called_at > event.at):
        return None
    return Refused(event.at, _cure(entity, str((event.after or {}).get("why", ""))))


def _cure(entity: ApplicationEntity, why: str) -> str:
    """Say what was wrong with a call that we refused, and what to do about it."""
    tls = f"on port {settings.DICOM_TLS_PORT}" if settings.DICOM_TLS_PORT else "once this installation offers it"
    cures = {
        NOT_ENCRYPTED: f"It called without encryption, which the site's record does not allow. Let it call over TLS "
        f"{tls}, or ask the trial administrator to allow DICOM without encryption.",
        OTHER_CERTIFICATE: f"It showed the certificate of another AE title. Set its own title to that one, or ask the "
        f"trial administrator to enter its certificate in the record of {entity.title}.",
        SWITCHED_OFF: f"{entity.title} is switched off here. Ask the trial administrator to switch it on.",
        OTHER_TITLE: f"Somebody called from its address under a title that no site has. Set the scanner's own "
        f"(calling) AE title to {entity.title}.",
    }
    return cures.get(why, "Ask the trial administrator to compare its settings with this page.")
