"""The DICOM door: who may call, what success means, and that nothing of a header is logged."""

from __future__ import annotations

import errno
import json
import logging
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.forms import model_to_dict
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, MRImageStorage
from pynetdicom import AE

from compliance.models import AuditEvent
from imaging.intake.dimse import callers
from imaging.models import ReceivedInstance
from imaging.services import spool
from imaging.services.receiving import index_spool
from tests.factories import AT, PLANTED, World, encoded, make_world, slice_of
from tests.support.calls import answered
from tests.support.tools import requires_tool, tool

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-INT-005")]

CT = slice_of().SOPClassUID


@pytest.fixture
def world(transactional_db: None, own_disk: Path) -> World:
    """The trial, committed, as the receiver's threads have connections of their own."""
    return make_world()


def call(port: int, title: str = "NORTH_CT", *contexts: tuple[str, Any]) -> Any:
    ae = AE(ae_title=title)
    for sop_class, syntax in contexts or ((CT, "1.2.840.10008.1.2.1"),):
        ae.add_requested_context(sop_class, syntax)
    return answered(lambda: ae.associate("127.0.0.1", port, ae_title="PARALLAX"))


def records(disk: Path) -> list[dict[str, Any]]:
    """Who sent it, for each instance that lies in the spool."""
    bodies = sorted((disk / "spool").glob("*/*.dcm"))
    return [json.loads((body.parent / "delivery.json").read_text()) for body in bodies]


def test_a_known_sender_gets_success_when_bytes_and_record_lie_in_the_spool(
    port: int, world: World, own_disk: Path
) -> None:
    sender = call(port)
    original = slice_of()
    encoded(original)
    status = sender.send_c_store(original)

    assert status.Status == 0x0000
    (record,) = records(own_disk)
    assert (record["site_id"], record["sender"], record["door"]) == (world.north.pk, "NORTH_CT", "dimse")
    (body,) = (own_disk / "spool").glob("*/*.dcm")
    stored = dcmread(body)
    assert stored == original
    sender.release()


def test_one_association_is_one_delivery(port: int, own_disk: Path, rung: list[bool]) -> None:
    for _ in range(2):
        sender = call(port)
        for number in (1, 2):
            dataset = slice_of(number)
            encoded(dataset)
            sender.send_c_store(dataset)
        sender.release()

    deliveries = [record["delivery"] for record in records(own_disk)]
    assert sorted(deliveries.count(one) for one in set(deliveries)) == [2, 2]


def test_each_site_is_known_by_its_own_title(port: int, world: World, own_disk: Path) -> None:
    sender = call(port, "SOUTH_CT")
    dataset = slice_of()
    encoded(dataset)
    sender.send_c_store(dataset)
    sender.release()

    assert [record["site_id"] for record in records(own_disk)] == [world.south.pk]


def test_an_unknown_title_is_rejected_by_name_of_the_reason_and_not_logged(
    port: int, own_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    sender = call(port, "NOBODYS_CT")

    assert sender.is_rejected
    primitive = sender.acceptor.primitive
    # PS3.8 Table 9-21: rejected permanently, by the service user, calling AE title not recognised.
    assert (primitive.result, primitive.result_source, primitive.diagnostic) == (0x01, 0x01, 0x03)
    assert records(own_disk) == []
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("imaging", "compliance", "trials"))]
    assert ours
    assert "NOBODYS_CT" not in " ".join(ours)


def test_a_refused_association_leaves_an_event_in_the_trail_without_the_title(port: int) -> None:
    call(port, "NOBODYS_CT")

    event = AuditEvent.objects.get(action="association.refused")
    assert (event.actor_name, event.object_label) == ("system", "UNKNOWN calling AE title of no site")
    assert "NOBODYS_CT" not in str(model_to_dict(event))


