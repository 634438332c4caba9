"""Trying a connection: our call and its bounds; what is counted of a test study, and that nothing of it stays."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings

from compliance import jobs
from compliance.access import AccessDenied
from compliance.models import AuditEvent, Job
from imaging.models import ConnectionTest, ReceivedInstance, Transfer
from imaging.services import calling, metering, spool, trying
from imaging.services.calling import Unreachable
from imaging.services.knowing import KnownFiles
from imaging.services.receiving import index_spool, receive_instance
from imaging.services.spool import Origin
from tests.factories import AT, PLANTED, World, encoded, make_world, slice_of
from trials.models import ApplicationEntity
from trials.services import connecting

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-PRI-004")]

DELIVERY = UUID("00000000-0000-4000-8000-00000000000a")


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    """The trial; the northern scanner listens somewhere."""
    world = make_world()
    connecting.change_entity(
        entity=scanner(world), active=True, certificate="", host="10.0.0.7", port=104, actor=world.founder, at=AT
    )
    return world


def scanner(world: World) -> ApplicationEntity:
    return world.north.application_entities.get()


def origin(world: World, **values: Any) -> Origin:
    known = {"door": "dimse", "site_id": world.north.pk, "sender": "NORTH_CT", "delivery": DELIVERY, "test": True}
    return Origin(**{**known, **values})


def send(world: World, *files: bytes, at: dt.datetime = AT, **values: Any) -> None:
    """What the receiver leaves of a test study."""
    for number, file in enumerate(files):
        receive_instance(file, origin=origin(world, **values), at=at + dt.timedelta(milliseconds=number))


def work(at: dt.datetime = AT) -> None:
    """What the worker does when it is rung."""
    index_spool(at=at)
    trying.take_up(at=at)
    jobs.drain()


def kept(disk: Path) -> list[Path]:
    """Every instance that lies anywhere."""
    return [path for path in disk.rglob("*") if path.suffix in (".dcm", ".part")]


def found(test: ConnectionTest) -> list[tuple[Any, ...]]:
    return [(row["modality"], row["syntax"], row["problem"], row["images"]) for row in test.found]


# --- our call


def test_a_coordinator_has_the_scanner_called(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(calling, "echo", lambda entity: called.append(entity.title))

    test = trying.ask_for_echo(entity=scanner(world), actor=world.coordinator, at=AT)
    jobs.drain()
    trying.echo(test_id=test.pk, at=AT)  # the job comes twice

    test.refresh_from_db()
    assert called == ["NORTH_CT"]
    assert (test.passed, test.sentence) == (True, "NORTH_CT answered our echo, without encryption.")
    assert test.elapsed_ms is not None
    actions = AuditEvent.objects.filter(object_type="imaging.connectiontest").order_by("id")
    assert list(actions.values_list("action", "actor_name")) == [
        ("connectiontest.asked", "Site Coordinator"),
        ("connectiontest.called", "system"),
    ]


def test_what_stands_in_the_way_is_kept_with_the_test(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(entity: ApplicationEntity) -> None:
        raise Unreachable("Nobody listens there. Start it.")

    monkeypatch.setattr(calling, "echo", refused)
    test = trying.ask_for_echo(entity=scanner(world), actor=world.administrator, at=AT)
    jobs.drain()

    test.refresh_from_db()
    assert (test.passed, test.sentence) == (False, "Nobody listens there. Start it.")


def test_others_do_not_have_it_called(world: World) -> None:
    for person in (world.analyst, world.other_coordinator, world.outsider):
        with pytest.raises(AccessDenied):
            trying.ask_for_echo(entity=scanner(world), actor=person, at=AT)
    assert not Job.objects.filter(kind=trying.ECHO).exists()


def test_a_record_without_an_address_is_refused_before_a_job(world: World) -> None:
    ApplicationEntity.objects.update(host="")

    with pytest.raises(Unreachable):
        trying.ask_for_echo(entity=scanner(world), actor=world.coordinator, at=AT)
    assert not Job.objects.filter(kind=trying.ECHO).exists()


def test_a_scanner_is_called_once_in_ten_seconds(world: World) -> None:
    ask = {"entity": scanner(world), "actor": world.coordinator}
    trying.ask_for_echo(**ask, at=AT)
    with pytest.raises(trying.TooSoon):
        trying.ask_for_echo(**ask, at=AT + dt.timedelta(seconds=9))
    trying.ask_for_echo(**ask, at=AT + dt.timedelta(seconds=10))

    assert ConnectionTest.objects.count() == 2


def test_a_site_is_called_so_often_in_an_hour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "CALLS_PER_HOUR", 2)
    ask = {"entity": scanner(world), "actor": world.coordinator}
    for minute in (0, 1):
        trying.ask_for_echo(**ask, at=AT + dt.timedelta(minutes=minute))
    with pytest.raises(trying.TooSoon):
        trying.ask_for_echo(**ask, at=AT + dt.timedelta(minutes=2))
    trying.ask_for_echo(**ask, at=AT + dt.timedelta(minutes=60))


# --- a test study


def test_a_test_study_is_counted_and_nothing_of_it_stays(world: World, own_disk: Path) -> None:
    files = [encoded(slice_of(number)) for number in (1, 2, 3)]
    send(world, *files)
    work()

    test = ConnectionTest.objects.get()
    assert (test.entity.title, test.kind, test.passed, test.images) == ("NORTH_CT", "study", True, 3)
    assert test.size == sum(len(file) for file in files)
    assert found(test) == [("CT", "Explicit VR Little Endian", "", 3)]
    assert test.began_at == AT
    assert kept(own_disk) == []
    assert (Transfer.objects.count(), ReceivedInstance.objects.count()) == (0, 0)


def test_nothing_of_a_header_is_kept(world: World) -> None:
    dataset = slice_of()
    send(world, encoded(dataset))
    work()

    said = str(list(ConnectionTest.objects.values())) + str(list(AuditEvent.objects.values()))
    planted = (*PLANTED.values(), str(dataset.PatientID), str(dataset.SOPInstanceUID))
    assert [value for value in planted if value in said] == []


def test_what_would_not_be_accepted_is_said(world: World, own_disk: Path) -> None:
    cut_off = encoded(slice_of(2))[:-20]
    send(world, encoded(slice_of(1)), cut_off, encoded(slice_of(3, Modality="PX")), b"no DICOM at all" * 20)
    work()

    test = ConnectionTest.objects.get()
    assert (test.passed, test.sentence) == (False, "3 of 4 would be held or refused.")
    problems = {row["problem"]: row["images"] for row in test.found}
    assert problems.pop("") == 1
    assert sorted(problems.values()) == [1, 1, 1]
    assert any(problem.startswith("The charter asks for") for problem in problems)
    assert kept(own_disk) == []


def test_many_kinds_of_a_sender_are_one_row_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "_KINDS", 2)
    send(world, *(encoded(slice_of(number, Modality=f"X{number}")) for number in (1, 2, 3, 4)))
    work()

    assert [(row["modality"], row["images"]) for row in ConnectionTest.objects.get().found] == [
        ("X1", 1),
        ("X2", 1),
        ("", 2),
    ]


def test_a_study_that_goes_on_is_one_test(world: World, own_disk: Path) -> None:
    send(world, encoded(slice_of(1)))
    work()
    send(world, encoded(slice_of(2)), at=AT + dt.timedelta(seconds=4))
    work()

    assert ConnectionTest.objects.get().images == 2


def test_a_crash_between_count_and_removal_counts_nothing_twice_and_leaves_nothing(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(point: str) -> None:
        raise RuntimeError(point)

    send(world, encoded(slice_of(1)), encoded(slice_of(2)))
    with monkeypatch.context() as patch:
        patch.setattr(trying, "fault", crash)
        with pytest.raises(RuntimeError):
            trying.look(folder=f"test-{DELIVERY}", at=AT)
    assert len(kept(own_disk)) == 2
    work()

    assert ConnectionTest.objects.get().images == 2
    assert kept(own_disk) == []


def test_what_a_crash_left_is_found_by_the_sweep(world: World, own_disk: Path) -> None:
    send(world, encoded(slice_of()))
    Job.objects.all().delete()  # nobody was rung
    work()

    assert (ConnectionTest.objects.get().images, kept(own_disk)) == (1, [])


def test_what_nobody_manages_to_look_at_is_removed_after_an_hour(world: World, own_disk: Path) -> None:
    send(world, encoded(slice_of()))

    trying.take_up(at=AT + dt.timedelta(minutes=59))
    assert len(kept(own_disk)) == 1
    trying.take_up(at=AT + dt.timedelta(minutes=61))
    assert kept(own_disk) == []


def test_the_leavings_of_a_test_that_is_over_go(world: World, own_disk: Path) -> None:
    send(world, encoded(slice_of()))
    work()
    (folder,) = spool.tests()
    (folder / "broken-off.part").write_bytes(b"half")
    for path in (folder / "broken-off.part", folder):
        os.utime(path, (AT.timestamp(), AT.timestamp()))

    trying.take_up(at=AT + dt.timedelta(minutes=4))
    assert spool.tests() == [folder]
    # Clearing away the first leaving touched the folder: the next sweeps find it old enough.
    trying.take_up(at=AT + dt.timedelta(minutes=6))
    os.utime(folder, (AT.timestamp(), AT.timestamp()))
    trying.take_up(at=AT + dt.timedelta(minutes=6))
    assert spool.tests() == []


def test_a_sender_that_is_not_known_any_more_leaves_nothing(world: World, own_disk: Path) -> None:
    send(world, encoded(slice_of()), sender="GONE_CT")
    work()

    assert (ConnectionTest.objects.count(), kept(own_disk)) == (0, [])


def test_a_test_study_is_no_delivery_and_its_content_not_known(world: World, own_disk: Path) -> None:
    file = encoded(slice_of())
    send(world, file)

    assert list(spool.deliveries()) == []
    assert KnownFiles(world.north, None).place_of(sha256_of(file)) == (False, None)
    send(world, file, test=False, delivery=uuid4())
    assert index_spool(at=AT) == 1
    assert ReceivedInstance.objects.count() == 1


def sha256_of(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


# --- how much


def test_so_many_images_and_bytes_come_in_an_hour(own_disk: Path, settings: LazySettings) -> None:
    settings.DICOM_TEST_IMAGES, settings.DICOM_TEST_BYTES = 2, 100
    for _ in range(2):
        metering.charge(7, images=1, at=AT)
    metering.charge(7, size=100, at=AT)
    for more in ({"images": 1}, {"size": 1}):
        with pytest.raises(metering.Spent):
            metering.charge(7, **more, at=AT + dt.timedelta(minutes=59))
    metering.charge(8, images=1, at=AT)  # another site
    metering.charge(7, images=1, size=100, at=AT + dt.timedelta(minutes=60))
