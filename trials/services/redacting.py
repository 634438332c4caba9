"""Redaction: stray personal text leaves the audit trail by the signed act of two people, and the chain goes on to hold.

An auditor, who reads the trail, asks; the trial's administrator approves. The text goes from every event about the same
record that says it, from the copies that the net under the trail keeps, and from the record unless that is signed or
closed. What is left is where it stood, who had it taken out, when and why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from compliance import access, audit, redaction, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, AuditLink, Record, User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from trials.models import RedactedEvent, Redaction, Trial
from trials.states import RedactionState


class NotRedacted(HouseError):
    """The event has no such text, it is asked for already, or the same person asked and would decide."""

    code = "not_redacted"
    status = 409


def ask_redaction(
    *,
    trial: Trial,
    event: AuditEvent,
    places: Sequence[str],
    reason: str,
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> Redaction:
    """Ask, with a signature, that text be taken out of an event and of all that say it about the same record.

    Parameters
    ----------
    places
        JSON Pointers as `compliance.redaction.texts` gives them.
    reason
        Why; it stays in the trail, so it must not say what goes.

    Raises
    ------
    NotRedacted, compliance.transitions.ReasonRequired
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.ask_redaction", trial)
    chosen = _chosen(trial, event, places)
    if not reason.strip():
        raise ReasonRequired("Nothing was asked to be taken out: say why it has to go, without repeating it.")
    if said := next((text for text in chosen if text.casefold() in reason.casefold()), None):
        raise NotRedacted(
            f"Nothing was asked: the reason repeats {len(said)} letters of what is to go, and a reason stays. "
            "Put it otherwise."
        )
    with transaction.atomic():
        # Who presses twice asks once.
        Trial.objects.select_for_update().get(pk=trial.pk)
        if RedactedEvent.objects.filter(event=event, redaction__state=RedactionState.ASKED).exists():
            raise NotRedacted(f"Event {event.pk} was asked to be redacted already. Decide on that first.")
        asked = Redaction(trial=trial, reason=reason.strip()[:500], asked_by=actor, asked_at=at)
        audit.save(asked, action="redaction.asked", actor=actor, at=at, reason=asked.reason)
        for other, where in saying(event, chosen).items():
            part = RedactedEvent(redaction=asked, event_id=other, places=where)
            audit.save(part, action="redactedevent.named", actor=actor, at=at)
        # What is signed came in the same request.
        signing.sign(asked, signature.once_compared(), actor=actor, at=at)
    return asked


def _chosen(trial: Trial, event: AuditEvent, places: Sequence[str]) -> set[str]:
    there = redaction.texts(event)
    if event.trial_id != trial.pk or not places or not set(places) <= there.keys():
        raise NotRedacted(
            f"Nothing was asked: event {event.pk} has no such text. Load the page again and choose what has to go."
        )
    return {there[place] for place in places}


def saying(event: AuditEvent, words: Collection[str]) -> dict[int, list[str]]:
    """Return which events about the same record say one of these texts, and where in each."""
    about = {"trial_id": event.trial_id, "object_type": event.object_type, "object_id": event.object_id}
    found = {
        one.pk: sorted(place for place, text in redaction.texts(one).items() if text in words)
        for one in AuditEvent.objects.filter(**about).order_by("pk")
    }
    return {number: places for number, places in found.items() if places}


def standing(asked: Redaction) -> dict[str, list[int]]:
    """Return the texts that a redaction would take out, with the events that say each; for whoever decides."""
    found: dict[str, list[int]] = {}
    for part in asked.parts.select_related("event"):
        there = redaction.texts(part.event)
        for place in part.places:
            if place in there:
                found.setdefault(there[place], []).append(part.event_id)
    return found


def record_saying(event: AuditEvent, words: Collection[str]) -> Record | None:
    """Return the record that an event is about, if it says one of these texts itself."""
    try:
        record = apps.get_model(event.object_type)._base_manager.filter(pk=event.object_id).first()
    except (LookupError, ValueError):
        return None
    said = isinstance(record, Record) and {str(value) for value in vars(record).values()}.intersection(words)
    return record if said else None


def stays_in(record: Record) -> str:
    """Return why a record keeps what its history loses, as the end of a sentence; empty where it goes from both."""
    if signing.signatures_on(record).exists():
        return "it is signed"
    return record.frozen_by()


def approve_redaction(*, asked: Redaction, signature: Intent, actor: User, at: dt.datetime) -> Redaction:
    """Take the text out, as the second person, with a signature.

    Raises
    ------
    NotRedacted
        Who asked cannot approve, or more events say it by now than were signed for.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    _require_another(asked, actor)
    with transaction.atomic():
        parts = list(asked.parts.select_related("event", "event__link").order_by("event_id"))
        words = set(standing(asked))
        if {part.event_id: part.places for part in parts} != saying(parts[0].event, words):
            raise NotRedacted(
                "Nothing was taken out: since it was asked for, other events have come to say the same. "
                "Decline it with that reason, and have it asked anew."
            )
        advance(asked, "approve", actor=actor, at=at, signature=signature, decided_by=actor, decided_at=at)
        instead = f"[taken out: redaction {asked.pk}]"
        for part in parts:
            _take_out(part, instead, actor, at)
        record = record_saying(parts[0].event, words)
        if record is not None and not stays_in(record):
            audit.take_out(record, words, instead, actor=actor, at=at, reason=asked.reason)
        _take_out_of_the_net(parts[0].event, words, instead)
        advance(asked, "carry_out", actor=None, at=at)
    return asked


def _take_out(part: RedactedEvent, instead: str, actor: User, at: dt.datetime) -> None:
    link: AuditLink = part.event.link
    content_sha256 = redaction.take_out(part.event, part.places, instead)
    vouched: dict[str, Any] = {"event": part.event_id, "sequence": link.sequence, "mac": link.mac}
    audit.record(
        redaction.VOUCHING,
        part,
        actor=actor,
        at=at,
        after={**vouched, "content_sha256": content_sha256, "places": part.places},
    )


def _take_out_of_the_net(event: AuditEvent, words: Collection[str], instead: str) -> None:
    """django-auditlog keeps what was stored under the same names, once more."""
    try:
        kind = ContentType.objects.get_for_model(apps.get_model(event.object_type))
    except (LookupError, ValueError):
        return
    for entry in LogEntry.objects.filter(content_type=kind, object_pk=event.object_id):
        entry.changes = _without(entry.changes, words, instead)
        if entry.object_repr in words:
            entry.object_repr = instead
        entry.save(update_fields=["changes", "object_repr"])


def _without(value: Any, words: Collection[str], instead: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(member, words, instead) for name, member in value.items()}
    if isinstance(value, list):
        return [_without(member, words, instead) for member in value]
    return instead if isinstance(value, str) and value in words else value


def decline_redaction(*, asked: Redaction, reason: str, actor: User, at: dt.datetime) -> Redaction:
    """Leave the trail as it is, with a reason.

    Raises
    ------
    NotRedacted, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.access.AccessDenied
    """
    _require_another(asked, actor)
    return advance(asked, "decline", actor=actor, at=at, reason=reason, decided_by=actor, decided_at=at)


def _require_another(asked: Redaction, actor: User) -> None:
    access.require(actor, "trials.approve_redaction", asked)
    if asked.asked_by_id == actor.pk:
        raise NotRedacted("The redaction is not decided: you asked for it, so a second person has to.")
