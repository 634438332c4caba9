"""Originals leave by the charter's rule, and only then; what says that they were here stays."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance import audit, jobs
from compliance.models import AuditEvent
from compliance.signing import Intent
from imaging.models import Instance, QcReview, ReceivedInstance, Transfer
from imaging.services import originals, resolving, retaining, reviewing
from imaging.services.retaining import Standing, sweep
from imaging.tasks import sweep_originals
from tests.factories import AT, PASSWORD, World, encoded, make_world, scan, slice_of
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Role
from trials.services import querying, setting_up
from trials.states import TrialState

pytestmark = pytest.mark.requirement("REQ-STO-005")

SERIES = {
    "label": "CT",
    "modality": "CT",
    "orientation": "axial",
    "min_instances": 3,
    "required": True,
}
DAY = dt.timedelta(days=1)
AFTER_30 = {"originals": {"after_days": 30}}
LATE = AT + 31 * DAY


def world_with(rule: dict[str, Any]) -> World:
    return make_world(charter={"series": [SERIES], "retention": rule})


def clear(world: World, at: dt.datetime = AT) -> None:
    """Let QC clear the one timepoint that waits for it."""
    review = QcReview.objects.filter(timepoint__subject__trial=world.trial).order_by("-round").first()
    assert review is not None
    for finding in review.findings.filter(severity="block"):
        reviewing.decide_finding(finding=finding, verdict="waived", reason="a test", actor=world.analyst, at=at)
    reviewing.clear_timepoint(review=review, signature=Intent(PASSWORD), actor=world.analyst, at=at)


def cleared(world: World) -> Transfer:
    """Three images of a timepoint that QC has cleared."""
    transfer = by_scanner(world, scan("N-001", slices=3))
    clear(world)
    return transfer


def lock(world: World, at: dt.datetime) -> None:
    """Lock the trial's database, as `reading` does when all is read."""
    world.trial.state, world.trial.locked_at = TrialState.LOCKED, at
    audit.save(world.trial, action="trial.lock", actor=world.administrator, at=at, thaw=True)


def lying(disk: Path) -> list[str]:
    """Names of what lies in quarantine."""
    return sorted(path.name for path in (disk / "quarantine").rglob("*") if path.is_file())


def states() -> list[str]:
    return list(ReceivedInstance.objects.order_by("pk").values_list("original_state", flat=True))


@pytest.fixture
def trial_of_30_days(db: None, own_disk: Path) -> World:
    return world_with(AFTER_30)


# --- when they leave ----------------------------------------------------------------------------------------


def test_they_are_kept_unless_the_charter_says_otherwise(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=3))
    lock(world, AT)

    assert sweep(at=AT + 7300 * DAY) == 0
    assert (len(lying(own_disk)), states()) == (3, ["kept"] * 3)


def test_they_leave_so_many_days_after_clearance_and_not_before(trial_of_30_days: World, own_disk: Path) -> None:
    cleared(trial_of_30_days)

    assert sweep(at=AT + 30 * DAY - dt.timedelta(seconds=1)) == 0
    assert len(lying(own_disk)) == 3
    assert sweep(at=AT + 30 * DAY) == 3
    assert (lying(own_disk), states()) == ([], ["gone"] * 3)


def test_days_count_from_the_last_clearance(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    by_scanner(trial_of_30_days, [encoded(slice_of(4, ClinicalTrialSubjectID="N-001"))])
    assert sweep(at=LATE) == 0

    clear(trial_of_30_days, at=AT + 20 * DAY)
    assert sweep(at=LATE) == 0
    assert sweep(at=AT + 50 * DAY) == 4


def test_they_leave_with_the_database_lock(db: None, own_disk: Path) -> None:
    world = world_with({"originals": "at_lock"})
    cleared(world)

    assert sweep(at=AT + 7300 * DAY) == 0
    lock(world, LATE)
    assert sweep(at=LATE) == 3
    assert lying(own_disk) == []


def test_the_charter_in_force_rules_what_came_before_it(world: World) -> None:
    transfer = by_scanner(world, scan("N-001", slices=1))
    content = {**copy.deepcopy(world.trial.charter_in_force.content), "retention": {"originals": "at_lock"}}
    by = {"actor": world.founder, "at": AT}
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Originals leave", **by)
    setting_up.edit_charter(charter=draft, content=content, **by)
    assert sweep(at=AT) == 0

    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), **by)
    world.trial.refresh_from_db()
    lock(world, AT)
    assert sweep(at=AT) == 1
    reasons = audit.history(transfer).filter(action="receivedinstance.leave").values_list("reason", flat=True)
    assert list(reasons) == ["charter version 2: originals leave when the database is locked"]


