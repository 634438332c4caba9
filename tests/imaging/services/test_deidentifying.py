"""From quarantine to the archive: what goes in, what waits and why, and that nothing stored ever changes."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from pydicom import dcmread

from compliance import audit, confined, jobs, keys, storage
from compliance.models import AuditEvent, Job
from compliance.signing import Intent
from compliance.transitions import advance
from imaging.deid import engine
from imaging.deid.keys import SubjectKeys
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from imaging.services import deidentifying, originals, resolving
from imaging.states import HoldReason, ReceivedState
from tests.factories import AT, PASSWORD, PLANTED, World, encoded, scan, slice_of
from tests.factories.scans import ROOT
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Trial
from trials.services import enrolling
from trials.states import ImageState

pytestmark = pytest.mark.requirement("REQ-DEI-011")


def outcome(transfer: Transfer) -> dict[str, int]:
    """How many instances of a delivery are where; what waits is named by its reason."""
    rows = ReceivedInstance.objects.filter(transfer=transfer)
    return dict(Counter(row.hold_reason or row.state for row in rows))


def archive(disk: Path) -> dict[str, str]:
    """Every archived file with its digest."""
    files = (disk / "archive").rglob("*.dcm")
    return {str(p.relative_to(disk)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workshop work here instead of in its child, so that a test can change what it does."""
    monkeypatch.setattr(confined, "call", lambda name, *args, **budget: resolve_name(name)(*args))


# --- the way in ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-012")
def test_a_scan_with_the_subjects_code_goes_to_the_visit_of_its_date(world: World) -> None:
    transfer = by_scanner(world, scan("N-001", slices=3, day=57))

    assert outcome(transfer) == {"archived": 3}
    study = ImagingStudy.objects.get()
    assert (study.timepoint, study.study_day) == (world.timepoint("N-001", "W8"), 57)
    assert [(i.number, i.position_mm, i.rows, i.frames) for i in study.series.get().instances.all()] == [
        (1, 5.0, 16, 1),
        (2, 10.0, 16, 1),
        (3, 15.0, 16, 1),
    ]
    assert study.timepoint.image_state == ImageState.RECEIVED


def test_the_archive_holds_what_the_row_says(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))

    for instance in Instance.objects.all():
        data = storage.get(storage.ARCHIVE, instance.archive_key)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (instance.sha256, instance.size)
        stored = dcmread(BytesIO(data))
        assert stored.SOPInstanceUID == instance.sop_instance_uid
        assert stored.SeriesInstanceUID == instance.series.series_instance_uid
        assert stored.StudyInstanceUID == instance.series.imaging_study.study_instance_uid
        assert (stored.PatientID, stored.ClinicalTrialTimePointID) == ("N-001", "BL")


def test_the_same_code_in_patient_id_will_do(world: World) -> None:
    transfer = by_scanner(world, scan(None, slices=1, PatientID="N-001"))

    assert outcome(transfer) == {"archived": 1}


def test_a_named_timepoint_comes_before_the_date(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1, day=57, ClinicalTrialTimePointID="W16"))

    assert ImagingStudy.objects.get().timepoint == world.timepoint("N-001", "W16")


def test_the_coordinators_choice_needs_no_code_in_the_header(world: World) -> None:
    transfer = by_coordinator(world, scan(None, slices=2), world.timepoint("N-002", "W8"))

    assert outcome(transfer) == {"archived": 2}
    assert ImagingStudy.objects.get().timepoint == world.timepoint("N-002", "W8")


def test_each_step_of_an_instance_is_in_the_trail(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))

    received, series = ReceivedInstance.objects.get(), Series.objects.get()
    actions = audit.history(received.transfer).values_list("action", flat=True)
    assert list(actions)[::-1] == [
        "transfer.opened",
        "receivedinstance.received",
        "receivedinstance.identified",
        "receivedinstance.archive",
    ]
    archived = audit.history(series).get(action="instance.archived")
    assert archived.after["sop_instance_uid"] == [[Instance.objects.get().pk, received.sop_uid_key]]


