"""A test upload is judged by the charter from either door, is nobody's data, and nothing of it stays."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.core import serializers
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from compliance.access import AccessDenied
from compliance.models import Mail
from imaging.models import ConnectionTest, ImagingStudy, ReceivedInstance, Transfer
from imaging.services import qualifying, spool, trying
from imaging.services.qualifying import NoTestAsked, NothingTaken
from imaging.services.receiving import index_spool, receive_instance
from imaging.services.spool import Origin
from tests.factories import AT, PLANTED, World, encoded, make_world, slice_of
from tests.factories.world import ask_of_sites
from trials.models import Scanner, UploadTest
from trials.services import preparing

LATER = AT + dt.timedelta(minutes=5)
DEVICE = {
    "Manufacturer": "Acme",
    "ManufacturerModelName": "One",
    "DeviceSerialNumber": "SN77",
    "SoftwareVersions": "v1",
}


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    """A trial whose charter asks for a test upload from each scanner."""
    world = make_world()
    ask_of_sites(world, scanners=True, test_upload="scanner")
    return world


def registered(world: World) -> Scanner:
    return preparing.register_scanner(
        site=world.north, modality="CT", manufacturer="ACME", model_name="One", actor=world.coordinator, at=AT
    )


def images(count: int = 3, **header: Any) -> list[bytes]:
    return [encoded(slice_of(n, ClinicalTrialSubjectID="N-001", **DEVICE, **header)) for n in range(1, count + 1)]


def send(world: World, files: list[bytes], at: dt.datetime = AT) -> None:
    """What the receiver leaves of a study sent to the title for tests."""
    origin = Origin("dimse", world.north.pk, "NORTH_CT", uuid4(), test=True)
    for file in files:
        receive_instance(file, origin=origin, at=at)


def work(at: dt.datetime = LATER) -> None:
    """What a worker does when it is rung, at a time."""
    index_spool(at=at)
    for folder in spool.tests():
        trying.look(folder=folder.name, at=at)


def kept(disk: Path) -> list[Path]:
    return [path for path in disk.rglob("*") if path.suffix in (".dcm", ".part")]


def test_a_study_sent_to_the_title_for_tests_is_judged_when_it_is_whole(world: World, own_disk: Path) -> None:
    scanner = registered(world)
    send(world, images())
    work(AT + dt.timedelta(seconds=5))
    assert not UploadTest.objects.exists()
    work()
    work()
    test = UploadTest.objects.get()
    assert (test.scanner, test.images, test.sender, test.device["software"]) == (scanner, 3, "NORTH_CT", "v1")
    label = world.trial.charter_in_force.terms.series[0].label
    assert [(one["label"], one["images"]) for one in test.series] == [(label, 3)]
    # The charter asks for thirty images.
    assert "too_few_slices" in {one["code"] for one in test.blocking}
    assert ConnectionTest.objects.get().images == 3
    assert Mail.objects.filter(to=world.analyst).count() == 1


def test_nothing_of_it_is_kept_and_it_is_no_subjects(world: World, own_disk: Path) -> None:
    registered(world)
    send(world, images())
    work()
    assert UploadTest.objects.count() == 1
    assert kept(own_disk) == []
    assert [kind.objects.count() for kind in (ReceivedInstance, ImagingStudy, Transfer)] == [0, 0, 0]
    stored = serializers.serialize("json", [row for model in apps.get_models() for row in model._base_manager.all()])
    assert [value for value in (*PLANTED.values(), "MRN55667788") if value in stored] == []


def test_what_would_be_held_is_said_with_how_often(world: World) -> None:
    registered(world)
    send(world, [*images(2), b"no image at all", b"nor this"])
    work()
    test = UploadTest.objects.get()
    held = [one for one in test.findings if one["code"] == "held"]
    assert [(one["severity"], one["evidence"]) for one in held] == [("block", {"images": 2})]


def test_a_site_that_owes_nothing_tries_its_connection_as_before(world: World, own_disk: Path) -> None:
    ask_of_sites(world, scanners=True)
    send(world, images())
    work()
    assert not UploadTest.objects.exists()
    assert (ConnectionTest.objects.get().images, kept(own_disk)) == (3, [])


def zipped(files: list[bytes]) -> SimpleUploadedFile:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number}.dcm", file)
    return SimpleUploadedFile("phantom.zip", buffer.getvalue())


def test_a_coordinator_sends_a_zip_or_images_through_the_page(world: World, own_disk: Path) -> None:
    registered(world)
    client = Client()
    client.force_login(world.coordinator)
    address = reverse("imaging:test_upload", args=[world.north.pk])
    single = [SimpleUploadedFile(f"{n}.dcm", file) for n, file in enumerate(images(2))]
    page = client.post(address, {"images": [zipped(images(3)), *single]}, follow=True).content.decode()
    assert "5 images are taken." in page
    work(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5))
    test = UploadTest.objects.get()
    assert (test.images, test.sender) == (5, world.coordinator.username)
    assert kept(own_disk) == []
    assert "Choose a ZIP" in client.post(address, follow=True).content.decode()


def test_what_is_refused_at_the_page_leaves_nothing(world: World, own_disk: Path) -> None:
    def take(actor: Any, files: list[SimpleUploadedFile], site: Any = None) -> int:
        return qualifying.take_test_upload(site=site or world.north, files=files, actor=actor, at=AT)

    with pytest.raises(NothingTaken, match="no DICOM image"):
        take(world.coordinator, [SimpleUploadedFile("a.txt", b"words"), zipped([b"words"])])
    for person in (world.analyst, world.administrator, world.other_coordinator):
        with pytest.raises(AccessDenied):
            take(person, [zipped(images(1))])
    ask_of_sites(world, scanners=True)
    with pytest.raises(NoTestAsked, match="NORTH"):
        take(world.coordinator, [zipped(images(1))])
    assert kept(own_disk) == []
