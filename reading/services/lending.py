"""Lending: the blinded pictures of a read to a program outside, where the charter agrees."""

from __future__ import annotations

import datetime as dt

from compliance import access, tokens
from compliance.errors import HouseError
from compliance.models import User
from reading.models import ReadTask, ReadToken
from reading.selectors_outside import is_lent


class NotLent(HouseError):
    """The charter does not let readers take images into programs outside."""

    code = "not_lent"
    status = 403


def issue_read_token(*, task: ReadTask, actor: User, at: dt.datetime) -> tuple[ReadToken, str]:
    """Give a reader a token for the pictures of a read; return it with its secret, which is kept nowhere.

    Raises
    ------
    NotLent, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    if not is_lent(task.charter):
        raise NotLent(
            "The imaging charter does not let images be opened in programs outside. Read them on the page of the read."
        )
    return tokens.issue(ReadToken(task=task), actor=actor, at=at)


def revoke_read_token(*, token: ReadToken, actor: User, at: dt.datetime) -> ReadToken:
    """End a token before its time."""
    access.require(actor, "reading.read", token.task)
    return tokens.revoke(token, actor=actor, at=at)
