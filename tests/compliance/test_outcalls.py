"""Calls outward end: by an answer, or by the clock, however slowly the other side lets its bytes go."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from compliance import outcalls
from tests.support.certificates import Certificate, make_certificate

pytestmark = pytest.mark.requirement("REQ-LOC-022")
#: For how long a slow receiver keeps at it, and how long the call may take here.
SLOW, WHOLE = 4.0, 0.6
Answer = Callable[[socket.socket], None]


def at_once(to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


def byte_by_byte(to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 200 OK\r\nServer: ")
    _slowly(to, b"x")
    to.sendall(b"\r\n\r\n")


def not_yet_and_not_yet(to: socket.socket) -> None:
    _slowly(to, b"HTTP/1.1 100 Continue\r\n\r\n")
    at_once(to)


def silent(to: socket.socket) -> None:
    time.sleep(WHOLE * 2)


def _slowly(to: socket.socket, said: bytes) -> None:
    ends = time.monotonic() + SLOW
    while time.monotonic() < ends:
        to.sendall(said)
        time.sleep(0.02)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("receiver"), "receiver")


@pytest.fixture
def served(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Begins a receiver that answers one call; returns its port."""
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(outcalls, "_WHOLE", WHOLE)
    threads: list[threading.Thread] = []

    def begin(answer: Answer, by: Certificate | None = None) -> int:
        listening = socket.create_server(("", 0))
        listening.settimeout(10)
        thread = threading.Thread(target=_answer_once, args=(listening, answer, by))
        threads.append(thread)
        thread.start()
        return int(listening.getsockname()[1])

    yield begin
    for thread in threads:
        thread.join()


def _answer_once(listening: socket.socket, answer: Answer, by: Certificate | None) -> None:
    with listening:
        taken, _ = listening.accept()
    try:
        if by is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(by.certificate, by.key)
            taken = context.wrap_socket(taken, server_side=True)
        with taken:
            got = b""
            while not got.endswith(b"\r\n\r\n{}"):
                if not (more := taken.recv(65536)):
                    return
                got += more
            answer(taken)
    except OSError:
        """The caller went away, as it should."""


@pytest.mark.parametrize("answer", [byte_by_byte, not_yet_and_not_yet, silent])
def test_a_receiver_that_lets_its_answer_drip_is_given_up_when_the_time_is_over(
    served: Callable[..., int], answer: Answer
) -> None:
    port = served(answer)
    began = time.monotonic()
    with pytest.raises(outcalls.NoAnswer):
        outcalls.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert time.monotonic() - began < SLOW


def test_the_answer_of_a_receiver_that_is_in_time_is_its_status(served: Callable[..., int]) -> None:
    assert outcalls.post(f"http://127.0.0.1:{served(at_once)}/", b"{}", {}) == 202


@pytest.mark.requires_tool("openssl")
def test_by_tls_it_is_the_same_and_a_certificate_must_be_trusted_and_of_that_name(
    served: Callable[..., int], certificate: Certificate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(outcalls.NoAnswer):
        outcalls.post(f"https://127.0.0.1:{served(at_once, certificate)}/", b"{}", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    assert outcalls.post(f"https://127.0.0.1:{served(at_once, certificate)}/", b"{}", {}) == 202
    for host, answer in (("127.0.0.2", at_once), ("127.0.0.1", byte_by_byte)):
        began = time.monotonic()
        with pytest.raises(outcalls.NoAnswer):
            outcalls.post(f"https://{host}:{served(answer, certificate)}/", b"{}", {})
        assert time.monotonic() - began < SLOW
