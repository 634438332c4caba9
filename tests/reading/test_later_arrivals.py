"""Images that arrive after QC had cleared their timepoint: through any door, and whatever the readers have done."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from compliance import audit, jobs
from compliance.models import User
from compliance.signing import Intent
from compliance.worklists import waiting_in
from imaging import selectors as pictures
from imaging.models import Instance, QcReview, Series, Transfer
from imaging.services import reviewing
from imaging.services.resolving import resolve_held
from reading import selectors
from reading.blinding import NotOpen
from reading.models import ReadTask
from reading.services.assessing import open_task, submit_read
from reading.services.locking import readiness
from reading.states import ReadState
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.imaging.services.delivery import by_scanner, through
from tests.reading.conftest import baseline
from trials.charter import RECIST_TEMPLATE
from trials.models import Role, Timepoint
from trials.states import ImageState, QcState, ReadingState

pytestmark = pytest.mark.requirement("REQ-QC-004")

SERIES = {**RECIST_TEMPLATE["series"][0], "min_instances": 3}
LATER = AT + dt.timedelta(days=3)


@pytest.fixture
def world(db: None, own_disk: object) -> World:
    """A trial whose charter asks for three slices only and for one reader, as there is one."""
    return make_world(charter={"series": [SERIES], "readers_per_timepoint": 1})


def clear(world: World) -> None:
    review = QcReview.objects.order_by("-round").first()
    assert review is not None
    reviewing.clear_timepoint(review=review, signature=Intent(PASSWORD), actor=world.analyst, at=AT)
    jobs.drain()


def latest(world: World) -> Timepoint:
    return world.timepoint("N-001", "BL")


@pytest.fixture
def cleared(world: World) -> World:
    """The trial when the baseline of N-001 is cleared, and its read is open."""
    by_scanner(world, scan("N-001", slices=3))
    clear(world)
    return world


def arrive(world: World, *, door: str = Transfer.Door.DIMSE, slices: int = 4) -> Transfer:
    """More of the same scan, and then nothing is left to do."""
    return through(door, world, scan("N-001", slices=slices), latest(world), at=LATER)


def task() -> ReadTask:
    return ReadTask.objects.select_related("timepoint__subject__trial", "charter", "reader").get()


def blockers(world: World) -> list[str]:
    """What stands between here and the lock."""
    return [blocker.sentence for blocker in readiness(world.trial)]


# --- the timepoint ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", Transfer.Door.values)
def test_through_every_door_they_reopen_the_timepoint_with_an_audit_row(cleared: World, door: str) -> None:
    transfer = arrive(cleared, door=door)

    timepoint = latest(cleared)
    assert (timepoint.image_state, timepoint.qc_state) == (ImageState.RECEIVED, QcState.AWAITING)
    event = audit.history(timepoint).get(action="timepoint.reopen")
    assert (event.actor_name, event.before, event.after, event.reason) == (
        "system",
        {"qc_state": "cleared"},
        {"qc_state": "awaiting"},
        "images arrived after it was cleared",
    )
    later = pictures.later_arrival(timepoint)
    assert later is not None
    assert (later.cleared_at, later.transfers) == (AT, [transfer])


def test_they_complete_the_series_that_was_there(cleared: World) -> None:
    arrive(cleared)

    series = Series.objects.get()
    assert (series.facts["n_instances"], Instance.objects.filter(series=series).count()) == (4, 4)


def test_what_was_held_and_finds_its_place_later_reopens_it_too(cleared: World) -> None:
    stray = by_scanner(cleared, scan(None, slices=3, scan_number=2))

    resolve_held(
        transfer=stray,
        instances=stray.instances.all(),
        timepoint=latest(cleared),
        actor=cleared.coordinator,
        at=LATER,
    )
    jobs.drain()

    assert latest(cleared).qc_state == QcState.AWAITING
    assert pictures.later_arrival(latest(cleared)) is not None


def test_the_same_images_again_are_no_news(cleared: World) -> None:
    arrive(cleared, slices=3)

    assert latest(cleared).qc_state == QcState.CLEARED
    assert pictures.later_arrival(latest(cleared)) is None


@pytest.mark.parametrize("door", Transfer.Door.values)
def test_after_a_failed_review_through_every_door_they_await_another(world: World, door: str) -> None:
    by_scanner(world, scan("N-001", slices=2))
    reviewing.fail_timepoint(
        review=QcReview.objects.get(),
        reason="slices missing",
        query_title="Please send all",
        query_text="Only two slices came. Send the whole series.",
        signature=Intent(PASSWORD),
        actor=world.analyst,
        at=AT,
    )

    arrive(world, door=door, slices=3)

    assert latest(world).qc_state == QcState.AWAITING
    assert list(QcReview.objects.order_by("round").values_list("state", flat=True)) == ["failed", "open"]
    # The round before failed: there is nothing that was cleared.
    assert pictures.later_arrival(latest(world)) is None
    clear(world)
    assert latest(world).reading_state == ReadingState.OPEN


# --- the reads ----------------------------------------------------------------------------------------------


def test_a_read_that_has_begun_is_closed_until_they_are_cleared(cleared: World) -> None:
    open_task(task=task(), actor=task().reader, at=AT)

    arrive(cleared)

    assert not selectors.reads_open_for(task().reader).exists()
    with pytest.raises(NotOpen, match="What you entered is kept"):
        submit_read(task=task(), entry=baseline(30), signature=Intent(PASSWORD), actor=task().reader, at=LATER)
    assert selectors.back_in_quality_control(cleared.trial) == [latest(cleared)]

    clear(cleared)
    submit_read(task=task(), entry=baseline(30), signature=Intent(PASSWORD), actor=task().reader, at=LATER)
    assert task().state == ReadState.SUBMITTED
    assert selectors.back_in_quality_control(cleared.trial) == []


def test_a_signed_read_stays_and_the_lock_waits_for_quality_control(cleared: World) -> None:
    open_task(task=task(), actor=task().reader, at=AT)
    submit_read(task=task(), entry=baseline(30), signature=Intent(PASSWORD), actor=task().reader, at=AT)
    jobs.drain()

    arrive(cleared)

    assert (task().state, latest(cleared).reading_state) == (ReadState.SUBMITTED, ReadingState.READ)
    assert "Timepoint N-001 BL is not cleared by quality control (awaiting)." in blockers(cleared)
    clear(cleared)
    assert ReadTask.objects.count() == 1
    assert "Timepoint N-001 BL is not cleared by quality control (awaiting)." not in blockers(cleared)


# --- the notices --------------------------------------------------------------------------------------------


def page(user: User, address: str) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


NOTICE = "New images arrived after QC cleared this timepoint on 2 Mar 2026."


def test_analyst_and_coordinator_are_told_where_the_timepoint_is_with_the_delivery(cleared: World) -> None:
    transfer = arrive(cleared)
    review = QcReview.objects.get(state="open")
    timepoint = f"/imaging/timepoints/{latest(cleared).pk}/"

    for user in (cleared.analyst, cleared.coordinator):
        for address in (timepoint, f"/imaging/reviews/{review.pk}/"):
            shown = page(user, address)
            assert NOTICE in shown
            assert f'href="/imaging/transfers/{transfer.public_id}/"' in shown
    assert "Reopened after it was cleared on 2 Mar 2026" in page(
        cleared.analyst, f"/imaging/trials/{cleared.trial.pk}/qc/"
    )
    assert "In QC again" in page(cleared.coordinator, f"/trials/{cleared.trial.pk}/")
    assert "Back in quality control after their reading began: N-001 BL." in page(
        cleared.people[Role.READING_MANAGER], f"/reading/trials/{cleared.trial.pk}/progress/"
    )


def test_it_is_among_what_waits_for_them_at_home(cleared: World) -> None:
    arrive(cleared)

    def told(user: User) -> dict[str, tuple[int | None, str, str]]:
        waiting = waiting_in(user, cleared.trial, AT)
        return {one.label: (one.count, one.tone, one.note) for one in waiting}

    assert told(cleared.coordinator)["Back in QC"] == (1, "warn", "reopened after it was cleared")
    assert told(cleared.analyst)["Timepoints awaiting QC"] == (1, "warn", "1 reopened after clearance")
    assert "Back in QC" not in told(cleared.other_coordinator)


def test_the_notice_ends_with_the_new_review(cleared: World) -> None:
    arrive(cleared)
    clear(cleared)

    assert NOTICE not in page(cleared.analyst, f"/imaging/timepoints/{latest(cleared).pk}/")
    assert "Back in QC" not in {one.label for one in waiting_in(cleared.coordinator, cleared.trial, AT)}
