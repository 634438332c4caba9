"""Calling a scanner: whom we reach, what each obstacle is called, and whom we never call."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings
from pynetdicom import AE

from imaging.dicom.verification import VERIFICATION
from imaging.services import calling
from imaging.services.calling import Unreachable
from tests.support.certificates import Certificate, make_certificate
from tests.support.installation import free_port
from tests.support.tools import requires_tool, tool
from trials.models import ApplicationEntity
from trials.services.connecting import fingerprint_of


def entity(port: int | None, host: str = "127.0.0.1", certificate: str = "") -> ApplicationEntity:
    """The record of a scanner that listens on this machine."""
    shown = fingerprint_of(certificate) if certificate else ""
    return ApplicationEntity(title="NORTH_CT", host=host, port=port, certificate=certificate, certificate_sha256=shown)


def problem(called: ApplicationEntity) -> str:
    with pytest.raises(Unreachable) as caught:
        calling.echo(called)
    return caught.value.message


@contextmanager
def saying(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A peer that answers one connection as it is told; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


def after_request(data: bytes) -> Callable[[socket.socket], object]:
    """Read the request, then answer so, and wait for the other side to go."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)
        while connection.recv(4096):
            pass

    return answer


@contextmanager
def scanner(context: ssl.SSLContext | None = None, **requirements: bool) -> Iterator[int]:
    """A scanner by pynetdicom that answers echoes; yields its port."""
    ae = AE(ae_title="NORTH_CT")
    ae.add_supported_context(VERIFICATION)
    for name, value in requirements.items():
        setattr(ae, name, value)
    server = ae.start_server(("127.0.0.1", 0), block=False, ssl_context=context)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_a_scanner_that_listens_is_reached() -> None:
    with scanner() as port:
        calling.echo(entity(port))


@requires_tool("storescp")
def test_storescp_of_dcmtk_is_reached(tmp_path: Path) -> None:
    port = free_port()
    command = [tool("storescp"), "-aet", "NORTH_CT", "-od", str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
        try:
            patience = time.monotonic() + 30
            while True:
                try:
                    calling.echo(entity(port))
                    break
                except Unreachable:
                    # It has not begun to listen yet.
                    assert time.monotonic() < patience
                    time.sleep(0.1)
        finally:
            peer.terminate()


def test_one_that_knows_itself_by_another_title_refuses_by_the_standards_reason() -> None:
    with saying(after_request(struct.pack(">BxIxBBB", 3, 4, 1, 1, 7))) as port:
        assert problem(entity(port)) == (
            "NORTH_CT answered and refused our call (called AE title not recognised). Its own AE title is not "
            "NORTH_CT: correct it there, or in the set-up here."
        )


def test_one_that_does_not_know_us_says_so() -> None:
    with saying(after_request(struct.pack(">BxIxBBB", 3, 4, 1, 1, 3))) as port:
        assert problem(entity(port)).endswith("Enter our AE title PARALLAX there as a known node.")


def test_nobody_listens() -> None:
    port = free_port()

    assert problem(entity(port)) == (f"Nobody listens at 127.0.0.1:{port}. Start NORTH_CT there, or correct the port.")


def test_a_record_without_address_is_not_called() -> None:
    assert problem(entity(None)).startswith("No address is registered for NORTH_CT.")


def test_a_name_that_nobody_has() -> None:
    assert problem(entity(104, host="no-such-host.invalid")).startswith(
        "The name no-such-host.invalid is not known here."
    )


def test_one_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "ECHOING", 3)
    with saying(after_request(b"")) as port:
        assert problem(entity(port)).startswith("NORTH_CT took the connection and then said nothing for 3 seconds.")


def test_one_that_drips_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "ECHOING", 3)

    def drip(connection: socket.socket) -> None:
        connection.sendall(struct.pack(">BxI", 2, 60000))
        while True:
            connection.sendall(b"\0")
            time.sleep(0.05)

    with saying(drip) as port:
        assert problem(entity(port)).startswith("NORTH_CT took the connection and then said nothing")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak DICOM as expected"),
        (struct.pack(">BxI", 2, 2**31), "does not speak DICOM as expected"),
        (struct.pack(">BxI", 2, 68) + b"\0" * 68, "does not speak DICOM as expected"),
        (struct.pack(">BxIxxBB", 7, 4, 2, 0), "took the connection and hung up"),
    ],
    ids=["HTTP", "endless", "empty", "abort"],
)
def test_what_is_no_scanner_is_told_from_one(said: bytes, sentence: str) -> None:
    with saying(after_request(said)) as port:
        assert sentence in problem(entity(port))


def test_one_that_offers_no_verification_is_told_to() -> None:
    refused = struct.pack(">BxHBxBx", 0x21, 4, 1, 3)
    with saying(after_request(struct.pack(">BxI", 2, 68 + len(refused)) + b"\0" * 68 + refused)) as port:
        assert problem(entity(port)).endswith("Switch its verification service on.")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0.0.0.0",  # noqa: S104 - nobody listens there
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
    ],
)
def test_this_machine_and_its_link_are_never_called(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection was made")

    settings.DICOM_CALL_LOCAL = False
    monkeypatch.setattr(socket, "create_connection", connect)

    assert problem(entity(104, host=host)).startswith("The address of NORTH_CT belongs to this machine")


def test_a_name_is_looked_up_once_and_its_address_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def resolve(host: str, *args: object, **kwargs: object) -> object:
        asked.append(host)
        return look_up("127.0.0.1" if host == "ct.north.example" else host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with scanner() as port:
        calling.echo(entity(port, host="ct.north.example"))

    assert asked.count("ct.north.example") == 1


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Certificate, Certificate]:
    """Ours, the northern scanner's, and somebody else's."""
    folder = tmp_path_factory.mktemp("tls")
    ours, north, other = (make_certificate(folder, name) for name in ("receiver", "north", "other"))
    return ours, north, other


def shown(certificate: Certificate, trusted: Certificate) -> ssl.SSLContext:
    """What a scanner needs to listen over TLS and to ask for our certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def test_over_tls_the_holder_of_the_certificate_is_reached_and_nobody_else(
    settings: LazySettings, certificates: tuple[Certificate, Certificate, Certificate]
) -> None:
    ours, north, other = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    with scanner(shown(north, ours)) as port:
        calling.echo(entity(port, certificate=north.pem))
    with scanner(shown(other, ours)) as port:
        assert "another certificate is shown than that of NORTH_CT" in problem(entity(port, certificate=north.pem))


def test_a_scanner_that_does_not_trust_us_is_told_to(
    settings: LazySettings, certificates: tuple[Certificate, Certificate, Certificate]
) -> None:
    ours, north, other = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    context = shown(north, other)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)

    with saying(serve) as port:
        assert "Let it trust the certificate of this installation" in problem(entity(port, certificate=north.pem))


def test_a_port_without_tls_is_told_from_one(
    settings: LazySettings, certificates: tuple[Certificate, Certificate, Certificate]
) -> None:
    ours, north, _ = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    with saying(after_request(struct.pack(">BxIxxBB", 7, 4, 2, 0))) as port:
        assert "the two did not agree on TLS" in problem(entity(port, certificate=north.pem))