def test_a_longer_delivery_of_the_same_scan_adds_what_is_new(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    before = archive(own_disk)

    transfer = by_scanner(world, scan("N-001", slices=2))

    assert outcome(transfer) == {"duplicate": 1, "archived": 1}
    assert before.items() <= archive(own_disk).items()


# --- nothing of the person stays ----------------------------------------------------------------------------


@pytest.mark.requirement("REQ-DEI-003", "REQ-DEI-011")
def test_nothing_planted_is_found_outside_quarantine(world: World, own_disk: Path) -> None:
    by_scanner(world, [*scan("N-001", slices=2), *scan("NOBODY", slices=1, scan_number=2)])

    tables = [m for m in apps.get_models() if m._meta.managed]
    database = "".join(serializers.serialize("json", model._default_manager.all()) for model in tables)
    bytes_stored = b"".join(p.read_bytes() for p in (own_disk / "archive").rglob("*") if p.is_file())
    parts = {part for value in PLANTED.values() for part in value.split("^")} | {"MRN55667788", ROOT, "20251231"}
    assert [part for part in parts if part in database or part.encode() in bytes_stored] == []


# --- bad input ----------------------------------------------------------------------------------------------


def truncated() -> bytes:
    return encoded(slice_of(ClinicalTrialSubjectID="N-001"))[:-100]


def one(**values: Any) -> bytes:
    return encoded(slice_of(**values))


BAD_INPUT: dict[str, tuple[Callable[[], bytes], HoldReason]] = {
    "not DICOM": (lambda: b"%PDF-1.7 and so on" * 50, HoldReason.NOT_DICOM),
    "empty": (lambda: b"", HoldReason.EMPTY_FILE),
    "truncated": (truncated, HoldReason.TRUNCATED),
    "without UIDs": (lambda: one(ClinicalTrialSubjectID="N-001", StudyInstanceUID=None), HoldReason.MALFORMED),
    "no subject code": (lambda: one(), HoldReason.SUBJECT_UNKNOWN),
    "subject not in the trial": (lambda: one(ClinicalTrialSubjectID="X-999"), HoldReason.SUBJECT_UNKNOWN),
    "other site's subject": (lambda: one(ClinicalTrialSubjectID="S-001"), HoldReason.SUBJECT_OTHER_SITE),
    "date in no window": (lambda: one(ClinicalTrialSubjectID="N-001", day=300), HoldReason.TIMEPOINT_UNKNOWN),
    "no date": (
        lambda: one(ClinicalTrialSubjectID="N-001", StudyDate=None, SeriesDate=None, AcquisitionDate=None),
        HoldReason.TIMEPOINT_UNKNOWN,
    ),
    "a document": (
        lambda: one(ClinicalTrialSubjectID="N-001", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"),
        HoldReason.CANNOT_DEIDENTIFY,
    ),
}


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-012")
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_waits_with_its_reason_and_changes_nothing(world: World, own_disk: Path, case: str) -> None:
    make, reason = BAD_INPUT[case]
    by_scanner(world, scan("N-001", slices=2, scan_number=9))
    before, rows = archive(own_disk), list(Instance.objects.values())

    transfer = by_scanner(world, [make()])

    assert outcome(transfer) == {str(reason): 1}
    held = ReceivedInstance.objects.get(transfer=transfer)
    assert held.hold_sentence.endswith(".")
    assert [value for value in PLANTED.values() if value in held.hold_sentence] == []
    assert originals.read(held, trial_code=world.trial.code) == make()
    assert (archive(own_disk), list(Instance.objects.values())) == (before, rows)


def test_a_bad_file_does_not_hold_up_the_good_ones_beside_it(world: World) -> None:
    good = scan("N-001", slices=2)

    transfer = by_scanner(world, [good[0], b"rubbish", b"", good[1]])

    assert outcome(transfer) == {"archived": 2, "not_dicom": 1, "empty_file": 1}


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-011")
def test_the_same_instance_again_is_a_duplicate(world: World, own_disk: Path) -> None:
    files = scan("N-001", slices=2)
    by_scanner(world, files)
    before = archive(own_disk)

    again = by_coordinator(world, files, world.timepoint("N-001", "BL"))

    assert outcome(again) == {"duplicate": 2}
    assert (archive(own_disk), Instance.objects.count()) == (before, 2)


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-011")
def test_the_same_instance_twice_in_one_delivery_is_stored_once(world: World) -> None:
    (file,) = scan("N-001", slices=1)

    assert outcome(by_scanner(world, [file, file])) == {"archived": 1, "duplicate": 1}


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-011")
def test_the_same_uid_with_other_pixels_is_held_and_both_are_kept(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    before = archive(own_disk)
    other = scan("N-001", slices=1, value=900)

    transfer = by_scanner(world, other)

    assert outcome(transfer) == {"uid_conflict": 1}
    held = ReceivedInstance.objects.get(transfer=transfer)
    assert originals.read(held, trial_code=world.trial.code) == other[0]
    assert archive(own_disk) == before


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-012")
def test_a_choice_against_the_header_is_held(world: World) -> None:
    transfer = by_coordinator(world, scan("N-001", slices=1), world.timepoint("N-002", "BL"))

    assert outcome(transfer) == {"subject_mismatch": 1}


@pytest.mark.requirement("REQ-DEI-011", "REQ-INT-012")
def test_a_scan_is_not_scattered_over_two_timepoints(world: World) -> None:
    files = scan(None, slices=2)
    by_coordinator(world, files[:1], world.timepoint("N-001", "BL"))

    transfer = by_coordinator(world, files[1:], world.timepoint("N-001", "W8"))

    assert outcome(transfer) == {"timepoint_unknown": 1}


def test_a_subject_who_left_gets_nothing_more(world: World) -> None:
    enrolling.withdraw_subject(subject=world.subjects["N-001"], reason="moved away", actor=world.administrator, at=AT)

    assert outcome(by_scanner(world, scan("N-001", slices=1))) == {"subject_withdrawn": 1}


@pytest.mark.requirement("REQ-DEI-011", "REQ-LOC-002")
def test_a_locked_trial_takes_nothing(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    advance(world.trial, "lock", actor=world.administrator, at=AT, signature=Intent(PASSWORD))
    before = archive(own_disk)

    transfer = by_scanner(world, scan("N-002", slices=1, scan_number=2))

    assert outcome(transfer) == {"trial_locked": 1}
    assert archive(own_disk) == before


@pytest.mark.requirement("REQ-DEI-001", "REQ-DEI-011")
def test_without_the_trials_key_nothing_goes_in(world: World, own_disk: Path) -> None:
    transfer = by_scanner(world, scan("N-001", slices=1), work=False)
    (own_disk / "keys" / f"{world.trial.code}.key").unlink()

    jobs.drain()

    assert outcome(transfer) == {"no_recipe": 1}
    assert archive(own_disk) == {}


def spoil(path: Path) -> bytes:
    """Change one bit of what lies there; return what was there before."""
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    return before


def test_a_damaged_original_is_held_alone_and_goes_in_when_it_was_restored(world: World, own_disk: Path) -> None:
    transfer = by_scanner(world, scan("N-001", slices=3), work=False)
    row = transfer.instances.order_by("pk")[1]
    path = own_disk / "quarantine" / row.quarantine_key
    before = spoil(path)

    jobs.drain()

    row.refresh_from_db()
    assert outcome(transfer) == {"archived": 2, "damaged_at_rest": 1}
    assert (row.hold_reason, "from a back-up" in row.hold_sentence) == ("damaged_at_rest", True)
    assert not Job.objects.exclude(state=Job.State.DONE).exists()

    path.write_bytes(before)
    resolving.resolve_held(
        transfer=transfer, instances=[row], timepoint=world.timepoint("N-001", "BL"), actor=world.analyst, at=AT
    )
    jobs.drain()
    assert outcome(transfer) == {"archived": 3}


@pytest.mark.requirement("REQ-DEI-003", "REQ-DEI-011")
def test_what_the_leak_check_finds_stays_out(world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.deidentify

    def forgetful(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        result.dataset.StudyDescription = f"scan of {PLANTED['PatientName'].split('^')[0]}"
        return replace(result, head=b"")  # what was encoded already does not hold it

    in_this_process(monkeypatch)
    monkeypatch.setattr(engine, "deidentify", forgetful)

    transfer = by_scanner(world, scan("N-001", slices=1))

    assert outcome(transfer) == {"leak_found": 1}
    assert archive(own_disk) == {}


# --- when things break --------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["archive.before", "archive.bytes", "archive.rows", "processed.batch"])
def test_a_worker_that_dies_is_followed_by_one_that_ends_its_work(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    class Died(BaseException):
        pass

    deaths = []

    def die(here: str) -> None:
        if here == point and not deaths:
            deaths.append(here)
            raise Died

    transfer = by_scanner(world, scan("N-001", slices=3), work=False)
    with monkeypatch.context() as dying:
        dying.setattr(deidentifying, "fault", die)
        with pytest.raises(Died):
            deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
    deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)

    assert deaths == [point]
    assert outcome(transfer) == {"archived": 3}
    assert (Instance.objects.count(), Series.objects.count(), ImagingStudy.objects.count()) == (3, 1, 1)
    assert set(archive(own_disk)) == {f"archive/{i.archive_key}" for i in Instance.objects.all()}
    events = AuditEvent.objects.filter(action="instance.archived")
    assert sum(event.after["count"] for event in events) == 3
    assert Job.objects.filter(kind="imaging.check_timepoint").count() == 1


def test_work_done_twice_changes_nothing(world: World, own_disk: Path) -> None:
    transfer = by_scanner(world, scan("N-001", slices=2))
    before, rows = archive(own_disk), list(Instance.objects.values())

    deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
    jobs.drain()

    assert (archive(own_disk), list(Instance.objects.values())) == (before, rows)


def test_bytes_left_by_a_crash_under_an_older_recipe_do_not_stand_in_the_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(here: str) -> None:
        if here == "archive.bytes":
            raise Died

    transfer = by_scanner(world, scan("N-001", slices=1), work=False)
    with monkeypatch.context() as dying:
        dying.setattr(deidentifying, "fault", die)
        with pytest.raises(Died):
            deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
    recipe = {"identifier": "trial-basic", "version": "2", "options": []}
    charter = Trial.objects.get().charter_in_force
    type(charter).objects.filter(pk=charter.pk).update(content=charter.content | {"deidentification": recipe})

    deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)

    assert outcome(transfer) == {"archived": 1}
    instance = Instance.objects.get()
    data = storage.get(storage.ARCHIVE, instance.archive_key)
    assert hashlib.sha256(data).hexdigest() == instance.sha256


def test_an_instance_on_which_the_engine_breaks_is_held_and_the_others_go_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.deidentify

    def fragile(original: Any, **kwargs: Any) -> Any:
        if original.InstanceNumber == 1:
            raise ZeroDivisionError("not foreseen, with " + str(original.PatientName))
        return real(original, **kwargs)

    in_this_process(monkeypatch)
    monkeypatch.setattr(engine, "deidentify", fragile)

    transfer = by_scanner(world, scan("N-001", slices=3))

    assert outcome(transfer) == {"cannot_deidentify": 1, "archived": 2}
    assert "Quillbrook" not in json.dumps(list(ReceivedInstance.objects.values("hold_sentence")))


def test_a_disk_that_fails_for_one_instance_delays_that_one_alone(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = by_scanner(world, scan("N-001", slices=3), work=False)
    first = ReceivedInstance.objects.order_by("pk").first()
    assert first is not None
    real = originals.on_disk

    def flaky(received: ReceivedInstance, *, trial_code: str) -> Any:
        if received.pk == first.pk:
            raise OSError("Input/output error")
        return real(received, trial_code=trial_code)

    with monkeypatch.context() as failing:
        failing.setattr(originals, "on_disk", flaky)
        with pytest.raises(OSError, match="Input/output"):
            deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
    assert outcome(transfer) == {"archived": 2, str(ReceivedState.RECEIVED): 1}

    deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
    assert outcome(transfer) == {"archived": 3}


@pytest.mark.requirement("REQ-DEI-006", "REQ-DEI-011")
def test_the_key_of_another_trial_gives_other_pseudonyms(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))

    uid = Instance.objects.get().sop_instance_uid
    assert uid.startswith("2.25.")
    assert uid == SubjectKeys(keys.of_trial(world.trial.code), "-").uid(f"{ROOT}.1.1.1")


@pytest.mark.parametrize("stage", [1, 4], ids=["reading the first header", "cleaning the last image"])
def test_a_worker_overtaken_by_another_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    """A worker slow beyond its lease still holds the batch it read; meanwhile a second one archived it."""
    transfer = by_scanner(world, scan("N-001", slices=2), work=False)
    real, calls = confined.call, []

    def overtaken(name: str, *args: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == stage:
            monkeypatch.setattr(confined, "call", real)
            deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)
        return real(name, *args, **named)

    monkeypatch.setattr(confined, "call", overtaken)
    deidentifying.process_transfer(transfer_id=transfer.pk, at=AT)

    assert outcome(transfer) == {"archived": 2}
    assert Instance.objects.count() == 2


def test_a_copy_filed_by_another_worker_meanwhile_is_recognised(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    files = scan("N-001", slices=1)
    slow, quick = (by_scanner(world, files, work=False) for _ in range(2))
    real = deidentifying.file_instances

    def late(*args: Any, **named: Any) -> None:
        monkeypatch.setattr(deidentifying, "file_instances", real)
        deidentifying.process_transfer(transfer_id=quick.pk, at=AT)
        real(*args, **named)

    monkeypatch.setattr(deidentifying, "file_instances", late)
    deidentifying.process_transfer(transfer_id=slow.pk, at=AT)

    assert (outcome(slow), outcome(quick)) == ({"duplicate": 1}, {"archived": 1})
    assert Instance.objects.count() == 1


def test_an_instance_that_outlives_its_time_is_held_and_the_others_go_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = confined.call, []

    def bomb(name: str, *args: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise confined.OverBudget("Reading the file took too long. Send it again from its source.")
        return real(name, *args, **named)

    monkeypatch.setattr(confined, "call", bomb)

    assert outcome(by_scanner(world, scan("N-001", slices=2))) == {"over_budget": 1, "archived": 1}


@pytest.mark.parametrize(("later", "state"), [(0, "received"), (16, "over_budget")])
def test_an_instance_whose_reader_is_killed_is_tried_again_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch, later: int, state: str
) -> None:
    transfer = by_scanner(world, scan("N-001", slices=1), work=False)
    at = AT + dt.timedelta(minutes=later)

    def killed(*question: object, **how: float) -> object:
        raise confined.Killed("It ended.")

    with monkeypatch.context() as patched, contextlib.suppress(confined.Killed):
        patched.setattr(confined, "call", killed)
        deidentifying.process_transfer(transfer_id=transfer.pk, at=at)
    assert outcome(transfer) == {state: 1}

    if state == "received":
        deidentifying.process_transfer(transfer_id=transfer.pk, at=at)
        assert outcome(transfer) == {"archived": 1}
