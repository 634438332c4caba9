"""How far a site is with its qualification: what the charter asks, what is there, and what is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from compliance.models import User
from trials.form_answers import missing
from trials.models import (
    ImagingCharter,
    Membership,
    Role,
    Scanner,
    ScannerNotice,
    Site,
    SiteQualification,
    Trial,
    UploadTest,
)
from trials.selectors import sites_seen_by
from trials.site_terms import SiteTerms, asked_for_the_first_time
from trials.states import IN_USE, UNSETTLED, AnswersState, NoticeState, QualificationState, UploadTestState


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a qualification. `missing` has a sentence, without its end, for each thing that is not there."""

    name: str
    title: str
    who: Role
    missing: Sequence[str] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def by(self) -> str:
        """Who can do it, within a sentence."""
        return "QC analyst" if self.who is Role.QC_ANALYST else self.who.label.lower()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a site stands. `parts` are what the charter in force asks, in the order of the work.

    `why_closed` says as a sentence why no subject may be enrolled now; empty where one may.
    """

    site: Site
    charter: ImagingCharter | None
    parts: Sequence[Part]
    qualification: SiteQualification | None
    why_closed: str

    @property
    def is_open(self) -> bool:
        """Whether the site may enrol."""
        return not self.why_closed

    @property
    def done(self) -> int:
        """How many parts are complete."""
        return sum(part.done for part in self.parts)

    @property
    def is_ready(self) -> bool:
        """Whether the site has done its own: all that is missing is the signature of the core lab."""
        return not self.is_open and self.done == len(self.parts)

    @property
    def ready_since(self) -> dt.datetime:
        """When the site last did something for its qualification."""
        site = self.site
        signed = [one.signed_at for one in site.answers.all() if one.signed_at]
        judged = [one.decided_at for one in site.upload_tests.all() if one.decided_at]
        registered = [one.registered_at for one in site.scanners.all()]
        return max([*signed, *judged, *registered, *(one.at for one in site.trainings.all())], default=site.created_at)

    @property
    def missing(self) -> list[str]:
        """What is missing, each with who can do it."""
        found = [f"{one} ({part.by})" for part in self.parts for one in part.missing]
        if not found and self.why_closed:
            found = ["the qualification is not signed (QC analyst or trial administrator)"]
        return found


def with_qualification(sites: QuerySet[Site]) -> QuerySet[Site]:
    """Read all that `standing_of` looks at, for many sites in a few questions."""
    coordinators = Membership.objects.filter(role=Role.SITE_COORDINATOR, ended_at=None).select_related("user")
    return sites.select_related("trial").prefetch_related(
        "answers__charter",
        "scanners",
        "trainings__person",
        "upload_tests",
        "scanner_notices",
        "qualifications__charter",
        Prefetch("memberships", queryset=coordinators, to_attr="coordinating"),
    )


def standing_of(site: Site, at: dt.datetime, charter: ImagingCharter | None = None) -> Standing:
    """Return where a site stands by the charter in force, which may be given."""
    charter = charter or site.trial.charter_in_force
    terms = charter.terms.sites if charter else SiteTerms()
    if charter is None or not terms.asks:
        return Standing(site, charter, (), None, "")
    if not hasattr(site, "coordinating"):
        site = with_qualification(Site.objects.filter(pk=site.pk)).get()
    parts = list(_parts(site, charter))
    held = [one for one in site.qualifications.all() if one.state == QualificationState.QUALIFIED]
    qualification = held[0] if held else None
    return Standing(site, charter, parts, qualification, _why_closed(site, terms, qualification, at))


def _why_closed(site: Site, terms: SiteTerms, held: SiteQualification | None, at: dt.datetime) -> str:
    if held is None:
        return f"Site {site.code} is not qualified yet."
    if held.has_expired(at.date()):
        return f"The qualification of site {site.code} ended on {held.expires_on:%-d %B %Y}."
    new = asked_for_the_first_time(held.charter.terms.sites, terms)
    if new and terms.earlier == "renew":
        return f"Site {site.code} was qualified before the charter asked more of sites: {', '.join(new)}."
    return ""


def _parts(site: Site, charter: ImagingCharter) -> Iterator[Part]:
    terms = charter.terms.sites
    if terms.questions:
        yield Part("questionnaire", "Questionnaire", Role.SITE_COORDINATOR, list(_unanswered(site, terms)))
    if terms.scanners:
        wanted = dict.fromkeys(charter.terms.modalities)
        have = {one.modality for one in in_use(site)}
        without = [f"no {modality} scanner is registered" for modality in wanted if modality not in have]
        yield Part("scanners", "Scanners", Role.SITE_COORDINATOR, without)
    if terms.training:
        yield Part("training", "Training", Role.SITE_COORDINATOR, list(_untrained(site, terms)))
    if terms.test_upload:
        waiting = [one for one in site.upload_tests.all() if one.state == UploadTestState.JUDGED]
        without = list(_untested(site, terms))
        who = Role.QC_ANALYST if without and waiting else Role.SITE_COORDINATOR
        said = ["a test upload waits to be judged"] if without and waiting else without
        yield Part("test_upload", "Test upload", who, said)


def in_use(site: Site) -> list[Scanner]:
    """The scanners of a site that are not retired."""
    return [one for one in site.scanners.all() if one.state in IN_USE]


def _unanswered(site: Site, terms: SiteTerms) -> Iterator[str]:
    signed = next((one for one in site.answers.all() if one.state == AnswersState.SIGNED), None)
    if signed is None:
        yield "the questionnaire is not signed"
    elif new := missing(terms.questions, signed.values_for(terms.questions), signed.confirmed):
        yield f"{'1 question is' if len(new) == 1 else f'{len(new)} questions are'} not answered"


def _untrained(site: Site, terms: SiteTerms) -> Iterator[str]:
    people = [one.user for one in site.coordinating]  # type: ignore[attr-defined]  # prefetched
    read = {(one.person_id, one.text_sha256) for one in site.trainings.all()}
    if not people:
        yield "the site has no coordinator who could be trained"
    for text in terms.training:
        without = [person for person in people if (person.pk, text.sha256) not in read]
        if terms.trained == "each" and without:
            yield f"the training “{text.title}” is not acknowledged by {', '.join(map(str, without))}"
        elif people and len(without) == len(people):
            yield f"the training “{text.title}” is not acknowledged"


def _untested(site: Site, terms: SiteTerms) -> Iterator[str]:
    accepted = [one for one in site.upload_tests.all() if one.state == UploadTestState.ACCEPTED]
    if terms.test_upload == "site":
        if not accepted:
            yield "no test upload is accepted"
        return
    scanners = in_use(site)
    if not scanners:
        yield "no scanner is registered from which a test upload could come"
    tested = {one.scanner_id for one in accepted}
    for scanner in scanners:
        if scanner.pk not in tested:
            yield f"no test upload of {scanner} is accepted"


def owes_test_upload(site: Site, at: dt.datetime) -> bool:
    """Tell whether a site is to send a test upload: for its qualification, or as a scanner is not as registered."""
    parts = {part.name: part for part in standing_of(site, at).parts}
    owes = "test_upload" in parts and not parts["test_upload"].done
    return owes or site.scanner_notices.filter(state=NoticeState.AWAITING_TEST).exists()


def standings(trial: Trial, sites: Iterable[Site], at: dt.datetime) -> list[Standing]:
    """Where sites of a trial stand, in a few questions for all of them."""
    charter = trial.charter_in_force
    known = with_qualification(Site.objects.filter(pk__in=[site.pk for site in sites], trial=trial))
    return [standing_of(site, at, charter) for site in known]


def scanners_seen_by(user: User) -> QuerySet[Scanner]:
    """Scanners of the sites that the person may know of."""
    return Scanner.objects.filter(site__in=sites_seen_by(user)).select_related("site__trial")


def upload_tests_seen_by(user: User) -> QuerySet[UploadTest]:
    """Test uploads of the sites that the person may know of."""
    tests = UploadTest.objects.filter(site__in=sites_seen_by(user))
    return tests.select_related("site__trial", "scanner", "charter")


def qualifications_seen_by(user: User) -> QuerySet[SiteQualification]:
    """Qualifications of the sites that the person may know of."""
    held = SiteQualification.objects.filter(site__in=sites_seen_by(user))
    return held.select_related("site__trial", "charter")


def notices_seen_by(user: User) -> QuerySet[ScannerNotice]:
    """Notices about scanners of the sites that the person may know of."""
    return ScannerNotice.objects.filter(site__in=sites_seen_by(user)).select_related("site__trial", "scanner")


def notices_open(trial: Trial) -> QuerySet[ScannerNotice]:
    """Notices of a trial that somebody at the core lab has to settle, the oldest first."""
    return ScannerNotice.objects.filter(site__trial=trial, state=NoticeState.OPEN).order_by("seen_at")


def notices_awaiting_test(sites: QuerySet[Site]) -> QuerySet[ScannerNotice]:
    """Notices for which sites are to send a new test upload, the oldest first."""
    waiting = ScannerNotice.objects.filter(site__in=sites.values("pk"), state=NoticeState.AWAITING_TEST)
    return waiting.order_by("seen_at")


def upload_tests_waiting(trial: Trial) -> QuerySet[UploadTest]:
    """Test uploads of a trial that nobody has accepted or refused, the oldest first."""
    return UploadTest.objects.filter(site__trial=trial, state=UploadTestState.JUDGED).order_by("received_at")


def unsettled_notices(site: Site) -> list[ScannerNotice]:
    """Notices about a site's scanners that are not settled."""
    return [one for one in site.scanner_notices.all() if one.state in UNSETTLED]
