"""The HTTP doors behind the real web server: what only sockets, processes and memory can show."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_auth
from pydicom import Dataset, dcmread
from requests.auth import AuthBase
from requests.exceptions import HTTPError

from tests.factories import encoded, slice_of
from tests.support.installation import Installation, installed
from tests.support.orthanc import orthanc
from tests.support.senders import Web, request, stow, stow_headers
from tests.support.tools import requires_tool, tool

#: Seconds that a peer may be silent here.
PATIENCE = 3
#: Bytes in a second of a slow line.
SLOW = 10_000
SERIES = [encoded(slice_of(number, ClinicalTrialSubjectID="N-001")) for number in range(1, 4)]
LARGE = encoded(slice_of(Rows=512, Columns=512, PixelData=bytes(range(256)) * 2048))


class Bearer(AuthBase):
    """Shows a token, as `requests` wants it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, prepared: Any) -> Any:
        prepared.headers["Authorization"] = f"Bearer {self.token}"
        return prepared


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, str, int]]:
    """The web server alone, a token of the northern site, and the baseline of its first subject."""
    with installed(tmp_path_factory.mktemp("web")) as one:
        token, baseline = one.make_world(
            "from trials.services import connecting\n"
            "from django.utils import timezone\n"
            "given = {'actor': world.founder, 'at': timezone.now()}\n"
            "_, secret = connecting.issue_token(site=world.north, label='PACS', **given)\n"
            "answer = [secret, world.timepoint('N-001', 'BL').pk]"
        )
        one.start(only="web", PARALLAX_BODY_PATIENCE_SECONDS=str(PATIENCE))
        yield one, token, baseline


@pytest.fixture
def house(server: tuple[Installation, str, int]) -> Iterator[Installation]:
    """The installation, with nothing on its way."""
    yield server[0]
    for folder in ("spool/*/*.dcm", "uploads/*"):
        for path in server[0].data_dir.glob(folder):
            path.unlink()


@pytest.fixture
def token(server: tuple[Installation, str, int]) -> str:
    return server[1]


@pytest.fixture
def baseline(server: tuple[Installation, str, int]) -> int:
    return server[2]


def spooled(house: Installation) -> list[bytes]:
    """What was acknowledged: the content of each file, as its name promises it."""
    found = []
    for path in sorted((house.data_dir / "spool").glob("*/*.dcm")):
        found.append(path.read_bytes())
        assert path.name.split(".")[1:3] == [str(len(found[-1])), hashlib.sha256(found[-1]).hexdigest()]
    return found


def workers(house: Installation) -> list[int]:
    """Numbers of the processes that answer requests."""
    leader = house.pid_of("web")
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == leader]


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def peak_mib(house: Installation) -> float:
    """The most memory that any process of the web server has had."""
    peaks = []
    for number in (house.pid_of("web"), *workers(house)):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{number}/status").read_text())
        peaks.append(int(found[1]) / 1024 if found else 0)
    return max(peaks)


# --- STOW-RS ------------------------------------------------------------------------------------------------


def test_dicomweb_client_delivers(house: Installation, token: str) -> None:
    client = DICOMwebClient(f"{house.address}/dicomweb", session=create_session_from_auth(Bearer(token)), callback=None)
    try:
        answer = client.store_instances([dcmread(BytesIO(file)) for file in SERIES])
        kept = {str(item.ReferencedSOPInstanceUID) for item in answer.ReferencedSOPSequence}
    finally:
        client._session.close()

    assert kept == {str(slice_of(number).SOPInstanceUID) for number in (1, 2, 3)}
    assert "FailedSOPSequence" not in answer
    assert {str(dcmread(BytesIO(file)).SOPInstanceUID) for file in spooled(house)} == kept


def test_dicomweb_client_with_a_wrong_token_is_refused(house: Installation, token: str) -> None:
    client = DICOMwebClient(f"{house.address}/dicomweb", session=create_session_from_auth(Bearer(f"{token}x")))
    try:
        with pytest.raises(HTTPError) as refusal:
            client.store_instances([dcmread(BytesIO(SERIES[0]))])
    finally:
        client._session.close()

    assert refusal.value.response.status_code == 401
    assert spooled(house) == []


@requires_tool("Orthanc", "OrthancDicomWeb")
def test_orthanc_delivers(house: Installation, token: str, tmp_path: Path) -> None:
    with orthanc(tmp_path, Plugins=[tool("OrthancDicomWeb")]) as pacs:
        for file in SERIES:
            pacs.ask("POST", "/instances", file)
        us = {"Url": f"{house.address}/dicomweb/", "HttpHeaders": {"Authorization": f"Bearer {token}"}}
        pacs.ask("PUT", "/dicom-web/servers/core-lab", us)
        study = {"Resources": pacs.ask("GET", "/studies"), "Synchronous": True}
        pacs.ask("POST", "/dicom-web/servers/core-lab/stow", study)

    assert _by_number(spooled(house)) == _by_number(SERIES)


def _by_number(files: list[bytes]) -> dict[int, Dataset]:
    return {dataset.InstanceNumber: dataset for dataset in (dcmread(BytesIO(file)) for file in files)}


