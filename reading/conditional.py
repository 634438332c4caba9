"""Requests that name the version they start from, and bodies in JSON: what a viewer stores, it stores so."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest

from compliance.errors import HouseError

#: Bytes of a body; what a browser sends beyond its own limits is refused before.
MOST_BYTES = 8 * 1024 * 1024


class NotUnderstood(HouseError):
    """The body of a request is none that the address takes."""

    code = "not_understood"
    status = 422


class ConditionMissing(HouseError):
    """The request does not say which version it starts from, so that it could overwrite one it never saw."""

    code = "condition_missing"
    status = 428


def expected_version(request: HttpRequest) -> int | None:
    """Return the version that a request starts from: a number from `If-Match`, None where the record is to be new.

    Raises
    ------
    ConditionMissing
        There is neither `If-Match: "<version>"` nor `If-None-Match: *`.
    """
    if request.headers.get("If-None-Match") == "*":
        return None
    said = request.headers.get("If-Match", "").removeprefix("W/").strip('"')
    if said.isascii() and said.isdecimal() and len(said) < 10:
        return int(said)
    raise ConditionMissing("The request does not say which version it starts from. Reload the page and try again.")


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the body of a request, which is an object in JSON.

    Raises
    ------
    NotUnderstood
    """
    try:
        found = json.loads(request.body) if len(request.body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotUnderstood("The request is not understood, so nothing was stored. Reload the page and try again.")
    return found
