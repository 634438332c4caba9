"""Questions about the protocol's records. What a person may see at all starts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from compliance import access, tokens
from compliance.audit import label_of
from compliance.models import Mail, Record, User
from trials.charter import Charter
from trials.models import (
    SITE_AWARE,
    ApplicationEntity,
    ImagingCharter,
    Membership,
    Query,
    Redaction,
    Role,
    Site,
    SiteToken,
    Subject,
    Timepoint,
    Trial,
)
from trials.states import (
    ImageState,
    QcState,
    QueryState,
    ReadingState,
    SubjectState,
    TrialState,
)


def trials_of(user: User, *roles: Role) -> QuerySet[Trial]:
    """Trials in which the person holds one of the roles (any role if none is named)."""
    wanted = roles or tuple(Role)
    at_trial = [r.permission for r in wanted if r is not Role.SITE_COORDINATOR]
    found = Q(pk__in=access.held_objects(user, at_trial, Trial).values("pk")) if at_trial else Q(pk__in=[])
    if Role.SITE_COORDINATOR in wanted:
        found |= Q(sites__in=sites_coordinated_by(user))
    return Trial.objects.filter(found).distinct().order_by("code")


def redactions_seen_by(user: User) -> QuerySet[Redaction]:
    """Redactions of the trail in trials of which the person is auditor or administrator."""
    trials = trials_of(user, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return Redaction.objects.filter(trial__in=trials).select_related("trial", "asked_by", "decided_by")


def sites_coordinated_by(user: User) -> QuerySet[Site]:
    """Sites at which the person is coordinator."""
    held = access.held_objects(user, [Role.SITE_COORDINATOR.permission], Site)
    return Site.objects.filter(pk__in=held.values("pk"))


def sites_seen_by(user: User) -> QuerySet[Site]:
    """Sites that the person may know of: own ones, or all of a trial for the site-aware roles."""
    trials = trials_of(user, *(role for role in SITE_AWARE if role is not Role.SITE_COORDINATOR))
    return Site.objects.filter(Q(trial__in=trials) | Q(pk__in=sites_coordinated_by(user).values("pk")))


def subjects_seen_by(user: User) -> QuerySet[Subject]:
    """Subjects of the sites that the person may know of."""
    return Subject.objects.filter(site__in=sites_seen_by(user)).select_related("site", "trial")


def timepoints_seen_by(user: User) -> QuerySet[Timepoint]:
    """Timepoints of the subjects that the person may know of."""
    return Timepoint.objects.filter(subject__site__in=sites_seen_by(user)).select_related(
        "subject__site", "subject__trial", "charter"
    )


def queries_seen_by(user: User) -> QuerySet[Query]:
    """Queries to the sites that the person may know of; those of a whole trial for its site-aware roles."""
    whole = trials_of(user, *(role for role in SITE_AWARE if role is not Role.SITE_COORDINATOR))
    seen = Q(site__in=sites_seen_by(user)) | Q(site=None, trial__in=whole)
    return Query.objects.filter(seen).select_related("site", "timepoint__subject", "trial", "raised_by")


def charters_seen_by(user: User) -> QuerySet[ImagingCharter]:
    """Charter versions of the person's trials."""
    return ImagingCharter.objects.filter(trial__in=trials_of(user)).select_related("trial")


def charter_told(charter: ImagingCharter, user: User) -> Mapping[str, Any]:
    """A version's content as the person may know it; every page, file and answer that shows a charter asks here.

    Who has which visits would tell a subject's arm, so it goes to those alone who may see arms. Files of the command
    line are whole: whoever has that has the database. The locked package is never whole: there is no act of
    unblinding in the house, and people who take it may go on with work on the trial that is blinded.
    """
    return charter.content if access.may(user, "trials.see_arms", charter) else charter.sealed


def terms_told(charter: ImagingCharter, user: User) -> Charter:
    """The terms of a version as the person may know them."""
    return Charter.stored(charter_told(charter, user))


def roles_in(user: User, trial: Trial) -> list[Role]:
    """The roles that the person holds in a trial now, in the order of `Role`."""
    held = set(Membership.in_force(timezone.now()).filter(user=user, trial=trial).values_list("role", flat=True))
    return [role for role in Role if role in held]


