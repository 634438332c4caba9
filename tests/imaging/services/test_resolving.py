"""What waits in quarantine gets a place, or is set aside; by whom, and why, is in the trail."""

from __future__ import annotations

from typing import Any

import pytest

from compliance import access, audit, jobs
from compliance.transitions import IllegalMove, ReasonRequired
from imaging import selectors
from imaging.models import Instance, ReceivedInstance
from imaging.services import originals
from imaging.services.resolving import OtherDelivery, OtherSite, discard_held, resolve_held
from imaging.states import ReceivedState
from tests.factories import AT, World, scan
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Freeze, FrozenSubject

pytestmark = pytest.mark.requirement("REQ-INT-012")


def test_strays_of_one_scan_are_one_group_with_its_reason(world: World) -> None:
    transfer = by_scanner(world, [*scan(None, slices=3), *scan("S-001", slices=2, scan_number=2)])

    groups = selectors.held_groups_seen_by(world.coordinator)

    assert [(g.transfer, g.reason, g.count, g.modality) for g in groups] == [
        (transfer, "subject_unknown", 3, "CT"),
        (transfer, "subject_other_site", 2, "CT"),
    ]


def test_another_sites_coordinator_and_an_outsider_see_no_strays(world: World) -> None:
    by_scanner(world, scan(None, slices=1))

    assert selectors.held_groups_seen_by(world.other_coordinator) == []
    assert selectors.held_groups_seen_by(world.outsider) == []


def test_an_assigned_scan_goes_into_the_archive(world: World) -> None:
    transfer = by_scanner(world, scan(None, slices=3))
    timepoint = world.timepoint("N-001", "W8")

    count = resolve_held(
        transfer=transfer,
        instances=ReceivedInstance.objects.filter(state=ReceivedState.HELD),
        timepoint=timepoint,
        actor=world.analyst,
        at=AT,
    )
    jobs.drain()

    assert (count, Instance.objects.count()) == (3, 3)
    row = ReceivedInstance.objects.first()
    assert row is not None
    assert (row.state, row.timepoint, row.hold_reason, row.hold_sentence) == ("archived", timepoint, "", "")
    retry = audit.history(row).get(action="receivedinstance.retry")
    assert (retry.actor, retry.reason) == (world.analyst, "assigned to N-001 W8")


@pytest.mark.requirement("REQ-LOC-016")
def test_a_scan_for_a_frozen_visit_is_held_and_says_why_and_can_be_given_to_a_later_one(world: World) -> None:
    visit = world.timepoint("N-001", "W8")
    freeze = Freeze(trial=world.trial, level="interim", number=1, purpose="Look", made_by=world.founder, made_at=AT)
    audit.save(freeze, action="freeze.interim", actor=None, at=AT)
    covered = FrozenSubject(freeze=freeze, subject=visit.subject, through=visit.order, state="active")
    audit.save(covered, action="frozensubject.covered", actor=None, at=AT)
    transfer = by_scanner(world, scan("N-001", slices=2, ClinicalTrialTimePointID="W8"))

    held = list(ReceivedInstance.objects.values_list("state", "hold_reason", "hold_sentence"))

    said = "N-001 W8 is frozen, so nothing is added to it. Set the image aside, or have the freeze lifted."
    assert held == [("held", "trial_locked", said)] * 2
    with pytest.raises(audit.RecordFrozen):
        by_coordinator(world, scan("N-001", slices=1), visit)
    given: dict[str, Any] = {"transfer": transfer, "actor": world.analyst, "at": AT}
    for timepoint, state in ((visit, "held"), (world.timepoint("N-001", "W16"), "archived")):
        resolve_held(timepoint=timepoint, instances=ReceivedInstance.objects.all(), **given)
        jobs.drain()
        assert set(ReceivedInstance.objects.values_list("state", flat=True)) == {state}
    assert Instance.objects.count() == 2


def test_a_mismatch_assigned_to_the_subject_in_the_header_goes_in(world: World) -> None:
    transfer = by_coordinator(world, scan("N-001", slices=1), world.timepoint("N-002", "BL"))

    resolve_held(
        transfer=transfer,
        instances=transfer.instances.all(),
        timepoint=world.timepoint("N-001", "BL"),
        actor=world.coordinator,
        at=AT,
    )
    jobs.drain()

    assert ReceivedInstance.objects.get().state == ReceivedState.ARCHIVED


def test_a_timepoint_of_another_site_is_refused(world: World) -> None:
    transfer = by_scanner(world, scan(None, slices=1))

    with pytest.raises(OtherSite):
        resolve_held(
            transfer=transfer,
            instances=transfer.instances.all(),
            timepoint=world.timepoint("S-001", "BL"),
            actor=world.analyst,
            at=AT,
        )

    assert ReceivedInstance.objects.get().state == ReceivedState.HELD


def test_instances_of_another_delivery_are_not_moved_along(world: World) -> None:
    mine = by_scanner(world, scan(None, slices=1))
    other = by_scanner(world, scan(None, slices=1, scan_number=2), site=world.south)

    with pytest.raises(OtherDelivery):
        resolve_held(
            transfer=mine,
            instances=other.instances.all(),
            timepoint=world.timepoint("N-001", "BL"),
            actor=world.analyst,
            at=AT,
        )

    assert set(ReceivedInstance.objects.values_list("state", flat=True)) == {"held"}


def test_who_may_not_resolve_is_refused(world: World) -> None:
    transfer = by_scanner(world, scan(None, slices=1))

    for actor in (world.other_coordinator, world.outsider, world.administrator):
        with pytest.raises(access.AccessDenied):
            resolve_held(
                transfer=transfer,
                instances=transfer.instances.all(),
                timepoint=world.timepoint("N-001", "BL"),
                actor=actor,
                at=AT,
            )
        with pytest.raises(access.AccessDenied):
            discard_held(instances=transfer.instances.all(), reason="stray", actor=actor, at=AT)


def test_setting_aside_needs_a_reason_and_keeps_the_bytes(world: World) -> None:
    (file,) = scan(None, slices=1)
    transfer = by_scanner(world, [file])
    with pytest.raises(ReasonRequired):
        discard_held(instances=transfer.instances.all(), reason=" ", actor=world.analyst, at=AT)

    assert discard_held(instances=transfer.instances.all(), reason="stray", actor=world.analyst, at=AT) == 1

    row = ReceivedInstance.objects.get()
    assert row.state == ReceivedState.DISCARDED
    assert originals.read(row, trial_code=world.trial.code) == file
    assert audit.history(row).first().reason == "stray"


def test_what_is_archived_cannot_be_set_aside(world: World) -> None:
    transfer = by_scanner(world, scan("N-001", slices=1))

    with pytest.raises(IllegalMove):
        discard_held(instances=transfer.instances.all(), reason="stray", actor=world.analyst, at=AT)
