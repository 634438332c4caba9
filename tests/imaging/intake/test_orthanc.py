"""Orthanc as a site's PACS: what it sends comes in as it has it, and it is told that its images are safe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from imaging.intake import dimse
from imaging.models import Commitment
from tests.factories import AT, encoded, make_world, slice_of
from tests.imaging.intake.test_commitment import work
from tests.support.certificates import Certificate
from tests.support.orthanc import Orthanc, orthanc
from tests.support.tools import requires_tool
from trials.services import connecting

pytestmark = [
    pytest.mark.django_db(transaction=True),
    requires_tool("Orthanc"),
    pytest.mark.one_database,
    pytest.mark.requirement("REQ-INT-015"),
]

CT = str(slice_of().SOPClassUID)
#: What it calls us.
US = "/modalities/core-lab"


def as_file(number: int, syntax: str) -> bytes:
    """One slice of the study, in a transfer syntax."""
    # JPEG 2000 is not for less than 32 × 32 pixels.
    dataset = slice_of(number, Rows=64, Columns=64, PixelData=bytes((number, 0)) * 64 * 64)
    file = encoded(dataset)
    if syntax == ExplicitVRLittleEndian:
        return file
    dataset.compress(syntax, generate_instance_uid=False)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


SYNTAXES = [ExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless]
STUDY = [as_file(number, syntax) for number, syntax in enumerate(SYNTAXES, start=1)]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "over TLS"])
def over_tls(request: pytest.FixtureRequest) -> bool:
    """Whether both sides speak TLS, whoever calls."""
    return bool(request.param)


@pytest.fixture(scope="module")
def pacs(
    over_tls: bool,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: tuple[Certificate, Certificate, Certificate],
) -> Iterator[Orthanc]:
    """The northern site's PACS, which holds the study."""
    ours, north, _ = certificates
    options = {
        "DicomTlsEnabled": over_tls,
        "DicomTlsCertificate": str(north.certificate),
        "DicomTlsPrivateKey": str(north.key),
        "DicomTlsTrustedCertificates": str(ours.certificate),
        "DicomAssociationCloseDelay": 0,
    }
    with orthanc(tmp_path_factory.mktemp("pacs"), title="NORTH_CT", **options) as running:
        for file in STUDY:
            running.ask("POST", "/instances", file)
        yield running


@pytest.fixture(autouse=True)
def door(
    transactional_db: None,
    own_disk: Path,
    data_path: str,
    settings: LazySettings,
    over_tls: bool,
    pacs: Orthanc,
    certificates: tuple[Certificate, Certificate, Certificate],
) -> Iterator[None]:
    """A receiver, on either way in; it and the PACS know each other."""
    ours, north, _ = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    world = make_world()
    connecting.change_entity(
        entity=world.north.application_entities.get(),
        active=True,
        certificate=north.pem if over_tls else "",
        host="127.0.0.1",
        port=pacs.port,
        actor=world.founder,
        at=AT,
    )
    server = dimse.start("127.0.0.1", 0, 0)
    _, port = server.tls_address if over_tls else server.server_address
    pacs.ask("PUT", US, {"AET": "PARALLAX", "Host": "127.0.0.1", "Port": port, "UseDicomTls": over_tls, "Timeout": 60})
    yield
    server.shutdown()


def by_uid(files: list[bytes]) -> dict[str, tuple[str, Dataset]]:
    """Transfer syntax and data set of each file, by its UID."""
    read = [dcmread(BytesIO(file)) for file in files]
    return {str(one.SOPInstanceUID): (str(one.file_meta.TransferSyntaxUID), one) for one in read}


def test_its_echo_is_answered(pacs: Orthanc) -> None:
    assert pacs.ask("POST", f"{US}/echo", {}) == {}


def test_a_study_comes_in_as_it_was_compressed_images_too(pacs: Orthanc, own_disk: Path) -> None:
    sent = pacs.ask("POST", f"{US}/store", {"Resources": pacs.ask("GET", "/studies")})

    assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (4, 0)
    stored = [path.read_bytes() for path in (own_disk / "spool").glob("*/*.dcm")]
    assert by_uid(stored) == by_uid(STUDY)
    assert sorted(syntax for syntax, _ in by_uid(stored).values()) == sorted(SYNTAXES)


def test_it_is_told_what_is_safe_and_what_never_came(pacs: Orthanc) -> None:
    pacs.ask("POST", f"{US}/store", {"Resources": pacs.ask("GET", "/studies")})
    kept, never = list(by_uid(STUDY)), "1.2.3.99"

    asked = pacs.ask("POST", f"{US}/storage-commitment", {"DicomInstances": [[CT, uid] for uid in (*kept, never)]})
    work()

    assert Commitment.objects.get().state == "reported"
    report = _report(pacs, asked["Path"])
    assert report["Status"] == "Failure"
    assert sorted(one["SOPInstanceUID"] for one in report["Success"]) == kept
    # No such object instance (PS3.3 Table C.14-1).
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in report["Failures"]] == [(never, 0x0112)]


def _report(pacs: Orthanc, path: str) -> dict[str, Any]:
    """What the PACS was told; it takes note a moment after its answer."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        report: dict[str, Any] = pacs.ask("GET", path)
        if report["Status"] != "Pending":
            return report
        time.sleep(0.1)
    pytest.fail(f"it was told nothing: {report}")
