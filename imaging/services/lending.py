"""Lending: images of the archive to programs outside, as far as the person may see them and the charter agrees."""

from __future__ import annotations

import datetime as dt

from compliance import access, tokens
from compliance.errors import HouseError
from compliance.models import User
from imaging.models import ArchiveToken
from imaging.selectors_outside import is_lent
from trials.models import Trial


class NotLent(HouseError):
    """The charter does not let images be taken into programs outside."""

    code = "not_lent"
    status = 403


def issue_archive_token(*, trial: Trial, actor: User, at: dt.datetime) -> tuple[ArchiveToken, str]:
    """Give a person a token for the images of a trial; return it with its secret, which is kept nowhere.

    Raises
    ------
    NotLent, compliance.access.AccessDenied
    """
    access.require(actor, "imaging.see_images", trial)
    if not is_lent(trial):
        raise NotLent(
            f"The imaging charter of {trial.code} does not let images be opened in programs outside. "
            "The trial administrator can propose it in a new version."
        )
    return tokens.issue(ArchiveToken(trial=trial), actor=actor, at=at)


def revoke_archive_token(*, token: ArchiveToken, actor: User, at: dt.datetime) -> ArchiveToken:
    """End a token before its time."""
    access.require(actor, "imaging.see_images", token.trial)
    return tokens.revoke(token, actor=actor, at=at)
