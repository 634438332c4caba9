"""Who hears by mail of queries and of sites, and what a mail says: how many, until when, and where to sign in.

No subject, no site's name, no title and no word of a thread is in a mail, as people write identifiers into texts
whatever they are told, and mail leaves the application.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby

from django.db.models import Q, QuerySet
from django.urls import reverse

from compliance import access, audit, mailing
from compliance.models import Mail, User
from trials.models import Query, Role, ScannerNotice, Trial, UploadTest
from trials.selectors import members_with

ASKED, ANSWERED, REMINDER, ESCALATION = "queries asked", "query answered", "reminder", "escalation"
SITES = "qualification of sites"

_FOOT = """
Sign in to read and answer. This mail names no subject and quotes nothing, and please do not answer it: write
where you are signed in. Which mails come to you is set at {settings}
"""


def asked(queries: Sequence[Query], *, at: dt.datetime) -> None:
    """Tell those who are asked, once for all the queries of one act to their site."""
    by_site = sorted(queries, key=lambda query: (query.site_id or 0, query.pk))
    for _, group in groupby(by_site, key=lambda query: query.site_id):
        of_site = list(group)
        first = of_site[0]
        waits = "A query waits" if len(of_site) == 1 else f"{len(of_site)} queries wait"
        body = f"{waits} for your answer, due on {first.due_on:%-d %B %Y}."
        for person in those_asked(first).filter(mail_notices=True):
            key = f"asked-{first.pk}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
            post(person, ASKED, key, f"{waits} for your answer", body, _page(of_site), first.trial_id, at)


def answered(query: Query, *, at: dt.datetime) -> None:
    """Tell who asked; if that person is an analyst of the trial no more, those who are."""
    analysts = members_with(query.trial, Role.QC_ANALYST).filter(is_active=True)
    for person in (analysts.filter(pk=query.raised_by_id) or analysts).filter(mail_notices=True):
        key = f"answered-{query.pk}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
        body = "A query of yours was answered. Close it, or ask again."
        post(person, ANSWERED, key, "A query was answered", body, _page([query]), query.trial_id, at)


def reminded(queries: Sequence[Query], *, at: dt.datetime) -> None:
    """Remind those who are asked: one mail a person, with how many wait and how many are overdue."""
    of_person: dict[User, list[Query]] = {}
    for query in queries:
        for person in those_asked(query):
            of_person.setdefault(person, []).append(query)
    for person, theirs in of_person.items():
        late = sum(query.due_on < at.date() for query in theirs)
        waits = "1 query waits" if len(theirs) == 1 else f"{len(theirs)} queries wait"
        body = f"{waits} for your answer; {late or 'none'} {'is' if late == 1 else 'are'} overdue."
        key = f"reminder-{theirs[0].trial_id}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
        post(person, REMINDER, key, f"{waits} for your answer", body, _page(theirs), theirs[0].trial_id, at)


def escalated(trial: Trial, queries: Sequence[Query], *, at: dt.datetime) -> None:
    """Tell the trial's administrators of queries that nobody answered in time."""
    sites = len({query.site_id for query in queries if query.site_id})
    late = "1 query is" if len(queries) == 1 else f"{len(queries)} queries are"
    oldest = (at.date() - min(query.due_on for query in queries)).days
    where = f" at {sites} site{'s' if sites != 1 else ''}" if sites else ""
    body = f"{late} not answered{where}, the oldest {oldest} day{'s' if oldest != 1 else ''} after it was due."
    for person in members_with(trial, Role.TRIAL_ADMINISTRATOR).filter(is_active=True):
        key = f"escalation-{trial.pk}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
        post(person, ESCALATION, key, f"{late} overdue", body, _page(queries, "overdue"), trial.pk, at)