#: In the trail, behind a role that somebody took for some hours.
IN_EMERGENCY = "emergency access"


def role_names(user: User, trial_id: int | None) -> str:
    """The roles that the person holds in a trial now, in words, for the audit trail."""
    if not trial_id:
        return ""
    held = Membership.in_force(timezone.now()).filter(user=user, trial=trial_id).values_list("role", "emergency")
    # What was taken stands first: an event keeps the beginning.
    roles = sorted({(emergency is None, role) for role, emergency in held})
    return ", ".join(Role(role).label if own else f"{Role(role).label} ({IN_EMERGENCY})" for own, role in roles)


def members_with(trial: Trial, role: Role) -> QuerySet[User]:
    """People who hold a role in a trial now, by user name."""
    return (
        User.objects.filter(memberships__trial=trial, memberships__role=role, memberships__ended_at=None)
        .distinct()
        .order_by("username")
    )


def entity_calling_as(ae_title: str) -> ApplicationEntity | None:
    """The scanner or archive that calls under this AE title, with its site."""
    return ApplicationEntity.objects.filter(title=ae_title, active=True).select_related("site__trial").first()


def entity_meant_by(ae_title: str, address: str) -> ApplicationEntity | None:
    """Whose call a refused one may be: of the one that has this AE title and is switched off, else of this address."""
    known = ApplicationEntity.objects.select_related("site__trial").order_by("pk")
    of_title = known.filter(title=ae_title, active=False).first()
    return of_title or (known.filter(host=address, active=True).first() if address else None)


def trusted_certificates() -> list[str]:
    """Certificates (PEM) of the scanners and archives that may call over TLS."""
    known = ApplicationEntity.objects.filter(active=True).exclude(certificate="")
    return list(known.order_by("pk").values_list("certificate", flat=True))


def site_token(secret: str) -> SiteToken | None:
    """The token whose secret this is, unless it was revoked or its time is over."""
    known = {"token_sha256": tokens.digest_of(secret), "revoked_at": None, "expires_at__gt": timezone.now()}
    return SiteToken.objects.filter(**known).select_related("site__trial").first()


def entities_seen_by(user: User) -> QuerySet[ApplicationEntity]:
    """Scanners and archives of the sites that the person may know of."""
    return ApplicationEntity.objects.filter(site__in=sites_seen_by(user)).select_related("site__trial")


def tokens_seen_by(user: User) -> QuerySet[SiteToken]:
    """DICOMweb tokens of the sites that the person may know of."""
    return SiteToken.objects.filter(site__in=sites_seen_by(user)).select_related("site__trial", "created_by")


def screens(trial: Trial) -> bool:
    """Tell whether the charter in force asks for screening before enrolment."""
    charter = trial.charter_in_force
    return charter is not None and charter.terms.subjects.screening


def said_of_codes(site: Site, *, screened: bool = True) -> str:
    """What the charter in force says of codes that a site gives, to new subjects or at enrolment; empty: nothing."""
    charter = site.trial.charter_in_force
    terms = charter.terms.subjects if charter else None
    codes = terms.codes_of(site.code, screened=screened and terms.screening) if terms else None
    if codes is None:
        return ""
    free = codes.free({code for pair in site.trial.subjects.values_list("code", "screening_code") for code in pair})
    last = f"The next free one is {free}." if free else "All are in use: ask the administrator for more numbers."
    return f" Codes of {site.code} are {codes.words}. {last}"


def codes_beside(codes: Sequence[str], sites: QuerySet[Site], trial: Trial) -> list[str]:
    """Codes of timepoints that subjects of the sites have beside these, by their days."""
    found = Timepoint.objects.filter(subject__site__in=sites, subject__trial=trial).exclude(code__in=codes)
    return list(
        found.values("code").annotate(first=Min("day")).order_by("first", "code").values_list("code", flat=True)
    )