def test_a_copy_of_an_archived_image_leaves_with_it(trial_of_30_days: World, own_disk: Path) -> None:
    cleared(trial_of_30_days)
    by_scanner(trial_of_30_days, scan("N-001", slices=3))
    assert sorted(ReceivedInstance.objects.values_list("state", flat=True)) == ["archived"] * 3 + ["duplicate"] * 3

    assert sweep(at=LATE) == 6
    assert lying(own_disk) == []


def test_another_trials_originals_are_not_touched(trial_of_30_days: World, own_disk: Path) -> None:
    cleared(trial_of_30_days)
    other = make_world("PLX-2", charter={"series": [SERIES]}, prefix="b_")
    by_scanner(other, scan("N-001", slices=3))
    clear(other)

    assert sweep(at=LATE) == 3
    assert len(lying(own_disk)) == 3


# --- which ones stay ----------------------------------------------------------------------------------------


def test_what_is_not_cleared_stays(trial_of_30_days: World) -> None:
    by_scanner(trial_of_30_days, scan("N-001", slices=3))

    assert sweep(at=LATE) == 0


def test_what_is_held_or_set_aside_stays_also_when_the_database_is_locked(db: None, own_disk: Path) -> None:
    world = world_with({"originals": "at_lock"})
    by_scanner(world, [*scan("N-001", slices=1), *scan("X-999", slices=2, scan_number=2), b"no image"])
    assert sorted(ReceivedInstance.objects.values_list("state", flat=True)) == ["archived", "held", "held", "held"]
    lock(world, AT)

    assert sweep(at=LATE) == 1
    assert len(lying(own_disk)) == 3


