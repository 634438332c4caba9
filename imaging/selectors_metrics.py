"""What happened at the sites, for their metrics: four questions, whatever the number of images."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db.models import Min, QuerySet

from compliance.models import User
from imaging.metrics import Facts
from imaging.models import ImagingStudy, QcReview
from imaging.selectors_qc import Part, first_decisions
from imaging.states import ReviewState
from trials.models import Query, Role, Site, Timepoint, Trial
from trials.schedule import date_of
from trials.selectors import sites_coordinated_by, trials_of
from trials.states import SubjectState

#: Roles that see every site's metrics; a coordinator sees the own sites'.
_OF_ALL_SITES = (Role.QC_ANALYST, Role.SPONSOR, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)


def sites_measured_for(user: User, trial: Trial) -> QuerySet[Site]:
    """Sites of a trial whose metrics the person may see."""
    if trials_of(user, *_OF_ALL_SITES).filter(pk=trial.pk).exists():
        return trial.sites.all()
    return sites_coordinated_by(user).filter(trial=trial)


def facts_of(sites: QuerySet[Site]) -> Facts:
    """Return what happened at some sites, by site code, in days.

    A timepoint's images have arrived when its first round of QC opens: they are all here then, and checked. A scan
    whose day is not known, or lies after its arrival, says nothing of how long it took.
    """
    facts = Facts(*(defaultdict(list) for _ in range(5)))
    arrived: dict[int, dt.datetime] = {}
    decided: set[int] = set()
    rounds = QcReview.objects.filter(timepoint__in=_counted(sites)).order_by("timepoint", "round")
    for timepoint, site, state, opened_at, decided_at in rounds.values_list(
        "timepoint", "timepoint__subject__site__code", "state", "opened_at", "decided_at"
    ):
        first = arrived.setdefault(timepoint, opened_at)
        over = state in (ReviewState.CLEARED, ReviewState.FAILED)
        if over and decided_at is not None and timepoint not in decided:
            decided.add(timepoint)
            facts.to_decision[site].append(_days(decided_at - first))
    by_part = {Part.IMAGES: facts.first_images, Part.FORM: facts.first_forms}
    for one in first_decisions(sites):
        by_part[one.part][one.site].append(one.passed)
    scans = ImagingStudy.objects.filter(timepoint__in=_counted(sites), study_day__isnull=False)
    for timepoint, site, reference, day in scans.values_list(
        "timepoint", "timepoint__subject__site__code", "timepoint__subject__reference_date"
    ).annotate(day=Min("study_day")):
        if timepoint in arrived and (taken := (arrived[timepoint].date() - date_of(day, reference)).days) >= 0:
            facts.to_arrival[site].append(float(taken))
    answers = Query.objects.filter(site__in=sites, answered_at__isnull=False)
    for site, raised_at, answered_at in answers.values_list("site__code", "raised_at", "answered_at"):
        assert answered_at is not None
        facts.to_answer[site].append(_days(answered_at - raised_at))
    return facts


def _counted(sites: QuerySet[Site]) -> QuerySet[Timepoint]:
    """Timepoints of the sites' subjects; cases that train readers say nothing of a site."""
    return Timepoint.objects.filter(subject__site__in=sites).exclude(subject__state=SubjectState.CASE)


def _days(taken: dt.timedelta) -> float:
    return round(taken.total_seconds() / 86400, 2)
