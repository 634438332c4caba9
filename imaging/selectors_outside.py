"""Questions about programs outside: which tokens stand, and what they open."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from compliance import access, tokens
from compliance.models import User
from imaging.models import ArchiveToken, ImagingStudy, Instance, Series
from imaging.states import OriginalState
from trials import release
from trials.models import Role, Trial
from trials.release import Artefact
from trials.selectors import sites_coordinated_by, trials_of
from trials.states import SubjectState


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


def studies_seen_by(user: User) -> QuerySet[ImagingStudy]:
    """Scans that the person may look at and that were not erased, each with its series and what is `held` of them.

    Cases that train readers are nobody's scans.
    """
    roles = release.roles_of(Artefact.ARCHIVE)
    released = trials_of(user, *roles).filter(state__in=release.states_of(Artefact.ARCHIVE))
    seen = Q(timepoint__subject__site__in=sites_coordinated_by(user).values("pk"))
    # Of no role at all, `trials_of` would make any.
    if whole := [role for role in roles if role is not Role.SITE_COORDINATOR]:
        seen |= Q(trial__in=trials_of(user, *whole))
    kept = Instance.objects.filter(series__imaging_study=OuterRef("pk"), stored_state=OriginalState.KEPT)
    held = Count("instances", filter=Q(instances__stored_state=OriginalState.KEPT))
    series = Series.objects.annotate(held=held).filter(held__gt=0).order_by("number", "pk")
    found = ImagingStudy.objects.filter(Exists(kept), seen, trial__in=released)
    found = found.exclude(timepoint__subject__state=SubjectState.CASE).order_by("pk")
    return found.select_related("timepoint__subject__trial").prefetch_related(Prefetch("series", queryset=series))
