"""Qualifying a site: the gate before its subjects, and the signature that opens it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from trials.models import ImagingCharter, Scanner, Site, SiteQualification, UploadTest
from trials.selectors_sites import Standing, in_use, standing_of
from trials.states import AnswersState, QualificationState, ScannerState, UploadTestState


class SiteNotQualified(HouseError):
    """A subject was to be enrolled at a site that has not shown what the charter asks."""

    code = "site_not_qualified"
    status = 409


class NotReady(HouseError):
    """A site was to be qualified that lacks a part, or of which nothing is asked."""

    code = "site_not_ready"
    status = 409


class AlreadyQualified(HouseError):
    """The site's qualification stands, and covers what the charter asks."""

    code = "already_qualified"
    status = 409


def require_qualified(site: Site, charter: ImagingCharter, at: dt.datetime) -> None:
    """Refuse to enrol at a site that has not shown what the charter in force asks.

    A qualification of an earlier version counts while it covers what the version in force asks, or where that says
    so (`earlier: stay`). Subjects who are enrolled already go on in any case.

    Raises
    ------
    SiteNotQualified
        With all that is missing, and who can do it.
    """
    standing = standing_of(site, at, charter)
    if not standing.is_open:
        raise SiteNotQualified(refusal(standing))


def refusal(standing: Standing) -> str:
    """Say why nobody is enrolled at a site, what is missing, and where to go on."""
    return (
        f"{standing.why_closed} Nobody can be enrolled there until it is. Missing: {'; '.join(standing.missing)}. "
        "Its page “Qualification” says what to do."
    )


def qualify_site(*, site: Site, signature: Intent, actor: User, at: dt.datetime) -> SiteQualification:
    """Sign that a site has shown what the charter asks; its scanners count as qualified, and it may enrol.

    Raises
    ------
    NotReady
        A part is missing; all of them are named.
    AlreadyQualified
    """
    access.require(actor, "trials.qualify_site", site)
    with transaction.atomic():
        site = Site.objects.select_for_update(of=("self",)).select_related("trial").get(pk=site.pk)
        standing = standing_of(site, at)
        charter = standing.charter
        if charter is None or not standing.parts:
            raise NotReady(f"The charter in force asks nothing of site {site.code}, so there is nothing to sign.")
        if standing.is_open:
            raise AlreadyQualified(f"Site {site.code} is qualified already. End that first if it no longer holds.")
        if not standing.is_ready:
            raise NotReady(f"Site {site.code} cannot be qualified yet. Missing: {'; '.join(standing.missing)}.")
        if standing.qualification is not None:
            advance(standing.qualification, "follow", actor=None, at=at, ended_at=at)
        qualification = to_sign(site, charter, at)
        signing.require_unchanged(qualification, signature)
        audit.save(qualification, action="sitequalification.prepared", actor=actor, at=at)
        for scanner in site.scanners.filter(state=ScannerState.REGISTERED):
            advance(scanner, "qualify", actor=actor, at=at)
        agreed = signature.once_compared()
        return advance(qualification, "qualify", actor=actor, at=at, signature=agreed, qualified_at=at)


def to_sign(site: Site, charter: ImagingCharter, at: dt.datetime) -> SiteQualification:
    """Return the qualification as it would be signed now; nothing is written."""
    days = charter.terms.sites.valid_days
    expires_on = at.date() + dt.timedelta(days=days) if days else None
    return SiteQualification(site=site, charter=charter, shown=_shown(site), expires_on=expires_on)


def _shown(site: Site) -> dict[str, object]:
    """What the signature rests on, as plain values."""
    answers = site.answers.filter(state=AnswersState.SIGNED).first()
    accepted = UploadTest.objects.filter(site=site, state=UploadTestState.ACCEPTED)
    return {
        "questionnaire_version": answers.version if answers else None,
        "scanners": [{"id": one.pk, **one.registered._asdict()} for one in in_use(site)],
        "trainings": [[one.pk, one.title, one.text_sha256] for one in site.trainings.order_by("pk")],
        "test_uploads": sorted(accepted.values_list("pk", flat=True)),
    }


def end_qualification(
    *, qualification: SiteQualification, reason: str, actor: User, at: dt.datetime
) -> SiteQualification:
    """End a site's qualification, with a reason; nobody is enrolled there until it is qualified anew."""
    return advance(qualification, "end", actor=actor, at=at, reason=reason, ended_at=at)


def qualify_scanner(*, scanner: Scanner, actor: User, at: dt.datetime) -> Scanner:
    """Qualify a scanner that joined a qualified site later.

    Raises
    ------
    NotReady
        The site itself is not qualified, or the charter asks for a test upload of each scanner and none is accepted.
    """
    access.require(actor, "trials.qualify_site", scanner)
    standing = standing_of(scanner.site, at)
    if standing.qualification is None or standing.qualification.state != QualificationState.QUALIFIED:
        raise NotReady(f"Qualify site {scanner.site.code} itself: its scanners are qualified with it.")
    asks = standing.charter is not None and standing.charter.terms.sites.test_upload == "scanner"
    if asks and not scanner.upload_tests.filter(state=UploadTestState.ACCEPTED).exists():
        raise NotReady(f"The charter asks for a test upload of each scanner, and none of {scanner} is accepted yet.")
    return advance(scanner, "qualify", actor=actor, at=at)
