"""What waits for a person in the protocol's records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.db.models import Max, Min
from django.urls import reverse

from compliance import access
from compliance.models import Mail, User
from compliance.worklists import Waiting, in_trial, own
from trials.models import EmergencyAccess, Membership, Trial
from trials.selectors import (
    is_locked,
    mails_of,
    open_queries_of,
    queries_seen_by,
    sites_coordinated_by,
    timepoints_seen_by,
)
from trials.selectors_forms import forms_asked, waiting
from trials.selectors_sites import (
    Standing,
    notices_awaiting_test,
    notices_open,
    standings,
    upload_tests_waiting,
)
from trials.services import emergency
from trials.services.reviewing_access import due_at
from trials.services.reviewing_trail import due_at as trail_due_at
from trials.services.training import duties_of
from trials.states import (
    LEFT,
    OPEN_CHARTER,
    EmergencyState,
    ImageState,
    QueryState,
    RedactionState,
    SubjectState,
)


def at(name: str, trial: Trial) -> str:
    """Return the address of a page of a trial."""
    return reverse(name, kwargs={"pk": trial.pk})


@own
def of_training(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Trainings that the own roles ask for, over all trials; a reader is told of no trial."""
    duties = [one for one in duties_of(user, now) if one.state != "completed"]
    duties = [one for one in duties if trial is None or one.training.trial_id == trial.pk]
    if duties:
        tone = "bad" if any(one.lacking for one in duties) else "warn"
        since = min(one.training.declared_at if one.record is None else now for one in duties)
        yield Waiting(
            "Training to complete", len(duties), reverse("trials:my_training"), "list-check", tone, since=since
        )


