"""This room's doors for the queue."""

from __future__ import annotations

import datetime as dt

from celery import shared_task
from django.utils import timezone

from compliance import context, jobs
from compliance.models import User
from reading import selectors, selectors_real_time
from reading.assignment import NotEnoughReaders
from reading.exports import showing
from reading.services import (
    adjudicating,
    asking,
    assigning,
    dispatching,
    freezing,
    minding,
    packaging,
    packaging_images,
    packaging_interim,
    rereading,
    reviewing,
)
from trials.models import Freeze, Subject, Timepoint, Trial
from trials.states import FreezeState, TrialState

#: Until then somebody may have added the reader or adjudicator that a trial lacks.
RETRY_AFTER = dt.timedelta(minutes=5)


@jobs.handler("reading.open_reads")
def open_reads(*, timepoint_id: int, at: dt.datetime) -> None:
    """Open the reads of a cleared timepoint; while the trial lacks readers, look again later."""
    try:
        assigning.open_reads(timepoint=Timepoint.objects.get(pk=timepoint_id), at=at)
    except NotEnoughReaders:
        jobs.enqueue("reading.open_reads", str(timepoint_id), at=at, delay=RETRY_AFTER, timepoint_id=timepoint_id)


@jobs.handler("reading.open_adjudications")
def open_adjudications(*, subject_id: int, at: dt.datetime) -> None:
    """Look whether a subject's reads are discordant; while the trial lacks an adjudicator, look again later."""
    try:
        adjudicating.open_adjudications(subject=Subject.objects.get(pk=subject_id), at=at)
    except NotEnoughReaders:
        jobs.enqueue("reading.open_adjudications", str(subject_id), at=at, delay=RETRY_AFTER, subject_id=subject_id)


@jobs.handler("reading.settle_subject")
def settle_subject(*, subject_id: int, at: dt.datetime) -> None:
    """See what follows when a scan will not come: the next timepoint opens, or the subject is fully read."""
    subject = Subject.objects.get(pk=subject_id)
    for timepoint in subject.timepoints.order_by("order")[:1]:
        open_reads(timepoint_id=timepoint.pk, at=at)
    reviewing.open_reviews(subject=subject, at=at)
    open_adjudications(subject_id=subject_id, at=at)


@jobs.handler("reading.go_on_on_clocks")
def go_on_on_clocks(*, subject_id: int, cleared_at: str, at: dt.datetime) -> None:
    """A timepoint was cleared: the clocks of what waits for it run from then on, however late this job comes."""
    asking.go_on(subject=Subject.objects.get(pk=subject_id), at=dt.datetime.fromisoformat(cleared_at))


@jobs.handler("reading.settle_clocks")
def settle_clocks(*, subject_id: int, at: dt.datetime) -> None:
    """Bring a subject's reads on a clock to where they can be."""
    asking.go_on(subject=Subject.objects.get(pk=subject_id), at=at)


@jobs.handler("reading.begin_anew")
def begin_anew(*, timepoint_id: int, at: dt.datetime) -> None:
    """Other images came for a timepoint: what is being read there on a clock is asked anew."""
    asking.begin_anew(timepoint=Timepoint.objects.get(pk=timepoint_id), at=at)


@jobs.handler("reading.replan_subject")
def replan_subject(*, subject_id: int, at: dt.datetime) -> None:
    """A subject was moved to another version of the charter: its reads follow, and what waits for them."""
    assigning.replan(subject=Subject.objects.get(pk=subject_id), at=at)
    settle_subject(subject_id=subject_id, at=at)


@jobs.handler("reading.build_package")
def build_package(*, trial_id: int, actor_id: int, at: dt.datetime) -> None:
    """Build the package and the audit trail of a trial that was locked, in the name of who locked it; twice gives one.

    What the endpoint figures are drawn from is kept as well, so that whoever asks first does not wait for it.
    """
    trial, actor = Trial.objects.get(pk=trial_id), User.objects.get(pk=actor_id)
    packaging.build_package(trial=trial, actor=actor, at=at)
    packaging.build_trail(trial=trial, actor=actor, at=at)
    showing.endpoints_of(trial)


@jobs.handler(freezing.BUILD)
def build_interim(*, freeze_id: int, actor_id: int, at: dt.datetime) -> None:
    """Build the package of an interim lock, in the name of who made it; nothing of one that was lifted meanwhile."""
    freeze, actor = Freeze.objects.select_related("trial").get(pk=freeze_id), User.objects.get(pk=actor_id)
    if freeze.state == FreezeState.STANDING:
        packaging_interim.build_interim(freeze=freeze, actor=actor, at=at)


@jobs.handler(packaging.TRY_OUT)
def build_dry_run(*, trial_id: int, actor_id: int, at: dt.datetime) -> None:
    """Build a dry run in the name of who asked for it; twice gives one."""
    packaging.build_dry_run(trial=Trial.objects.get(pk=trial_id), actor=User.objects.get(pk=actor_id), at=at)


@jobs.handler(packaging_images.BUILD)
def build_images(*, trial_id: int, subject_id: int | None, actor_id: int, at: dt.datetime) -> None:
    """Build the package of a subject's images, or of all, in the name of who asked for it; twice gives one."""
    subject = Subject.objects.get(pk=subject_id) if subject_id else None
    trial, actor = Trial.objects.get(pk=trial_id), User.objects.get(pk=actor_id)
    packaging_images.build_images(trial=trial, subject=subject, actor=actor, at=at)


@shared_task(name="reading.sweep_reads", ignore_result=True)
def sweep_reads() -> None:
    """Open the re-reads whose day has come, mind the clocks, and ask again for reads whose news was lost in a crash."""
    at = timezone.now()
    minding.remind(at=at)
    for subject in selectors_real_time.held_up():
        asking.go_on(subject=subject, at=at)
    for trial in Trial.objects.filter(state=TrialState.RUNNING):
        rereading.open_rereads(trial=trial, at=at)
        for timepoint in selectors.held_up_for_readers(trial):
            jobs.enqueue("reading.open_reads", str(timepoint.pk), at=at, timepoint_id=timepoint.pk)


@shared_task(name="reading.send_what_is_due", ignore_result=True)
def send_what_is_due() -> None:
    """Ask for the scheduled transfers whose time has come; on the beat, each minute."""
    with context.surroundings("", "reading.send_what_is_due"):
        dispatching.send_what_is_due(at=timezone.now())