def scanner_noticed(notice: ScannerNotice, *, at: dt.datetime) -> None:
    """Tell the core lab that images came from a scanner which the registry does not know as it is now."""
    body = "Images came from a scanner that a site's registry does not know, or knows with another model or software."
    trial = notice.site.trial
    people = dict.fromkeys((*members_with(trial, Role.QC_ANALYST), *members_with(trial, Role.TRIAL_ADMINISTRATOR)))
    _tell_of_site(notice, people, "A scanner is not as registered", body, at)


def upload_to_judge(test: UploadTest, *, at: dt.datetime) -> None:
    """Tell the analysts that a site sent a test upload."""
    people = members_with(test.site.trial, Role.QC_ANALYST)
    body = "A site sent a test upload. Its findings are there, to be accepted or refused."
    _tell_of_site(test, people, "A test upload waits to be judged", body, at)


def upload_refused(test: UploadTest, *, at: dt.datetime) -> None:
    """Tell the site's coordinators that their test upload does not do."""
    body = "Your test upload was not accepted. The page says why, and what to send."
    _tell_of_site(test, _coordinators(test.site_id), "A test upload was not accepted", body, at)


def upload_asked(notice: ScannerNotice, *, at: dt.datetime) -> None:
    """Tell the site's coordinators that a new test upload is asked for."""
    body = "A scanner of your site is not as it was registered. Please send a new test upload from it."
    _tell_of_site(notice, _coordinators(notice.site_id), "A new test upload is asked for", body, at)


def _tell_of_site(
    about: ScannerNotice | UploadTest, people: Iterable[User], subject: str, body: str, at: dt.datetime
) -> None:
    page = reverse("trials:qualification", kwargs={"pk": about.site_id})
    for person in (one for one in people if one.is_active and one.mail_notices):
        key = f"{about._meta.model_name}-{about.pk}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
        post(person, SITES, key, subject, body, page, about.site.trial_id, at)


def _coordinators(site_id: int | None) -> QuerySet[User]:
    at_site = Q(memberships__site=site_id, memberships__role=Role.SITE_COORDINATOR, memberships__ended_at=None)
    return User.objects.filter(at_site, is_active=True).distinct().order_by("username")


def those_asked(query: Query) -> QuerySet[User]:
    """People who can answer a query now."""
    if query.site_id is None:
        return members_with(query.trial, Role.TRIAL_ADMINISTRATOR).filter(is_active=True)
    return _coordinators(query.site_id)


def retry_mail(*, mail: Mail, actor: User, at: dt.datetime) -> Mail:
    """Try a mail again that was given up."""
    access.require(actor, "trials.administer", mail)
    return mailing.retry(mail=mail, actor=actor, at=at)


def choose_mails(*, person: User, notices: bool, digest: bool, at: dt.datetime) -> None:
    """Set which mails come to a person; who chooses is that person."""
    if (person.mail_notices, person.mail_digest) != (notices, digest):
        before = {"notices": person.mail_notices, "digest": person.mail_digest}
        person.mail_notices, person.mail_digest = notices, digest
        person.save(update_fields=["mail_notices", "mail_digest"])
        after = {"notices": notices, "digest": digest}
        audit.record("user.mails_chosen", person, actor=person, at=at, before=before, after=after)


def _page(queries: Iterable[Query], state: str = "pending") -> str:
    """Where these queries are: their own page for one, else the list."""
    found = list(queries)
    if len(found) == 1:
        return reverse("trials:query", kwargs={"pk": found[0].pk})
    return reverse("trials:queries", kwargs={"pk": found[0].trial_id}) + f"?state={state}"


def post(
    to: User, kind: str, key: str, subject: str, body: str, page: str, trial_id: int, at: dt.datetime
) -> Mail | None:
    foot = _FOOT.format(settings=mailing.address_of(reverse("trials:mail_choice")))
    text = f"{body}\n\n{mailing.address_of(page)}\n{foot}"
    return mailing.post(to=to, kind=kind, key=key, subject=subject, body=text, trial_id=trial_id, at=at)
