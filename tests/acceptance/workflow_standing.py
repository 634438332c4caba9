"""What must hold of a trial at any moment, whatever its people tried: each life's table, and what binds lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Q

from compliance import signing
from compliance.models import Record
from imaging.models import ImagingStudy, Instance, QcReview, ReceivedInstance, Transfer, TransferForm
from imaging.states import GOOD, OriginalState, ReviewState, Verdict
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.selectors import SIGNED
from reading.selectors_signed import ever_signed, signed_reads
from reading.states import UNDECIDED, AdjudicationState, GlobalReviewState, ReadState
from trials.models import ImagingCharter, Query, SiteForm, SiteQualification, Subject, Timepoint, Trial
from trials.states import (
    CharterState,
    FormState,
    ImageState,
    QcState,
    QualificationState,
    QueryState,
    ReadingState,
    TrialState,
)
from trials.subject_terms import READ_NO_FURTHER

State = dict[tuple[str, str], dict[Any, str]]


@cache
def lives() -> list[tuple[type[Record], str]]:
    """Return every record type with a life, and the field that holds where in it a record is."""
    return [(model, field) for model in apps.get_models() if issubclass(model, Record) for field in model.machines]


@cache
def questions() -> dict[tuple[str, str], tuple[str, Any]]:
    """Return the question that tells where in their life the records of a type are; putting it into SQL takes long."""
    asked = [(model, field, model._base_manager.values_list("pk", field)) for model, field in lives()]
    return {(model._meta.label_lower, field): rows.query.sql_with_params() for model, field, rows in asked}


def states() -> State:
    """Return where in its life each record is."""
    found: State = {}
    with connection.cursor() as cursor:
        for name, question in questions().items():
            cursor.execute(*question)
            found[name] = dict(cursor.fetchall())
    return found


def follow(before: State, now: State) -> bool:
    """Check that each record went along moves of its life, and that none is gone; tell whether anything changed."""
    changed = False
    for model, field in lives():
        name = (model._meta.label_lower, field)
        assert before[name].keys() <= now[name].keys(), f"records of {name} are gone"
        for pk, state in now[name].items():
            was = before[name].get(pk, model.machines[field].initial)
            changed |= state != was
            assert state in reachable(model, field, was), f"{name} went from {was} to {state}"
    return changed


@cache
def reachable(model: type[Record], field: str, state: str) -> set[str]:
    """Return the states that a record can reach from one by moves of its life, itself included."""
    seen = {state}
    moves = list(model.machines[field].moves.values())
    while more := {str(m.target) for m in moves if seen.intersection(m.sources)} - seen:
        seen |= more
    return seen


def a_lock_leaves_nothing_open(trial: Trial) -> None:
    """Reads and adjudications are locked with their trial, and no query is open."""
    if trial.state != TrialState.LOCKED:
        return
    assert not ReadTask.every.exclude(state__in=(ReadState.LOCKED, ReadState.WITHDRAWN)).exists()
    assert not Adjudication.objects.exclude(state__in=(AdjudicationState.LOCKED, AdjudicationState.WITHDRAWN)).exists()
    over = (GlobalReviewState.LOCKED, GlobalReviewState.WITHDRAWN)
    assert not GlobalReview.objects.exclude(state__in=over).exists()
    assert not Query.objects.exclude(state=QueryState.CLOSED).exists()


def what_is_signed_is_what_was_signed(trial: Trial) -> None:
    """Whatever stands behind a signature bears one, and its content is that which was signed."""
    signed: tuple[Any, ...] = (
        ReadTask.every.filter(state__in=(ReadState.SUBMITTED, ReadState.LOCKED)),
        Adjudication.objects.filter(state__in=(AdjudicationState.DECIDED, AdjudicationState.LOCKED)),
        GlobalReview.objects.filter(state__in=(GlobalReviewState.SIGNED, GlobalReviewState.LOCKED)),
        QcReview.objects.filter(state__in=(ReviewState.CLEARED, ReviewState.FAILED)),
        TransferForm.objects.filter(state=FormState.SIGNED),
        SiteForm.objects.filter(state=FormState.SIGNED),
        ImagingCharter.objects.exclude(state=CharterState.DRAFT),
        SiteQualification.objects.exclude(state=QualificationState.PREPARED),
    )
    for records in signed:
        for record in records:
            signatures = list(signing.signatures_on(record))
            assert signatures, f"{record._meta.label} is {record.state} without a signature"
            assert signing.still_holds(signatures[-1], record), f"{record._meta.label} is not what was signed"
    for task in ever_signed(ReadTask.every.all()):
        for read in signed_reads(task):
            assert read.signature, f"version {read.number} of {task} is not what was signed"


def only_what_was_cleared_is_read(trial: Trial) -> None:
    """A cleared timepoint has images and a round that cleared it; a read is of one that was cleared once."""
    for task in ReadTask.objects.select_related("timepoint"):
        assert QcReview.objects.filter(timepoint=task.timepoint, decided_at__isnull=False).exists()
    for timepoint in Timepoint.objects.filter(qc_state=QcState.CLEARED):
        assert timepoint.image_state == ImageState.RECEIVED
        latest = QcReview.objects.filter(timepoint=timepoint).order_by("-round").first()
        assert latest is not None
        assert latest.state == ReviewState.CLEARED
        assert not latest.findings.filter(severity="block", verdict__in=(Verdict.PENDING, Verdict.FAIL)).exists()


def a_second_person_looked_where_one_had_to(trial: Trial) -> None:
    """What the charter or chance gave to a second person was decided by another one; every verdict is signed."""
    for review in QcReview.objects.exclude(state=ReviewState.SUPERSEDED):
        decisions = list(review.decisions.order_by("stage"))
        assert [one.stage for one in decisions] == list(range(1, len(decisions) + 1))
        assert len({one.decided_by_id for one in decisions}) == len(decisions), "one person looked twice"
        passed = [{one.images_verdict, one.form_verdict or "pass"} <= set(GOOD) for one in decisions]
        match review.state:
            case ReviewState.OPEN:
                assert not decisions
            case ReviewState.SECOND:
                assert passed == [True]
                assert decisions[0].second_because
            case ReviewState.CLEARED:
                assert all(passed)
                assert len(decisions) == (2 if decisions[0].second_because else 1)
            case ReviewState.FAILED:
                assert passed in ([False], [True, False])
        for decision in decisions:
            assert signing.still_holds(signing.signatures_on(decision).get(), decision)


def readers_are_two_and_go_in_order(trial: Trial) -> None:
    """A subject has its two readers; each has one read open at a time, the first not signed; no reader is the judge."""
    for subject in Subject.objects.all():
        tasks = list(ReadTask.objects.filter(timepoint__subject=subject).order_by("order", "slot"))
        readers = {task.slot: task.reader_id for task in tasks}
        assert {(t.slot, t.reader_id) for t in tasks} == set(readers.items())
        assert not tasks or (sorted(readers) == [1, 2] and readers[1] != readers[2])
        for slot in readers:
            mine = [t for t in tasks if t.slot == slot]
            open_ones = [t.order for t in mine if t.state in (ReadState.ASSIGNED, ReadState.READING)]
            signed = [t.order for t in mine if t.state in (ReadState.SUBMITTED, ReadState.LOCKED)]
            assert len(open_ones) <= 1, "two reads of one case are open to one reader"
            assert not (open_ones and signed) or open_ones[0] > max(signed), "a read is open before one that is signed"
        assert not {a.adjudicator_id for a in subject.adjudications.all()} & set(readers.values())
    unsigned = ReadTask.objects.exclude(state__in=(ReadState.SUBMITTED, ReadState.LOCKED, ReadState.WITHDRAWN))
    assert not unsigned.filter(timepoint__reading_state=ReadingState.READ).exists()


def only_who_takes_part_is_read(trial: Trial) -> None:
    """Of a subject that is screened, or whose screening failed, there is no read."""
    assert not ReadTask.objects.filter(timepoint__subject__enrolled_at=None).exists()


def without_consent_nothing_goes_on(trial: Trial) -> None:
    """Of a subject that is read no further nothing is open to readers; on what was erased no signed read rests."""
    closed = Subject.objects.filter(images_rule__in=READ_NO_FURTHER)
    over = (*SIGNED, ReadState.WITHDRAWN)
    assert not ReadTask.every.filter(timepoint__subject__in=closed).exclude(state__in=over).exists()
    assert not Adjudication.objects.filter(subject__in=closed, state__in=UNDECIDED).exists()
    assert not GlobalReview.objects.filter(subject__in=closed, state=GlobalReviewState.OPEN).exists()
    gone = Instance.objects.exclude(stored_state=OriginalState.KEPT)
    signed = ReadTask.every.filter(state__in=SIGNED).values("timepoint")
    assert not gone.filter(series__imaging_study__timepoint__in=signed).exists()


def nobody_is_enrolled_before_the_site_is_qualified(trial: Trial) -> None:
    """Since the charter asks, the site of each subject was qualified when it was enrolled."""
    asks = next((one for one in trial.charters.order_by("version") if one.signed_at and one.terms.sites.asks), None)
    for subject in Subject.objects.filter(enrolled_at__gt=asks.signed_at) if asks else ():
        held = SiteQualification.objects.filter(site=subject.site, qualified_at__lt=subject.enrolled_at)
        assert held.filter(Q(ended_at=None) | Q(ended_at__gt=subject.enrolled_at)).exists()


def one_charter_is_in_force(trial: Trial) -> None:
    """One version is in force, and at most one draft waits beside it."""
    held = list(ImagingCharter.objects.filter(trial=trial).values_list("state", flat=True))
    assert held.count(CharterState.IN_FORCE) == 1
    assert held.count(CharterState.DRAFT) <= 1


def images_are_of_their_site(trial: Trial) -> None:
    """An archived study's timepoint has received images, and nothing lies at a subject of another site than sent it."""
    assert not ImagingStudy.objects.exclude(timepoint__image_state=ImageState.RECEIVED).exists()
    for transfer in Transfer.objects.all():
        placed = ReceivedInstance.objects.filter(transfer=transfer, timepoint__isnull=False)
        assert set(placed.values_list("timepoint__subject__site", flat=True)) <= {transfer.site_id}


#: Asked after each step that left something on the trail. `what_is_signed_is_what_was_signed` reads all that was ever
#: signed, which takes longer than all of these: a life is asked it now and then, and at its end.
STANDING: tuple[Callable[[Trial], None], ...] = (
    a_lock_leaves_nothing_open,
    only_what_was_cleared_is_read,
    a_second_person_looked_where_one_had_to,
    readers_are_two_and_go_in_order,
    only_who_takes_part_is_read,
    without_consent_nothing_goes_on,
    nobody_is_enrolled_before_the_site_is_qualified,
    one_charter_is_in_force,
    images_are_of_their_site,
)