@in_trial
def of_coordinators(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Scans of the own sites, and what the sites are asked."""
    own = sites_coordinated_by(user).filter(trial=trial)
    if is_locked(trial) or not own.exists():
        return
    planned = timepoints_seen_by(user).filter(subject__site__in=own, image_state=ImageState.EXPECTED)
    expected = list(planned.exclude(subject__state__in=(*LEFT, SubjectState.CASE)))
    late = [timepoint.late_on for timepoint in expected if timepoint.late_on < now.date()]
    yield Waiting(
        "Scans late",
        len(late),
        at("trials:home", trial),
        "clock-exclamation",
        "bad" if late else "ok",
        since=min(late, default=None),
    )
    yield Waiting("Scans expected", len(expected) - len(late), at("trials:home", trial), "calendar", "info")
    asked = queries_seen_by(user).filter(site__in=own, state=QueryState.OPEN)
    overdue = asked.filter(due_on__lt=now.date()).count()
    count, since = asked.count(), asked.aggregate(since=Min("raised_at"))["since"]
    yield Waiting(
        "Queries to answer",
        count,
        at("trials:queries", trial) + ("?state=open&mine=on" if count else ""),
        "message-question",
        "bad" if overdue else "query" if count else "ok",
        f"{overdue} overdue" if overdue else "",
        since,
    )
    if asked_forms := forms_asked(user, trial, sites=own):
        to_do = waiting(asked_forms)
        yield Waiting(
            "Forms to fill in",
            len(to_do),
            at("trials:forms", trial) + ("?state=missing" if any(one.latest is None for one in to_do) else ""),
            "clipboard-list",
            "warn" if to_do else "ok",
            since=min((one.since for one in to_do if one.since), default=None),
        )


@in_trial
def of_analysts(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Answers that nobody has looked at."""
    if is_locked(trial) or not access.may(user, "trials.raise_query", trial):
        return
    answered = queries_seen_by(user).filter(trial=trial, state=QueryState.ANSWERED)
    since = answered.annotate(last=Max("messages__at")).aggregate(since=Min("last"))["since"]
    count = answered.count()
    yield Waiting(
        "Answers to look at",
        count,
        at("trials:queries", trial) + ("?state=answered" if count else ""),
        "message-reply",
        "info" if count else "ok",
        since=since,
    )


@in_trial
def of_administrators(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """What nobody else can mend: drafts to sign, queries that nobody answered, mails that did not go out."""
    if is_locked(trial) or not access.may(user, "trials.administer", trial):
        return
    for draft in trial.charters.filter(state__in=OPEN_CHARTER):
        url = reverse("trials:charter", kwargs={"pk": draft.pk})
        yield Waiting("Charter to sign", 1, url, "signature", "warn", since=draft.created_at)
    own = open_queries_of(trial).filter(site=None, state=QueryState.OPEN)
    if count := own.count():
        since = own.aggregate(since=Min("raised_at"))["since"]
        url = at("trials:queries", trial) + "?state=open"
        yield Waiting("Queries about the trial", count, url, "message-question", "query", since=since)
    late = open_queries_of(trial).filter(state=QueryState.OPEN, escalated_at__isnull=False)
    if count := late.count():
        since = late.aggregate(since=Min("due_on"))["since"]
        url = at("trials:queries", trial) + "?state=overdue"
        yield Waiting("Queries that no site answers", count, url, "alert-triangle", "bad", since=since)
    unsent = mails_of(trial).filter(state=Mail.State.FAILED)
    if count := unsent.count():
        since = unsent.aggregate(since=Min("created_at"))["since"]
        yield Waiting("Mails not sent", count, at("trials:mails", trial) + "?state=failed", "mail", "warn", since=since)
    if now >= (due := due_at(trial)):
        yield Waiting("Review of access", 1, at("trials:access_reviews", trial), "users", "warn", since=due)
    yield Waiting("Set-up", trial.sites.count(), at("trials:setup", trial), "settings", "info", "sites")


@in_trial
def of_own_emergency(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """The role that one took for some hours: until when, and where to end it."""
    running = Membership.in_force(now).filter(user=user, trial=trial)
    for one in EmergencyAccess.objects.filter(membership__in=running).select_related("membership"):
        if one.membership.until:
            note = f"over at {one.membership.until:%H:%M} UTC"
            url = reverse("trials:emergency", kwargs={"pk": one.pk})
            yield Waiting("Your emergency access", None, url, "lock-open", "bad", note)


@in_trial
def of_emergencies(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Emergency accesses of others that are over, and that nobody has gone over."""
    if not emergency.reviews(user, trial, now):
        return
    over = EmergencyAccess.objects.filter(trial=trial, state=EmergencyState.ENDED).exclude(membership__user=user)
    if first := over.order_by("ended_at").first():
        url = at("trials:emergencies", trial)
        yield Waiting("Review of emergency access", over.count(), url, "lock-open", "bad", since=first.ended_at)


@in_trial
def of_sites_to_qualify(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """What the own sites still have to show, and what they are asked to send anew."""
    own = sites_coordinated_by(user).filter(trial=trial)
    if is_locked(trial) or not own.exists():
        return
    closed = [one for one in standings(trial, own, now) if not one.is_open and not one.is_ready]
    if closed:
        since = min(one.site.created_at for one in closed)
        left = sum(len(one.parts) - one.done for one in closed)
        note = f"{left} part{'s' if left != 1 else ''} to do"
        yield Waiting("Qualification", len(closed), _pages(closed), "clipboard-list", "warn", note, since)
    asked = list(notices_awaiting_test(own))
    if asked:
        url = at("trials:qualifications", trial)
        yield Waiting("Test uploads to send", len(asked), url, "upload", "warn", since=asked[0].seen_at)


@in_trial
def of_those_who_qualify(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Sites that have shown all, test uploads to judge, and scanners that are not as registered."""
    if is_locked(trial) or not access.may(user, "trials.qualify_site", trial):
        return
    url = at("trials:qualifications", trial)
    ready = [one for one in standings(trial, trial.sites.all(), now) if one.is_ready]
    if ready:
        since = min(one.ready_since for one in ready)
        yield Waiting("Sites to qualify", len(ready), _pages(ready), "signature", "info", since=since)
    noticed = list(notices_open(trial))
    if noticed:
        note = "not as registered"
        yield Waiting("Scanners to look at", len(noticed), url, "alert-triangle", "warn", note, noticed[0].seen_at)
    tests = list(upload_tests_waiting(trial)) if access.may(user, "trials.judge_upload_test", trial) else []
    if tests:
        yield Waiting("Test uploads to judge", len(tests), url, "clipboard-check", "info", since=tests[0].received_at)


def _pages(found: Sequence[Standing]) -> str:
    """Where these sites' qualifications are: the own page of one, else the list."""
    if len(found) == 1:
        return reverse("trials:qualification", kwargs={"pk": found[0].site.pk})
    return at("trials:qualifications", found[0].site.trial)


@in_trial
def of_redactions(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Text that an auditor wants taken out of the trail."""
    asked = trial.redactions.filter(state=RedactionState.ASKED)
    if access.may(user, "trials.approve_redaction", trial) and asked.exists():
        since = asked.aggregate(since=Min("asked_at"))["since"]
        yield Waiting(
            "Redactions to decide", asked.count(), at("trials:redactions", trial), "history", "warn", since=since
        )


@in_trial
def of_onlookers(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Where to look, for those who only look."""
    if access.may(user, "trials.see_progress", trial) and not access.may(user, "trials.see_subjects", trial):
        yield Waiting(
            "Progress of the trial",
            trial.subjects.exclude(state=SubjectState.CASE).count(),
            at("trials:progress", trial),
            "chart-dots",
            "info",
            "subjects",
        )
    if access.may(user, "trials.review_trail", trial) and now >= (due := trail_due_at(trial)):
        yield Waiting("Review of the trail", 1, at("trials:trail_reviews", trial), "history", "warn", since=due)
    if not is_locked(trial) and access.may(user, "trials.audit", trial):
        note = "search it, follow any record"
        yield Waiting("Audit trail", None, at("trials:audit", trial), "history", "info", note)
