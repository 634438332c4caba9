"""Taking text out of an event of the trail, so that its chain goes on to hold (ICH E6(R3) 4.2.2).

A name that somebody typed into a comment stands in the trail for good. Two people can have it taken out (their signed
act is the rooms' affair); what is kept of it is its place, and the link's code, which no longer fits the event. A later
event of the same chain vouches for that: it names the link, its code and the digest of what the event says now. Its own
code, made with the trail's key, proves it; so nobody who has the database alone can pass a change off as a redaction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.db import models

from compliance import chain
from compliance.models import AuditEvent
from compliance.sealing import columns

#: The event that vouches for one whose text was taken out.
VOUCHING = "redactedevent.taken_out"
#: Columns of an event from which text can be taken.
COLUMNS = ("before", "after", "reason")
#: What code wrote and no person typed: digests, numbers, moments, UIDs.
_CODED = re.compile(r"[0-9a-f-]{16,}|[\d.,:T+Z-]*", re.IGNORECASE)


def texts(event: AuditEvent) -> dict[str, str]:
    """Return the text of an event that a person may have typed, by its place: a JSON Pointer (RFC 6901)."""
    found = {"/reason": event.reason} if event.reason else {}
    for column in ("before", "after"):
        for name, value in (getattr(event, column) or {}).items():
            if _is_free(event.object_type, name):
                found |= dict(_strings(value, f"/{column}/{_escaped(name)}"))
    return found


def _is_free(object_type: str, name: str) -> bool:
    """Tell whether a field takes what a person writes: neither a choice, a key nor a code of fixed length."""
    try:
        field = next(f for f in apps.get_model(object_type)._meta.concrete_fields if f.attname == name)
    except (LookupError, ValueError, StopIteration):
        return True
    if isinstance(field, models.CharField):
        return not field.choices and (field.max_length or 0) > 64
    return isinstance(field, models.TextField | models.JSONField)


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if not _CODED.fullmatch(value):
            yield place, value
    elif isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in members:
            yield from _strings(member, f"{place}/{_escaped(str(name))}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def take_out(event: AuditEvent, places: Sequence[str], instead: str) -> str:
    """Put words in the place of text and return the SHA-256 of what the event says now.

    The database lets that pass for an event whose redaction two people have signed, and for these columns alone.
    """
    for place in places:
        column, *names = (_unescaped(name) for name in place.split("/")[1:])
        if not names:
            setattr(event, column, instead)
            continue
        holder: Any = getattr(event, column)
        for name in names[:-1]:
            holder = holder[int(name) if isinstance(holder, list) else name]
        holder[int(names[-1]) if isinstance(holder, list) else names[-1]] = instead
    event.save(update_fields=COLUMNS)
    return digest(_stored(event))


def _stored(event: AuditEvent) -> Sequence[Any]:
    row: Sequence[Any] = AuditEvent.objects.values_list(*columns()).get(pk=event.pk)
    return row


def digest(row: Sequence[Any]) -> str:
    """Return the SHA-256 of an event as links are made over it; `row` as `chain.content` takes it."""
    return hashlib.sha256(chain.content(row).encode("utf-8", "surrogatepass")).hexdigest()


def vouches(said: Mapping[str, Any] | None, *, sequence: int, mac: str, row: Sequence[Any]) -> bool:
    """Tell whether a vouching event speaks of this link and of what its event says now."""
    said = said or {}
    wanted = {"sequence": sequence, "mac": mac, "content_sha256": digest(row)}
    return all(said.get(name) == value for name, value in wanted.items())