def test_what_another_file_that_is_held_disagrees_with_stays(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    transfer = by_scanner(trial_of_30_days, scan("N-001", slices=1, value=900))
    held = transfer.instances.get()
    assert held.hold_reason == "uid_conflict"
    assert sweep(at=LATE) == 2

    by = {"reason": "sent by mistake", "actor": trial_of_30_days.analyst, "at": LATE}
    assert resolving.discard_held(instances=[held], **by) == 1
    assert sweep(at=LATE) == 1
    assert sorted(states()) == ["gone", "gone", "gone", "kept"]


def test_what_waits_for_a_timepoint_keeps_its_other_originals(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    by_coordinator(trial_of_30_days, scan("N-001", slices=1), trial_of_30_days.timepoint("N-001", "BL"), work=False)
    assert sweep(at=LATE) == 0

    jobs.drain()
    assert sweep(at=LATE) == 4


def test_while_the_site_is_asked_they_stay(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    by = {"actor": trial_of_30_days.analyst, "at": AT}
    timepoint = trial_of_30_days.timepoint("N-001", "BL")
    query = querying.raise_query(about=timepoint, title="Dose", text="Which dose was given?", **by)
    assert sweep(at=LATE) == 0

    querying.close_query(query=query, **by)
    assert sweep(at=LATE) == 3


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other bytes")])
def test_without_its_image_in_the_archive_an_original_stays_and_holds_up_no_other(
    trial_of_30_days: World, own_disk: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cleared(trial_of_30_days)
    damaged = Instance.objects.select_related("received").order_by("pk")[1]
    path = own_disk / "archive" / damaged.archive_key
    path.chmod(0o644)
    damage(path)

    assert sweep(at=LATE) == 2
    assert lying(own_disk) == [damaged.received.quarantine_key.split("/")[1]]
    assert [record.getMessage() for record in caplog.records if record.name == retaining.__name__] == [
        f"instance {damaged.pk} does not lie in the archive as it was written; its original stays"
    ]


# --- what stays of them -------------------------------------------------------------------------------------


def test_rows_digests_and_trail_stay_with_rule_and_charter(trial_of_30_days: World) -> None:
    transfer = cleared(trial_of_30_days)
    told = ("file_sha256", "dataset_sha256", "state", "size", "quarantine_key")
    before = list(ReceivedInstance.objects.order_by("pk").values_list("pk", *told))
    count = AuditEvent.objects.count()

    sweep(at=LATE)

    assert list(ReceivedInstance.objects.order_by("pk").values_list("pk", *told)) == before
    assert list(ReceivedInstance.objects.values_list("original_left_at", flat=True)) == [LATE] * 3
    assert AuditEvent.objects.count() == count + 2
    left, leave = audit.history(transfer)[:2]
    numbers = [row[0] for row in before]
    assert (leave.action, left.action) == ("receivedinstance.leave", "receivedinstance.left")
    assert leave.reason == "charter version 1: originals leave 30 days after QC has cleared their timepoint"
    assert (leave.after["ids"], left.after["ids"]) == (numbers, numbers)
    assert left.after["original_left_at"] == LATE.isoformat()


def test_a_second_sweep_does_nothing(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    sweep(at=LATE)
    count = AuditEvent.objects.count()

    assert sweep(at=LATE + DAY) == 0
    assert AuditEvent.objects.count() == count


def test_many_leave_step_by_step(trial_of_30_days: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retaining, "BATCH", 2)
    monkeypatch.setattr(retaining, "AT_ONCE", 3)
    by_scanner(trial_of_30_days, scan("N-001", slices=5))
    clear(trial_of_30_days)

    assert [sweep(at=LATE) for _ in range(3)] == [3, 2, 0]


def test_the_beat_sweeps_by_the_clock(trial_of_30_days: World, settings: LazySettings) -> None:
    cleared(trial_of_30_days)

    sweep_originals()

    scheduled = [one["task"] for one in settings.CELERY_BEAT_SCHEDULE.values()]
    assert (scheduled.count(sweep_originals.name), states()) == (1, ["gone"] * 3)


class PowerCut(BaseException):
    """The process ends here; nothing that it wrote and did not commit stays."""


@pytest.mark.parametrize("point", ["originals.leaving", "originals.one", "originals.bytes", "originals.gone"])
def test_killed_anywhere_the_next_sweep_goes_on(
    trial_of_30_days: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    cleared(trial_of_30_days)
    around = len(connection.savepoint_ids)

    def cut(here: str) -> None:
        assert len(connection.savepoint_ids) == around  # a block still open here would be undone by a real one
        if here == point:
            raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(retaining, "fault", cut)
        with pytest.raises(PowerCut):
            sweep(at=LATE)
    # What has no bytes any more was said to leave before.
    here = set(lying(own_disk))
    kept = ReceivedInstance.objects.filter(original_state="kept")
    assert {row.quarantine_key.split("/")[1] for row in kept} <= here

    sweep(at=LATE + DAY)
    assert (lying(own_disk), states()) == ([], ["gone"] * 3)
    actions = AuditEvent.objects.filter(action__in=("receivedinstance.leave", "receivedinstance.left")).order_by("pk")
    assert [event.action for event in actions] == ["receivedinstance.leave", "receivedinstance.left"]


# --- who asks for one that has left -------------------------------------------------------------------------


def test_reading_one_that_has_left_says_so(trial_of_30_days: World) -> None:
    cleared(trial_of_30_days)
    row = ReceivedInstance.objects.order_by("pk")[0]  # as somebody saw it before
    sweep(at=LATE)

    with pytest.raises(originals.OriginalGone, match="has left quarantine by the rule of the trial's charter"):
        originals.read(row, trial_code=trial_of_30_days.trial.code)
    with (
        pytest.raises(originals.OriginalGone),
        originals.on_disk(row, trial_code=trial_of_30_days.trial.code),
    ):
        pass


def test_the_same_image_sent_again_is_known_and_other_content_is_held(trial_of_30_days: World) -> None:
    files = scan("N-001", slices=3)
    by_scanner(trial_of_30_days, files)
    clear(trial_of_30_days)
    sweep(at=LATE)
    changed = slice_of(1, ClinicalTrialSubjectID="N-001", value=41)

    by_scanner(trial_of_30_days, [files[1], encoded(changed)])

    again = ReceivedInstance.objects.filter(original_state="kept")
    assert sorted((row.state, row.hold_reason) for row in again) == [("duplicate", ""), ("held", "uid_conflict")]
    assert "Its original has left by the charter's rule" in again.get(state="held").hold_sentence


def test_pages_say_the_rule_and_how_many_are_here(trial_of_30_days: World, client: Client) -> None:
    world, transfer = trial_of_30_days, cleared(trial_of_30_days)
    rule = "Originals leave 30 days after QC has cleared their timepoint (charter version 1)"
    by_scanner(world, scan("N-002", slices=1, scan_number=2))
    sweep(at=LATE)

    assert retaining.standing_of_transfer(transfer) == Standing(rule, 0, 3, LATE)
    assert retaining.standing_of_trial(world.trial) == Standing(rule, 1, 3, LATE)
    for person, page, said in (
        (world.coordinator, reverse("imaging:transfer", args=[transfer.public_id]), "0 lie in quarantine; 3 have left"),
        (
            world.people[Role.AUDITOR],
            reverse("imaging:trial_proof", args=[world.trial.pk]),
            "1 lies in quarantine; 3 have left",
        ),
    ):
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        assert f"{rule}. {said}, the last on 2 April 2026." in client.get(page).content.decode()
