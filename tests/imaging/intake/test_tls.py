"""DICOM over TLS: a scanner is known by its certificate, and a site without a protected network uses nothing else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import LazySettings
from pynetdicom import AE
from pynetdicom.association import Association

from compliance.models import AuditEvent
from imaging.intake import dimse
from imaging.intake.dimse import tls
from imaging.services import spool
from tests.factories import AT, World, encoded, make_world, slice_of
from tests.imaging.intake.conftest import OURS
from tests.imaging.intake.test_pdus import rest_of
from tests.support.calls import answered
from tests.support.certificates import Certificate
from tests.support.tools import requires_tool, tool
from trials.services import connecting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database, pytest.mark.requirement("REQ-INT-006")]

CT = slice_of().SOPClassUID


@dataclass
class Door:
    """A listener with both ports, and the certificates of the people around it."""

    world: World
    port: int
    tls_port: int
    ours: Certificate
    north: Certificate
    other: Certificate

    def register(self, certificate: Certificate | None) -> None:
        """Put a certificate into the record of the northern scanner."""
        entity = self.world.north.application_entities.get()
        text = certificate.pem if certificate else ""
        connecting.change_entity(
            entity=entity, active=True, certificate=text, host="", port=None, actor=self.world.founder, at=AT
        )

    def context(self, certificate: Certificate | None) -> ssl.SSLContext:
        """What a peer needs to call us with a certificate."""
        context = ssl.create_default_context(cafile=str(self.ours.certificate))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def call(self, certificate: Certificate | None, title: str = "NORTH_CT", called: str = "PARALLAX") -> Association:
        """Ask for an association over TLS."""
        ae = AE(ae_title=title)
        ae.add_requested_context(CT, "1.2.840.10008.1.2.1")
        return ae.associate(
            "127.0.0.1", self.tls_port, ae_title=called, tls_args=(self.context(certificate), "localhost")
        )


@pytest.fixture
def door(
    transactional_db: None,
    own_disk: Path,
    data_path: str,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    certificates: tuple[Certificate, Certificate, Certificate],
) -> Iterator[Door]:
    """A receiver that listens on both ports, on either way in; the northern scanner's certificate is in its record."""
    monkeypatch.setattr(tls, "_REFRESH", -1.0)
    ours, north, other = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    world = make_world()
    server = dimse.start("127.0.0.1", 0, 0)
    door = Door(world, server.server_address[1], server.tls_address[1], ours, north, other)
    door.register(north)
    yield door
    server.shutdown()


def spooled(disk: Path) -> int:
    return len(list((disk / "spool").glob("*/*.dcm")))


def test_the_certificate_of_the_record_opens_the_door(door: Door, own_disk: Path) -> None:
    sender = door.call(door.north)
    dataset = slice_of()
    encoded(dataset)

    assert sender.is_established
    assert sender.send_c_store(dataset).Status == 0x0000
    sender.release()
    assert spooled(own_disk) == 1


def test_a_test_study_comes_in_by_the_same_rules(door: Door) -> None:
    sender = door.call(door.north, called="PARALLAX_TEST")
    dataset = slice_of()
    encoded(dataset)
    assert sender.send_c_store(dataset).Status == 0x0000
    sender.release()

    (folder,) = spool.tests()
    origin = spool.origin_of(folder)
    assert (origin.sender, origin.encrypted, origin.test, len(spool.entries(folder))) == ("NORTH_CT", True, True, 1)
    assert not door.call(door.other, called="PARALLAX_TEST").is_established


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
def test_without_it_there_is_no_association(door: Door, who: str) -> None:
    assert not door.call(door.other if who == "somebody else" else None).is_established


def test_a_certificate_does_not_open_the_door_for_another_title(door: Door) -> None:
    sender = answered(lambda: door.call(door.north, "SOUTH_CT"))

    assert sender.is_rejected
    event = AuditEvent.objects.get(action="association.refused")
    assert (event.object_label, event.after["why"]) == ("SOUTH_CT", "certificate of another AE title")


def test_a_certificate_that_was_taken_out_of_the_record_opens_nothing_at_once(door: Door) -> None:
    assert door.call(door.north).is_established
    door.register(door.other)

    assert not door.call(door.north).is_established
    assert door.call(door.other).is_established


def test_old_versions_of_tls_are_refused(door: Door) -> None:
    context = door.context(door.north)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", door.tls_port), 10) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname="localhost")


def test_plain_dicom_on_the_port_of_tls_is_ended(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.tls_port), 10) as plain:
        plain.sendall(b"\1\0\0\0\0\x10" + b"x" * 16)
        assert rest_of(plain)[:1] in (b"", b"\x15")  # closed, or a TLS alert
    assert door.call(door.north).is_established


def test_those_who_begin_a_handshake_and_stop_do_not_hold_up_a_scanner(door: Door, data_path: str) -> None:
    with contextlib.ExitStack() as stack:
        # pynetdicom counts them among its 50 associations.
        for _ in range(100 if data_path == OURS else 20):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", door.tls_port), 10))
            idle.sendall(b"\x16\x03\x01\x02\x00")
        assert door.call(door.north).is_established


def test_a_site_that_may_not_send_plainly_is_refused_there(door: Door) -> None:
    north = door.world.north
    connecting.allow_plain_dicom(site=north, allowed=False, reason="It has TLS", actor=door.world.founder, at=AT)
    ae = AE(ae_title="NORTH_CT")
    ae.add_requested_context(CT, "1.2.840.10008.1.2.1")

    assert answered(lambda: ae.associate("127.0.0.1", door.port, ae_title="PARALLAX")).is_rejected
    assert door.call(door.north).is_established


@requires_tool("storescu", "echoscu")
@pytest.mark.parametrize("program", ["echoscu", "storescu"])
def test_dcmtk_delivers_over_tls(door: Door, own_disk: Path, tmp_path: Path, program: str) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(encoded(slice_of()))
    how = ["+tls", str(door.north.key), str(door.north.certificate), "+cf", str(door.ours.certificate)]
    who = ["-aet", "NORTH_CT", "-aec", "PARALLAX", "127.0.0.1", str(door.tls_port)]

    done = subprocess.run(
        [tool(program), *how, *who, *([str(file)] if program == "storescu" else [])],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert spooled(own_disk) == (program == "storescu")
