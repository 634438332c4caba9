"""Conditions of requests: an answer names what it is by its `ETag`, and a change may ask that nothing moved since.

The tag is a digest of the answer. It is compared in the step's own transaction, with the record's row locked.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer

from compliance.errors import HouseError


class ChangedMeanwhile(HouseError):
    """The record is another than the one that the request starts from."""

    code = "changed_meanwhile"
    status = 412


def tag_of(data: Any) -> str:
    """Return the tag of an answer."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def names(header: str, tag: str) -> bool:
    """Tell whether `If-Match` or `If-None-Match` names a tag (RFC 9110 §13.1)."""
    known = [one.strip().removeprefix("W/") for one in header.split(",")]
    return tag in known or known == ["*"]


def unchanged(tag: str) -> HttpResponse:
    """Return that what is known already is what would be answered."""
    return HttpResponse(status=304, headers={"ETag": tag})


def require(header: str, tag: str) -> None:
    """Refuse a change that starts from another record than there is.

    Raises
    ------
    ChangedMeanwhile
    """
    if not names(header, tag):
        raise ChangedMeanwhile("The record changed since you read it, so nothing was done. Read it again.")
