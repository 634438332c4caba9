"""A site tries its connection, on both ways in: what is heard of it, and that a test study goes as it came."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pynetdicom import AE

from compliance import jobs
from compliance.models import AuditEvent
from imaging.models import ConnectionTest, ReceivedInstance, Transfer
from imaging.services import hearing, trying
from imaging.services.hearing import Sign
from imaging.services.receiving import index_spool
from tests.factories import AT, World, encoded, make_world, slice_of
from tests.support.calls import answered
from tests.support.tools import requires_tool, tool
from trials.models import ApplicationEntity
from trials.services import connecting

pytestmark = pytest.mark.django_db(transaction=True)

CT = slice_of().SOPClassUID
SYNTAX = "1.2.840.10008.1.2.1"


@pytest.fixture
def world(transactional_db: None, own_disk: Path) -> World:
    """The trial, committed, as the receiver's threads have connections of their own."""
    return make_world()


def scanner(world: World) -> ApplicationEntity:
    return world.north.application_entities.get()


def call(port: int, title: str = "NORTH_CT", called: str = "PARALLAX_TEST") -> Any:
    ae = AE(ae_title=title)
    ae.add_requested_context(CT, SYNTAX)
    return answered(lambda: ae.associate("127.0.0.1", port, ae_title=called))


def run(program: str, port: int, called: str, *more: str) -> None:
    """Run a program of DCMTK as the northern scanner."""
    command = [tool(program), "-aet", "NORTH_CT", "-aec", called, *more[:1], "127.0.0.1", str(port), *more[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def work() -> None:
    """What the worker does when it is rung."""
    index_spool(at=timezone.now())
    trying.take_up(at=timezone.now())
    jobs.drain()


def kept(disk: Path) -> list[Path]:
    """Every instance that lies anywhere."""
    return [path for path in disk.rglob("*") if path.suffix in (".dcm", ".part")]


@requires_tool("echoscu")
@pytest.mark.parametrize("called", ["PARALLAX", "PARALLAX_TEST"])
def test_echoscu_is_answered_and_heard_under_either_title(port: int, world: World, called: str) -> None:
    entity = scanner(world)
    assert [hearing.last(entity.pk, sign) for sign in Sign] == [None, None]
    # The clock of the files ticks slower than ours.
    began = timezone.now() - dt.timedelta(seconds=1)

    run("echoscu", port, called)

    heard = [hearing.last(entity.pk, sign) for sign in Sign]
    assert all(at is not None and at >= began for at in heard)
    other = world.south.application_entities.get()
    assert [hearing.last(other.pk, sign) for sign in Sign] == [None, None]


@requires_tool("storescu")
def test_storescu_sends_a_test_study_of_which_nothing_stays(port: int, own_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "to send"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"IM{number}").write_bytes(encoded(slice_of(number)))

    run("storescu", port, "PARALLAX_TEST", "+sd", str(folder))
    assert len(kept(own_disk)) == 5
    work()

    test = ConnectionTest.objects.get()
    assert (test.entity.title, test.images, test.passed, test.encrypted) == ("NORTH_CT", 5, True, False)
    assert [(row["modality"], row["images"]) for row in test.found] == [("CT", 5)]
    assert kept(own_disk) == []
    assert (Transfer.objects.count(), ReceivedInstance.objects.count()) == (0, 0)


def test_the_same_scanner_delivers_under_the_other_title(port: int, own_disk: Path) -> None:
    sender = call(port, called="PARALLAX")
    dataset = slice_of()
    encoded(dataset)
    assert sender.send_c_store(dataset).Status == 0x0000
    sender.release()
    work()

    assert (Transfer.objects.count(), ConnectionTest.objects.count()) == (1, 0)


def test_a_stranger_may_not_try_either(port: int) -> None:
    assert call(port, "NOBODYS_CT").is_rejected


def test_a_site_that_has_sent_enough_for_tests_is_told_so(
    port: int, world: World, own_disk: Path, settings: LazySettings
) -> None:
    settings.DICOM_TEST_IMAGES = 1
    sender = call(port)
    answers = []
    for number in (1, 2):
        dataset = slice_of(number)
        encoded(dataset)
        answers.append(sender.send_c_store(dataset))
    sender.release()

    assert [answer.Status for answer in answers] == [0x0000, 0xA700]
    assert answers[1].ErrorComment == "The site's test studies of this hour are used up; wait an hour"
    assert len(kept(own_disk)) == 1
    real = call(port, called="PARALLAX")
    assert real.send_c_store(dataset).Status == 0x0000
    real.release()


def test_a_wrong_title_from_a_scanners_address_is_told_to_its_site(port: int, world: World) -> None:
    connecting.change_entity(
        entity=scanner(world), active=True, certificate="", host="127.0.0.1", port=104, actor=world.founder, at=AT
    )
    assert call(port, "NOBODYS_CT").is_rejected

    event = AuditEvent.objects.get(action="association.refused")
    assert (event.object_label, event.site_id) == ("NORTH_CT", world.north.pk)
    assert event.after["why"] == "calling AE title of no site, from its address"
    assert "NOBODYS_CT" not in str(event.after)


def test_a_call_of_a_scanner_that_is_switched_off_is_told_to_its_site(port: int, world: World) -> None:
    connecting.change_entity(
        entity=scanner(world), active=False, certificate="", host="", port=None, actor=world.founder, at=AT
    )
    assert call(port).is_rejected

    event = AuditEvent.objects.get(action="association.refused")
    assert (event.object_label, event.after["why"]) == ("NORTH_CT", "switched off")
