"""The shared door test: the same series through every door gives the same quarantine."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings
from pynetdicom import AE

from compliance import jobs
from imaging.dicom.digests import dataset_digest
from imaging.intake import dimse
from imaging.models import ReceivedInstance
from imaging.services import originals
from imaging.services.receiving import index_spool
from tests.factories import AT, World, encoded, make_world, slice_of
from tests.imaging.intake.web import Browser, zipped

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-INT-008")]

SERIES = [slice_of(number, ClinicalTrialSubjectID="N-001") for number in range(1, 6)]


def by_c_store(world: World) -> None:
    """Each instance in a C-STORE of one association."""
    server = dimse.start("127.0.0.1", 0)
    try:
        ae = AE(ae_title="NORTH_CT")
        ae.add_requested_context(SERIES[0].SOPClassUID, "1.2.840.10008.1.2.1")
        sender = ae.associate(*server.server_address, ae_title="PARALLAX")
        for dataset in SERIES:
            encoded(dataset)
            assert sender.send_c_store(dataset).Status == 0x0000
        sender.release()
    finally:
        server.shutdown()


@override_settings(DICOM_FAST=False)
def by_c_store_of_pynetdicom(world: World) -> None:
    """The same, with pynetdicom on our side as well."""
    by_c_store(world)


def upload(world: World, *files: bytes) -> None:
    browser = Browser(world.coordinator)
    baseline = world.timepoint("N-001", "BL")
    transfer = browser.begun(baseline)
    for file in files:
        assert browser.send(baseline, transfer, file).status_code == 201
    browser.finish(transfer)


def by_files(world: World) -> None:
    """Each instance in a request of its own."""
    upload(world, *(encoded(dataset) for dataset in SERIES))


def by_zip(world: World) -> None:
    """All in one ZIP, in a folder."""
    upload(world, zipped({f"scan/IM{n:04}": encoded(dataset) for n, dataset in enumerate(SERIES)}))


def by_command(world: World) -> None:
    """All in a folder of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        for number, dataset in enumerate(SERIES):
            Path(folder, f"IM{number}").write_bytes(encoded(dataset))
        call_command("import_dicom", folder, site="NORTH", stdout=io.StringIO())


DOORS: dict[str, Callable[[World], None]] = {
    "C-STORE": by_c_store,
    "C-STORE, pynetdicom alone": by_c_store_of_pynetdicom,
    "files": by_files,
    "a ZIP": by_zip,
}


@pytest.fixture
def world(transactional_db: None, own_disk: Path, rung: list[bool]) -> World:
    """The trial, committed, as the receiver's threads have connections of their own."""
    return make_world()


@pytest.mark.parametrize("door", [*DOORS.values(), by_command])
def test_a_series_lies_in_quarantine_as_it_left_its_sender(world: World, door: Callable[[World], None]) -> None:
    door(world)
    index_spool(at=AT)
    jobs.drain()

    rows = ReceivedInstance.objects.all()
    sent = sorted(dataset_digest(encoded(dataset)) for dataset in SERIES)
    assert sorted(row.dataset_sha256 for row in rows) == sent
    assert sorted(dataset_digest(originals.read(row, trial_code=world.trial.code)) for row in rows) == sent
    assert {row.state for row in rows} == {"archived"}
    assert {row.timepoint for row in rows} == {world.timepoint("N-001", "BL")}


def test_what_came_through_one_door_is_known_at_the_others(world: World) -> None:
    for door in DOORS.values():
        door(world)
        index_spool(at=AT)
        jobs.drain()

    by_delivery: dict[int, set[tuple[str, str, str, str]]] = {}
    for row in ReceivedInstance.objects.order_by("pk"):
        facts = (row.dataset_sha256, row.sop_uid_key, row.series_uid_key, row.study_uid_key)
        by_delivery.setdefault(row.transfer_id, set()).add(facts)
    # The command would not even take what is known.
    by_command(world)
    assert index_spool(at=AT) == 0
    first, *others = by_delivery.values()
    assert others == [first] * 3
    assert list(ReceivedInstance.objects.order_by("pk").values_list("state", flat=True)) == [
        *["archived"] * 5,
        *["duplicate"] * 15,
    ]
