"""Checking a timepoint against its charter: facts per series, findings, and a round of QC when something is new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from django.db import transaction

from compliance import audit, jobs
from compliance.faults import fault
from compliance.signing import digest
from imaging.models import Finding, Fingerprint, QcReview, ReceivedInstance, Series
from imaging.quality import Finding as Found
from imaging.quality import SeriesFacts, VisitWindow, check_timepoint, facts_of, match_series
from imaging.selectors import transfers_of
from imaging.services import rounds
from imaging.services.recognising import patients_of
from imaging.services.resembling import resemblances_of
from imaging.states import ReceivedState, ReviewState
from trials.charter import Charter
from trials.models import Timepoint
from trials.schedule import visit_window

CHECK = "imaging.check_timepoint"
#: A delivery counts as paused when nothing came for so many times the longest wait between its last images: a fast line
#: is asked soon, a slow one is not interrupted. It is at least and at most so long.
WAITS, LAST = 3, 20
SHORTEST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=2), dt.timedelta(seconds=10)
#: What could not be worked on for so long does not hold up the check of the rest.
PATIENCE = dt.timedelta(minutes=2)
NO_TIME = dt.timedelta(0)


@jobs.handler(CHECK)
def check(*, timepoint_id: int, at: dt.datetime) -> None:
    """Check what a timepoint holds now; the same content again changes nothing.

    New content after a decision opens a further round: a cleared timepoint is reopened, and the rooms above
    hear of it.
    """
    timepoint = Timepoint.objects.select_related("subject__trial", "subject__site", "charter").get(pk=timepoint_id)
    if timepoint.frozen_by():
        return
    if (wait := _until_quiet(timepoint, at)) > NO_TIME:
        jobs.enqueue(CHECK, str(timepoint.pk), at=at, delay=wait, timepoint_id=timepoint.pk)
        return
    series = list(Series.objects.filter(imaging_study__timepoint=timepoint).select_related("imaging_study"))
    facts = [_facts(one) for one in series]
    terms = timepoint.charter.terms
    found = _found(timepoint, facts, terms, timepoint.window)
    labels = {fact.key: label for label, fact in match_series(facts, terms.series).items()}
    data_sha256 = digest({"facts": [fact.as_json() for fact in facts], "found": [_plain(f) for f in found]})
    with transaction.atomic():
        latest = QcReview.objects.select_for_update().filter(timepoint=timepoint).order_by("-round").first()
        if latest is not None and latest.data_sha256 == data_sha256:
            return
        _store_facts(series, facts, labels, at)
        _open_round(timepoint, latest, found, series, data_sha256, at)
    fault("checked.rows")


def findings_under(timepoint: Timepoint, terms: Charter) -> Sequence[Found]:
    """Return what the checks find on what a timepoint holds by other terms, each with its series' label."""
    series = Series.objects.filter(imaging_study__timepoint=timepoint).select_related("imaging_study")
    facts = [_facts(one) for one in series]
    visit = next((visit for visit in terms.schedule if visit.code == timepoint.code), timepoint)
    window = visit_window(visit.day, visit.window_before, visit.window_after)
    labels = {fact.key: label for label, fact in match_series(facts, terms.series).items()}
    found = _found(timepoint, facts, terms, window) if facts else ()
    return [replace(one, rule_label=labels.get(one.series_key or "", one.rule_label)) for one in found]


def _found(
    timepoint: Timepoint, facts: Sequence[SeriesFacts], terms: Charter, window: tuple[int, int]
) -> Sequence[Found]:
    return check_timepoint(
        facts,
        terms.series,
        VisitWindow(*window),
        patients_of(timepoint),
        earlier=earlier_facts(timepoint, terms),
        resemblances=resemblances_of(timepoint, match_series(facts, terms.series)),
        severities=terms.checks,
    )


def earlier_facts(timepoint: Timepoint, terms: Charter) -> dict[str, SeriesFacts]:
    """Return what the series of the subject's earlier timepoints were, by the terms' labels; the latest of each."""
    before = Series.objects.filter(
        imaging_study__timepoint__subject=timepoint.subject, imaging_study__timepoint__order__lt=timepoint.order
    ).exclude(facts={})
    ordered = before.order_by("imaging_study__timepoint__order", "pk")
    held: dict[int, list[SeriesFacts]] = {}
    for at_timepoint, facts in ordered.values_list("imaging_study__timepoint", "facts"):
        held.setdefault(at_timepoint, []).append(SeriesFacts.from_json(facts))
    return {label: fact for facts in held.values() for label, fact in match_series(facts, terms.series).items()}


def _until_quiet(timepoint: Timepoint, at: dt.datetime) -> dt.timedelta:
    """How long to wait until deliveries to a timepoint have paused: half a series would alarm everybody."""
    brought = ReceivedInstance.objects.filter(transfer__in=transfers_of(timepoint), received_at__gt=at - PATIENCE)
    if brought.filter(state=ReceivedState.RECEIVED).exists():
        return SHORTEST_PAUSE  # and who works on it asks again as soon as it is done
    times = list(brought.order_by("-received_at").values_list("received_at", flat=True)[:LAST])
    return max(times[0] + pause_after(times) - at, NO_TIME) if times else NO_TIME


def pause_after(times: Sequence[dt.datetime]) -> dt.timedelta:
    """How long nothing must come until a delivery counts as paused.

    Parameters
    ----------
    times
        When its last images came, latest first.
    """
    if len(times) == 1:
        return SHORTEST_PAUSE
    longest = max(later - earlier for later, earlier in pairwise(times))
    return min(max(WAITS * longest, SHORTEST_PAUSE), LONGEST_PAUSE)


def _facts(series: Series) -> SeriesFacts:
    measured = list(series.instances.values_list("measured", flat=True))
    return replace(facts_of(measured)[0], study_day=series.imaging_study.study_day)


def _plain(found: Found) -> dict[str, object]:
    return {"code": found.code, "severity": found.severity, "sentence": found.sentence, "series": found.series_key}


def _store_facts(
    series: Sequence[Series], facts: Sequence[SeriesFacts], labels: dict[str, str], at: dt.datetime
) -> None:
    for one, fact in zip(series, facts, strict=True):
        one.facts = fact.as_json()
        label = labels.get(fact.key, "")
        if label != one.label and one.labelled_by_id is None:
            one.label, one.for_reading = label, bool(label)
        audit.save(one, action="series.measured", actor=None, at=at)
        if fact.fingerprint:
            Fingerprint.objects.update_or_create(series=one, defaults={"content": fact.fingerprint})


def _open_round(
    timepoint: Timepoint,
    latest: QcReview | None,
    found: Sequence[Found],
    series: Sequence[Series],
    data_sha256: str,
    at: dt.datetime,
) -> None:
    since = latest.decided_at if latest is not None and latest.state == ReviewState.CLEARED else None
    brought = transfers_of(timepoint).filter(instances__received_at__gt=since) if since else ()
    why = "images arrived after it was cleared" if brought else "another version of the charter rules it now"
    review = rounds.open_round(timepoint=timepoint, after=latest, data_sha256=data_sha256, why=why, at=at)
    by_uid = {one.series_instance_uid: one for one in series}
    for item in found:
        finding = Finding(
            review=review,
            series=by_uid.get(item.series_key or ""),
            code=item.code,
            severity=item.severity,
            sentence=item.sentence,
            evidence=dict(item.evidence),
        )
        audit.save(finding, action="finding.found", actor=None, at=at)