def matrix(
    sites: QuerySet[Site], trial: Trial, codes: Sequence[str]
) -> Sequence[tuple[Subject, Sequence[Timepoint | None]]]:
    """Subjects of the sites with their timepoints of these codes, None where there is none: the trial's home."""
    subjects = (
        Subject.objects.filter(site__in=sites, trial=trial)
        .select_related("site")
        .prefetch_related("timepoints")
        .order_by("code")
    )
    open_queries = dict(
        Query.objects.filter(timepoint__subject__in=subjects)
        .exclude(state=QueryState.CLOSED)
        .values("timepoint")
        .annotate(count=Count("pk"))
        .values_list("timepoint", "count")
    )
    rows = []
    for subject in subjects:
        timepoints = {timepoint.code: timepoint for timepoint in subject.timepoints.all()}
        for timepoint in timepoints.values():
            timepoint.open_queries = open_queries.get(timepoint.pk, 0)
        rows.append((subject, [timepoints.get(code) for code in codes]))
    return rows


def mails_of(trial: Trial) -> QuerySet[Mail]:
    """Mails about a trial, newest first."""
    return Mail.objects.filter(trial_id=trial.pk).select_related("to").order_by("-pk")


def mails_administered_by(user: User) -> QuerySet[Mail]:
    """Mails about the trials that the person administers."""
    trials = trials_of(user, Role.TRIAL_ADMINISTRATOR)
    return Mail.objects.filter(trial_id__in=trials.values("pk")).select_related("to")


def queries_about(record: Record) -> Q:
    """Condition: a query is about this record."""
    return Q(about_type=label_of(record), about_id=record.pk)


def with_threads(queries: QuerySet[Query]) -> QuerySet[Query]:
    """Read the messages of queries, and who wrote them, in two questions."""
    return queries.prefetch_related("messages__author")


def open_queries_at(timepoint: Timepoint) -> QuerySet[Query]:
    """Queries about a timepoint, or anything at it, that are not closed."""
    return timepoint.queries.exclude(state=QueryState.CLOSED)


def open_queries_of(trial: Trial) -> QuerySet[Query]:
    """Queries of a trial that are not closed."""
    return trial.queries.exclude(state=QueryState.CLOSED)


def is_locked(trial: Trial) -> bool:
    """Tell whether the trial's database is locked."""
    return trial.state == TrialState.LOCKED


def memberships_administered_by(user: User) -> QuerySet[Membership]:
    """Current memberships in the trials that the person administers."""
    trials = trials_of(user, Role.TRIAL_ADMINISTRATOR)
    return Membership.objects.filter(trial__in=trials, ended_at=None).select_related("user", "trial", "site")


def event_mentions(word: str) -> Q:
    """Condition: an audit event names the word in who, in which role, what, about which record, or why."""
    found = Q(pk__in=[])
    for name in ("actor_name", "role", "action", "object_label", "object_type", "reason"):
        found |= Q(**{f"{name}__icontains": word})
    return found


#: The counts that `progress` gives for each site.
PROGRESS_STEPS = (
    "screened",
    "screen_failed",
    "enrolled",
    "expected",
    "received",
    "missed",
    "cleared",
    "read",
    "open_queries",
)


def progress(trial: Trial) -> Sequence[dict[str, Any]]:
    """Per site, how many subjects and timepoints stand at each step; outcomes are no part of it."""
    # Cases that train readers are no step of the trial.
    of_subjects = ~Q(subjects__state=SubjectState.CASE)

    def timepoints(**at: str) -> Count:
        where = {f"subjects__timepoints__{field}": state for field, state in at.items()}
        return Count("subjects__timepoints", filter=of_subjects & Q(**where), distinct=True)

    counts = {
        "screened": Count("subjects", filter=Q(subjects__state=SubjectState.SCREENED), distinct=True),
        "screen_failed": Count("subjects", filter=Q(subjects__state=SubjectState.SCREEN_FAILED), distinct=True),
        "enrolled": Count("subjects", filter=Q(subjects__enrolled_at__isnull=False), distinct=True),
        "expected": timepoints(),
        "received": timepoints(image_state=ImageState.RECEIVED),
        "cleared": timepoints(qc_state=QcState.CLEARED),
        "read": timepoints(reading_state=ReadingState.READ),
        "missed": timepoints(image_state=ImageState.MISSED),
    }
    rows = list(trial.sites.annotate(**counts).values("code", "name", *counts))
    queries = dict(
        open_queries_of(trial).values("site__code").annotate(count=Count("pk")).values_list("site__code", "count")
    )
    for row in rows:
        row["open_queries"] = queries.get(row["code"], 0)
    return rows
