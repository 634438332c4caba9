"""A delivery's headers are compared with the site's registry of scanners, whichever way its images go."""

from __future__ import annotations

from compliance.models import Mail
from imaging.models import Instance
from tests.factories import AT, World, encoded, slice_of
from tests.factories.world import ask_of_sites
from tests.imaging.services.delivery import by_scanner
from trials.models import ScannerNotice
from trials.services import preparing

DEVICE = {"Manufacturer": "Acme", "ManufacturerModelName": "One", "DeviceSerialNumber": "SN77"}


def delivered(world: World, scan_number: int, subject: str = "N-001", **header: object) -> None:
    images = [
        encoded(slice_of(n, scan_number=scan_number, ClinicalTrialSubjectID=subject, **DEVICE, **header))
        for n in (1, 2, 3)
    ]
    by_scanner(world, images)


def test_a_change_of_software_is_noticed_once_and_the_archive_says_nothing_of_the_device(world: World) -> None:
    ask_of_sites(world, scanners=True)
    preparing.register_scanner(
        site=world.north,
        modality="CT",
        manufacturer="Acme",
        model_name="One",
        software="v1",
        actor=world.coordinator,
        at=AT,
    )
    delivered(world, 1, SoftwareVersions="v1")
    assert not ScannerNotice.objects.exists()
    delivered(world, 2, SoftwareVersions=["v2", "b"])
    # Of nobody: it is held, and its scanner is the site's all the same.
    delivered(world, 3, subject="NOBODY", SoftwareVersions=["v2", "b"])
    notice = ScannerNotice.objects.get()
    assert (notice.kind, notice.before, notice.after, notice.site) == ("software", "v1", "v2, b", world.north)
    assert notice.serial_number == ""
    assert Mail.objects.filter(to=world.analyst).count() == 1
    assert Instance.objects.count() == 6


def test_without_a_registry_nothing_is_compared(world: World) -> None:
    delivered(world, 1, SoftwareVersions="v1")
    assert not ScannerNotice.objects.exists()