@pytest.mark.parametrize("chunked", [True, False], ids=["in chunks", "with a length"])
def test_a_study_of_any_size_takes_no_memory(house: Installation, token: str, chunked: bool) -> None:
    count = 600
    part = b"--parallax\r\nContent-Type: application/dicom\r\n\r\n" + LARGE + b"\r\n"
    length = count * len(part) + len(b"--parallax--")
    assert stow(house.web_port, token, SERIES).status == 200
    before = peak_mib(house)

    def body() -> Iterator[bytes]:
        for _ in range(count):
            yield part
        yield b"--parallax--"

    headers = stow_headers(token) | {"Content-Type": "multipart/related; boundary=parallax"}
    connection = http.client.HTTPConnection("127.0.0.1", house.web_port, timeout=300)
    try:
        if not chunked:
            headers["Content-Length"] = str(length)
        connection.request("POST", "/dicomweb/studies", body(), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()

    assert (answer.status, said.count(b"00081155")) == (200, count)
    assert length > 300 << 20
    assert len(list((house.data_dir / "spool").glob("*/*.dcm"))) == count + len(SERIES)
    assert peak_mib(house) < min(200, before + 40)


def opening(house: Installation, token: str, length: int) -> bytes:
    """The head of a request of STOW-RS whose body is written by hand."""
    headers = {**stow_headers(token), "Content-Type": "multipart/related; boundary=parallax", "Host": "x"}
    lines = [f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(length)}.items()]
    return b"POST /dicomweb/studies HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n"


def test_a_sender_that_is_slow_is_waited_for_and_one_that_is_silent_is_not(house: Installation, token: str) -> None:
    body = b"--parallax\r\n\r\n" + LARGE + b"\r\n--parallax--"
    with socket.create_connection(("127.0.0.1", house.web_port)) as slow:
        slow.settimeout(60)
        slow.sendall(opening(house, token, len(body)))
        for at in range(0, 5 * SLOW, SLOW):
            slow.sendall(body[at : at + SLOW])
            time.sleep(1)
        slow.sendall(body[5 * SLOW :])
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")

    with socket.create_connection(("127.0.0.1", house.web_port)) as silent:
        silent.settimeout(60)
        silent.sendall(opening(house, token, len(body)) + body[:100])
        assert silent.recv(4096).startswith(b"HTTP/1.1 408")

    assert spooled(house) == [LARGE]


def test_those_who_fall_silent_and_stay_hold_up_nobody_else(house: Installation, token: str) -> None:
    with contextlib.ExitStack() as stack:

        def fall_silent() -> socket.socket:
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", house.web_port)))
            silent.settimeout(60)
            silent.sendall(opening(house, token, 1 << 20) + b"--parallax\r\n")
            return silent

        # The process serves beside 8 of them, and starts anew with the ninth.
        for silent in [fall_silent() for _ in range(8)]:
            assert silent.recv(4096).startswith(b"HTTP/1.1 408")
        assert stow(house.web_port, token, SERIES).status == 200
        with contextlib.suppress(ConnectionError):
            fall_silent().recv(4096)
        house.wait_until_open("web")
        assert stow(house.web_port, token, SERIES).status == 200


def test_a_sender_that_hangs_up_leaves_what_was_whole_and_nothing_else(house: Installation, token: str) -> None:
    part = b"--parallax\r\n\r\n" + LARGE + b"\r\n"
    with socket.create_connection(("127.0.0.1", house.web_port)) as leaves:
        leaves.sendall(opening(house, token, 1 << 30) + part + part[:100_000])

    _until(lambda: spooled(house) == [LARGE])
    _until(lambda: not list((house.data_dir / "spool").glob("*/*.part")))
    assert spooled(house) == [LARGE]
    assert stow(house.web_port, token, SERIES).status == 200


def _until(true: Any) -> None:
    patience = time.monotonic() + 60
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.05)


# --- resumable uploads --------------------------------------------------------------------------------------


def test_an_upload_goes_on_where_it_was_when_the_web_server_died(house: Installation, baseline: int) -> None:
    web = Web(house.web_port)
    transfer = web.begin(baseline)
    upload = web.create(baseline, transfer, len(LARGE)).headers["location"]
    third = len(LARGE) // 3
    assert web.append(upload, 0, LARGE[:third]).status == 204
    with socket.create_connection(("127.0.0.1", house.web_port)) as half:
        said = {"Upload_Offset": str(third), "Content_Type": "application/offset+octet-stream"}
        half.sendall(web.head("PATCH", upload, len(LARGE) - third, **said) + LARGE[third : 2 * third])
        (staged,) = (house.data_dir / "uploads").glob("*.upload")
        _until(lambda: staged.stat().st_size > third)
        house.kill("web")
    house.wait_until_open("web")

    have = int(web.request("HEAD", upload).headers["upload-offset"])
    assert third < have <= 2 * third
    assert have == staged.stat().st_size
    assert web.append(upload, have, LARGE[have:]).status == 204
    assert spooled(house) == [LARGE]


def test_a_slow_line_loses_nothing_when_it_breaks(house: Installation, baseline: int) -> None:
    web = Web(house.web_port)
    upload = web.create(baseline, web.begin(baseline), len(LARGE)).headers["location"]
    with socket.create_connection(("127.0.0.1", house.web_port)) as slow:
        said = {"Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
        slow.sendall(web.head("PATCH", upload, len(LARGE), **said))
        for at in range(0, 5 * SLOW, SLOW):
            slow.sendall(LARGE[at : at + SLOW])
            time.sleep(1)
    _until(lambda: web.request("HEAD", upload).headers["upload-offset"] == str(5 * SLOW))

    _until(lambda: web.append(upload, 5 * SLOW, LARGE[5 * SLOW :]).status == 204)
    assert spooled(house) == [LARGE]


def test_a_door_without_a_session_reads_no_body(house: Installation, baseline: int) -> None:
    answer = request(
        house.web_port,
        "POST",
        f"/imaging/timepoints/{baseline}/uploads/",
        bytes(1 << 20),
        {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"},
    )

    assert answer.status in (302, 403)
    assert list((house.data_dir / "uploads").glob("*.upload")) == []
