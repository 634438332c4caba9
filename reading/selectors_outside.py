"""Questions about programs outside: which tokens for reads stand."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from compliance import access, tokens
from compliance.models import User
from reading.models import ReadToken
from trials.models import ImagingCharter


def is_lent(charter: ImagingCharter) -> bool:
    """Whether a charter lets readers use programs of their own."""
    return "readers" in charter.terms.external_viewers


def read_token(secret: str, at: dt.datetime) -> ReadToken | None:
    """The token whose secret this is, while it stands, the read is its holder's, and the charter agrees."""
    known = ReadToken.objects.select_related("task__timepoint__subject__trial", "task__charter", "task__reader")
    token = tokens.standing(known, secret, at)
    opens = token and access.may(token.holder, "reading.read", token.task) and is_lent(token.task.charter)
    return token if opens else None


def read_tokens_of(user: User) -> QuerySet[ReadToken]:
    """The person's own tokens."""
    return ReadToken.objects.filter(holder=user).select_related("task__timepoint__subject__trial")