def test_without_a_database_a_sender_is_asked_to_try_again(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(title: str) -> None:
        raise OperationalError("the server is away")

    monkeypatch.setattr(callers, "entity_calling_as", down)

    sender = call(port)

    assert sender.is_rejected
    primitive = sender.acceptor.primitive
    # PS3.8 Table 9-21: rejected transiently, by the presentation layer, temporary congestion.
    assert (primitive.result, primitive.result_source, primitive.diagnostic) == (0x02, 0x03, 0x01)


def test_strangers_cannot_flood_the_trail(port: int) -> None:
    for _ in range(5):
        assert call(port, "NOBODYS_CT").is_rejected

    assert AuditEvent.objects.filter(action="association.refused").count() == 1


def test_an_inactive_title_is_as_unknown(port: int, world: World) -> None:
    entity = world.north.application_entities.get()
    entity.active = False
    entity.save()

    assert call(port).is_rejected


def test_echo_is_answered(port: int) -> None:
    sender = call(port, "NORTH_CT", ("1.2.840.10008.1.1", "1.2.840.10008.1.2"))

    assert sender.send_c_echo().Status == 0x0000
    sender.release()


def test_compressed_transfer_syntaxes_and_unusual_classes_are_accepted(port: int) -> None:
    private = "1.2.826.0.1.3680043.9.7777.99"
    wanted = [(CT, str(JPEG2000Lossless)), (MRImageStorage, "1.2.840.10008.1.2.4.50"), (private, "1.2.840.10008.1.2")]

    sender = call(port, "NORTH_CT", *wanted)

    assert {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in sender.accepted_contexts} == {
        (str(sop_class), syntax) for sop_class, syntax in wanted
    }
    sender.release()


def test_a_disk_that_fails_is_said_to_the_sender(port: int, own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sender = call(port)
    dataset = slice_of()
    encoded(dataset)
    monkeypatch.setattr(spool.Landing, "commit", full)

    assert sender.send_c_store(dataset).Status == 0xA700
    sender.release()


def test_any_other_failure_is_never_success(port: int, own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("not foreseen")

    sender = call(port)
    dataset = slice_of()
    encoded(dataset)
    monkeypatch.setattr(spool.Landing, "commit", broken)

    # An association that is aborted answers nothing.
    assert sender.send_c_store(dataset).get("Status", "aborted") != 0x0000
    sender.abort()


def test_the_index_is_rung_at_the_end_of_an_association_even_when_it_breaks_off(port: int, rung: list[bool]) -> None:
    for end in ("release", "abort"):
        sender = call(port)
        dataset = slice_of()
        encoded(dataset)
        sender.send_c_store(dataset)
        getattr(sender, end)()

    patience = time.monotonic() + 5
    while len(rung) < 2 and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.2)
    assert rung == [True, True]


@pytest.mark.requirement("REQ-INT-005", "REQ-PRI-003")
def test_nothing_of_a_header_is_logged(port: int, caplog: pytest.LogCaptureFixture, own_disk: Path) -> None:
    caplog.set_level(logging.INFO)
    sender = call(port)
    dataset = slice_of()
    encoded(dataset)
    sender.send_c_store(dataset)
    sender.release()

    logged = " ".join(r.getMessage() for r in caplog.records if not r.name.startswith("pynetdicom"))
    assert [value for value in (*PLANTED.values(), str(dataset.SOPInstanceUID)) if value in logged] == []


@requires_tool("echoscu")
def test_echoscu_is_answered(port: int) -> None:
    command = [tool("echoscu"), "-v", "-aet", "NORTH_CT", "-aec", "PARALLAX", "127.0.0.1", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "Received Echo Response (Success)" in done.stdout + done.stderr


@requires_tool("storescu")
def test_storescu_sends_a_series_that_is_indexed_once(port: int, world: World, own_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "to send"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"{number}.dcm").write_bytes(encoded(slice_of(number, ClinicalTrialSubjectID="N-001")))

    command = [tool("storescu"), "-aet", "NORTH_CT", "-aec", "PARALLAX", "+sd", "127.0.0.1", str(port), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert index_spool(at=AT) == 5
    assert (ReceivedInstance.objects.count(), index_spool(at=AT)) == (5, 0)


@requires_tool("storescu")
def test_storescu_of_a_stranger_is_refused(port: int, own_disk: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(encoded(slice_of()))

    command = [tool("storescu"), "-aet", "STRANGER", "-aec", "PARALLAX", "127.0.0.1", str(port), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert records(own_disk) == []
