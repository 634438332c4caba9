"""Questions about programs outside: which tokens stand, and what they open."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from compliance import access, tokens
from compliance.models import User
from imaging.models import ArchiveToken, Series
from trials.models import Trial


def is_lent(trial: Trial) -> bool:
    """Whether the charter in force lets those who know of sites use programs of their own."""
    charter = trial.charter_in_force
    return charter is not None and "staff" in charter.terms.external_viewers


def archive_token(secret: str, at: dt.datetime) -> ArchiveToken | None:
    """The token whose secret this is, while it stands, its holder may see images, and the charter agrees."""
    token = tokens.standing(ArchiveToken.objects.select_related("trial"), secret, at)
    opens = token and access.may(token.holder, "imaging.see_images", token.trial) and is_lent(token.trial)
    return token if opens else None


def archive_tokens_of(user: User) -> QuerySet[ArchiveToken]:
    """The person's own tokens."""
    return ArchiveToken.objects.filter(holder=user).select_related("trial")


def series_opened_by(token: ArchiveToken) -> QuerySet[Series]:
    """Series of the trial, at the sites whose images the token's holder may see."""
    trial: Trial = token.trial
    sites = [site for site in trial.sites.all() if access.may(token.holder, "imaging.see_images", site)]
    return Series.objects.filter(imaging_study__trial=trial, imaging_study__timepoint__subject__site__in=sites)
