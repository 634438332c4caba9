"""What comes to the doors of a running installation: more than a hundred malformed inputs, and the same scan ten times
at once.

Each malformed input gets its refusal by name, or lies in quarantine with a reason; a good file passes the same door
right after it. No process of the application ends of any of them, and none takes more than 512 MiB.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from tests.factories import encoded, slice_of
from tests.imaging.intake.test_pdus import AFTER, BEFORE, a_good_scan_passes, associated, connect, rest_of
from tests.support import hostile, killing, senders
from tests.support.installation import Installation
from tests.support.killing import pseudonym
from tests.support.memory import Watch
from tests.support.originals import original
from tests.support.senders import BOUNDARY, Scan, Upload, Web, request, stow_headers

pytestmark = pytest.mark.requirement("REQ-INT-010")

FILES = hostile.files()
ARCHIVES = hostile.archives(encoded(slice_of(1, scan_number=600)))
MOST_MEMORY = 512 << 20
#: How often the same is sent.
TIMES = 10


@dataclass
class House:
    """A running installation, a coordinator who is signed in, and good files for as long as anybody asks."""

    installation: Installation
    timepoints: dict[str, int]
    members: set[int]
    watch: Watch
    web: Web
    good: Counter[str] = field(default_factory=Counter)

    @property
    def baseline(self) -> int:
        """Where single files go."""
        return self.timepoints["N-001 BL"]

    def upload(self, content: bytes) -> tuple[str, senders.Answer]:
        """Send a file by tus, in one request, as a delivery of its own; return the delivery and the answer."""
        transfer = self.web.begin(self.baseline)
        kind = "application/offset+octet-stream"
        return transfer, self.web.create(self.baseline, transfer, len(content), content, Content_Type=kind)

    def good_passes_by_tus(self) -> None:
        """A good file that was not sent before is taken at the upload page."""
        assert Upload(self.web, self.baseline, self.web.begin(self.baseline), self._next_good("tus")).push()

    def good_passes_by_stow(self) -> None:
        """A good file that was not sent before is taken by STOW-RS."""
        file = self._next_good("stow")
        answer = senders.stow(self.installation.web_port, self.installation.tokens["NORTH"], [file])
        assert len(senders.kept_by(answer)) == 1

    def _next_good(self, door: str) -> bytes:
        self.good[door] += 1
        number = self.good.total()
        return encoded(slice_of(number, scan_number=700, ClinicalTrialSubjectID="N-001"))

    def of_delivery(self, transfer: str) -> tuple[list[str], list[str]]:
        """What became of a delivery: codes of its refused files; of its instances the reason if held, or `kept`."""
        refused = self.installation.rows(
            "SELECT r.code, t.public_id FROM imaging_refusedfile r JOIN imaging_webupload u ON u.id = r.upload_id"
            " JOIN imaging_transfer t ON t.id = u.transfer_id ORDER BY r.entry"
        )
        kept = self.installation.rows(
            "SELECT i.state, i.hold_reason, t.public_id FROM imaging_receivedinstance i"
            " JOIN imaging_transfer t ON t.id = i.transfer_id"
        )
        return (
            [row["code"] for row in refused if _is(row, transfer)],
            [f"held: {row['hold_reason']}" if row["hold_reason"] else "kept" for row in kept if _is(row, transfer)],
        )


def _is(row: dict[str, Any], transfer: str) -> bool:
    """Tell whether a row is of a delivery; SQLite keeps a UUID without hyphens."""
    return str(row["public_id"]).replace("-", "") == transfer.replace("-", "")


@pytest.fixture(scope="module")
def house(installation: Installation) -> Iterator[House]:
    """A running installation."""
    killing.open_house(installation, scans=1)
    timepoints = {
        f"{row['subject']} {row['code']}": row["id"]
        for row in installation.rows(
            "SELECT t.id, t.code, s.code AS subject FROM trials_timepoint t"
            " JOIN trials_subject s ON s.id = t.subject_id"
        )
    }
    members = installation.processes()
    with Watch(installation) as watch:
        yield House(installation, timepoints, members, watch, Web(installation.web_port))


# --- requests -----------------------------------------------------------------------------------------------

GOOD = encoded(slice_of(1, scan_number=601, ClinicalTrialSubjectID="N-001"))
_HEAD = b"\r\nContent-Type: application/dicom\r\n\r\n"
_OPEN, _CLOSE = f"--{BOUNDARY}".encode(), f"\r\n--{BOUNDARY}--\r\n".encode()
MULTIPART = stow_headers("")["Content-Type"]


def parts(*contents: bytes, head: bytes = _HEAD) -> bytes:
    """A body of parts."""
    return b"\r\n".join(_OPEN + head + content for content in contents) + _CLOSE


@dataclass(frozen=True)
class Request:
    """A request to a door, and how it is answered: status, and the code of the refusal or the failure reason."""

    status: int
    code: str | int = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    path: str = "/dicomweb/studies"
    method: str = "POST"
    #: The metadata say this beside the delivery.
    extends: bool = False


def _other_class(uid: str) -> bytes:
    return encoded(slice_of(2, scan_number=601, SOPClassUID=uid))


STOW: dict[str, Request] = {
    "no token": Request(401, "no_token", parts(GOOD), {"Authorization": ""}),
    "a token of nobody": Request(401, "no_token", parts(GOOD), {"Authorization": "Bearer plx_x"}),
    "a token of another scheme": Request(401, "no_token", parts(GOOD), {"Authorization": "Basic eDp5"}),
    "a token of 60 KB": Request(401, "no_token", parts(GOOD), {"Authorization": "Bearer " + "x" * 60_000}),
    "no type": Request(415, "unsupported_media_type", parts(GOOD), {"Content-Type": ""}),
    "a form": Request(
        415, "unsupported_media_type", parts(GOOD), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    ),
    "metadata in JSON": Request(415, "unsupported_media_type", b"[{}]", {"Content-Type": "application/dicom+json"}),
    "parts of metadata in JSON": Request(
        415,
        "unsupported_media_type",
        parts(b"[{}]"),
        {"Content-Type": f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'},
    ),
    "an answer in HTML": Request(406, "not_acceptable", parts(GOOD), {"Accept": "text/html"}),
    "no boundary": Request(
        400, "bad_multipart", parts(GOOD), {"Content-Type": 'multipart/related; type="application/dicom"'}
    ),
    "an empty boundary": Request(400, "bad_multipart", parts(GOOD), {"Content-Type": 'multipart/related; boundary=""'}),
    "a boundary of 200 characters": Request(
        400, "bad_multipart", parts(GOOD), {"Content-Type": "multipart/related; boundary=" + "x" * 200}
    ),
    "a boundary that is not there": Request(
        400, "bad_multipart", parts(GOOD), {"Content-Type": "multipart/related; boundary=y"}
    ),
    "no last boundary": Request(400, "bad_multipart", parts(GOOD)[: -len(_CLOSE)]),
    "half a last boundary": Request(400, "bad_multipart", parts(GOOD)[:-10]),
    "something after a boundary": Request(400, "bad_multipart", _OPEN + b"xx" + _HEAD + GOOD + _CLOSE),
    "a part's head of 1 MB": Request(400, "bad_multipart", parts(GOOD, head=b"\r\nX: " + b"y" * (1 << 20) + _HEAD)),
    "a part's head without end": Request(400, "bad_multipart", _OPEN + b"\r\nContent-Type: application/dicom" + _CLOSE),
    "a part's head of noise": Request(400, "bad_multipart", parts(GOOD, head=b"\r\n\xff\xfe\x00: \x01\r\n\r\n")),
    "a megabyte before the first boundary": Request(400, "bad_multipart", bytes(1 << 20) + b"\r\n" + parts(GOOD)),
    "a megabyte after the last boundary": Request(400, "bad_multipart", parts(GOOD) + bytes(1 << 20)),
    "no parts": Request(400, "bad_multipart", b""),
    "a closing boundary alone": Request(400, "bad_request", _CLOSE.strip()),
    "20,001 parts": Request(
        413, "too_many_parts", parts(*[b""] * 20_001, head=b"\r\nContent-Type: text/plain\r\n\r\n")
    ),
    "an empty part": Request(409, 0xC000, parts(b"")),
    "a part of text": Request(409, 0xC000, parts(b"hello", head=b"\r\nContent-Type: text/plain\r\n\r\n")),
    "a part of XML metadata": Request(
        409, 0xC000, parts(b"<NativeDicomModel/>", head=b"\r\nContent-Type: application/dicom+xml\r\n\r\n")
    ),
    "a part that is no DICOM": Request(409, 0xC000, parts(b"hello" * 100)),
    "a part without identifiers": Request(
        409, 0xC000, parts(FILES["no SOP Instance UID"][0].replace(b"1.2.826", b"x.2.826"))
    ),
    "a path for a UID in a part": Request(409, 0xC000, parts(FILES["a path for a UID"][0])),
    "a part named otherwise inside": Request(409, 0xA900, parts(FILES["another UID in its file meta information"][0])),
    "a part of another study": Request(409, 0xA900, parts(GOOD), path="/dicomweb/studies/1.2.3"),
    "a study that is no UID": Request(400, "bad_request", parts(GOOD), path="/dicomweb/studies/..etc"),
    "a list of a disc in a part": Request(409, 0x0122, parts(_other_class("1.2.840.10008.1.3.10"))),
    "a class that is not stored": Request(409, 0x0122, parts(_other_class("1.2.840.10008.1.20.1"))),
    "deflated noise in a part": Request(409, 0xC000, parts(FILES["deflated noise"][0])),
    "sequences without end in a part": Request(409, 0xC000, parts(FILES["sequences without end, 10,000 deep"][0])),
    "no length and no chunks": Request(400, "bad_multipart", headers={"Content-Length": "0"}),
    "reading": Request(405, method="GET"),
}

PIECE = "application/offset+octet-stream"
#: Requests that begin an upload.
TUS: dict[str, Request] = {
    "another version": Request(412, "tus_version", headers={"Tus-Resumable": "0.2.2"}),
    "no version": Request(412, "tus_version", headers={"Tus-Resumable": ""}),
    "no size": Request(400, "bad_request", headers={"Upload-Length": ""}),
    "a size below nothing": Request(400, "bad_request", headers={"Upload-Length": "-1"}),
    "a size in words": Request(400, "bad_request", headers={"Upload-Length": "1e9"}),
    "a size in other digits": Request(400, "bad_request", headers={"Upload-Length": "\u00b2"}),
    "a size of 40 digits": Request(400, "bad_request", headers={"Upload-Length": "9" * 40}),
    "a size of a petabyte": Request(413, "too_large", headers={"Upload-Length": str(1 << 50)}),
    "a size of nothing": Request(422, "empty_file", headers={"Upload-Length": "0"}),
    "no delivery": Request(400, "bad_request", headers={"Upload-Metadata": ""}),
    "a delivery that is none": Request(400, "bad_request", headers={"Upload-Metadata": "transfer eA=="}),
    "metadata not in base64": Request(400, "bad_request", headers={"Upload-Metadata": "transfer ***"}),
    "metadata of 60 KB": Request(400, "bad_request", headers={"Upload-Metadata": "a " + "eA==" * 15_000}),
    "a digest that is none": Request(400, "bad_request", headers={"Upload-Metadata": "sha256 eA=="}, extends=True),
    "a kind of nobody": Request(400, "bad_request", headers={"Upload-Metadata": "kind ZXhl"}, extends=True),
    "bytes of another type": Request(415, "unsupported_media_type", b"x", {"Content-Type": "text/plain"}),
    "more bytes than announced": Request(413, "too_large", b"x" * 2000, {"Content-Type": PIECE}),
    "another method": Request(405, method="PUT"),
    "no token of the page": Request(403, headers={"X-CSRFToken": ""}),
    "nobody signed in": Request(403, headers={"Cookie": ""}),
}


def answered(answer: senders.Answer) -> tuple[int, str | int]:
    """Status of an answer, with the code of a refusal or the failure reason of the one instance."""
    with contextlib.suppress(ValueError):
        known = json.loads(answer.body)
        if "code" in known:
            return answer.status, known["code"]
        for tag in ("00081198", "0008119A"):
            if tag in known:
                return answer.status, known[tag]["Value"][0]["00081197"]["Value"][0]
    return answer.status, ""


def test_there_are_as_many_malformed_inputs_as_promised() -> None:
    assert len(FILES) >= 40
    assert len(ARCHIVES) >= 20
    assert len(BEFORE) + len(AFTER) >= 60
    assert len(STOW) >= 20
    assert len(TUS) >= 10


# --- malformed ----------------------------------------------------------------------------------------------


def test_files_are_refused_by_name_or_held(house: House) -> None:
    said, deliveries = {}, {}
    for name, (content, _) in FILES.items():
        deliveries[name], answer = house.upload(content)
        assert answer.status in (201, 422)
        said[name] = answer.code if answer.status == 422 else ""
        house.good_passes_by_tus()
    house.installation.wait_until_quiet()
    for name in [name for name, code in said.items() if not code]:
        (said[name],) = house.of_delivery(deliveries[name])[1]

    assert said == {name: code for name, (_, code) in FILES.items()}


def test_archives_are_refused_by_name_and_what_is_good_in_them_comes_in(house: House) -> None:
    deliveries = {}
    for name, (content, *_) in ARCHIVES.items():
        deliveries[name], answer = house.upload(content)
        # A whole ZIP is taken, and unpacked in the background.
        assert answer.status == 201
        house.good_passes_by_tus()
    house.installation.wait_until_quiet()
    said = {}
    for name, transfer in deliveries.items():
        refused, kept = house.of_delivery(transfer)
        said[name] = refused[0] if refused else "", len(kept)

    assert said == {name: (code, kept) for name, (_, code, kept) in ARCHIVES.items()}


def test_requests_of_dicomweb_are_answered_by_name(house: House) -> None:
    said = {}
    for name, one in STOW.items():
        headers = stow_headers(house.installation.tokens["NORTH"]) | one.headers
        said[name] = answered(request(house.web.port, one.method, one.path, one.body, headers))
        house.good_passes_by_stow()

    assert said == {name: (one.status, one.code) for name, one in STOW.items()}


@pytest.mark.parametrize("ends", ["in a part", "in an instance alone", "in a chunk"])
def test_a_sender_who_hangs_up_is_told_nothing(house: House, ends: str) -> None:
    headers = stow_headers(house.installation.tokens["NORTH"]) | {"Host": "127.0.0.1"}
    if ends == "in an instance alone":
        headers["Content-Type"] = "application/dicom"
    body = parts(GOOD)[:900]
    if ends == "in a chunk":
        headers["Transfer-Encoding"], body = "chunked", b"fff\r\n" + body
    else:
        headers["Content-Length"] = "5000"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", house.web.port), timeout=60) as connection:
        connection.sendall(f"POST /dicomweb/studies HTTP/1.1\r\n{lines}\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            assert not connection.recv(65536).startswith(b"HTTP/1.1 2")

    house.good_passes_by_stow()


def test_requests_of_an_upload_are_answered_by_name(house: House) -> None:
    transfer = f"transfer {base64.b64encode(house.web.begin(house.baseline).encode()).decode()}"
    path = f"/imaging/timepoints/{house.baseline}/uploads/"
    said = {}
    for name, one in TUS.items():
        headers = {"Upload-Length": "1000", "Upload-Metadata": transfer} | one.headers
        if one.extends:
            headers["Upload-Metadata"] += f",{transfer}"
        said[name] = answered(request(house.web.port, one.method, path, one.body, house.web.headers | headers))
        house.good_passes_by_tus()

    assert said == {name: (one.status, one.code) for name, one in TUS.items()}


def test_pieces_of_an_upload_are_answered_by_name(house: House) -> None:
    file = encoded(slice_of(1, scan_number=602, ClinicalTrialSubjectID="N-001"))
    transfer = house.web.begin(house.baseline)
    address = house.web.create(house.baseline, transfer, len(file)).headers["location"]

    def piece(offset: object, content: bytes = file[:100], **headers: str) -> tuple[int, str | int]:
        kind = "application/offset+octet-stream"
        return answered(house.web.append(address, offset, content, **({"Content_Type": kind} | headers)))

    assert piece(0, Content_Type="text/plain") == (415, "unsupported_media_type")
    assert piece("-1") == (400, "bad_request")
    assert piece("") == (400, "bad_request")
    assert piece(50) == (409, "offset_conflict")
    assert piece(0, file + b"more") == (413, "too_large")
    assert piece(0, Upload_Checksum="md5 eA==") == (400, "bad_request")
    assert piece(0, Upload_Checksum="sha256 " + base64.b64encode(bytes(32)).decode()) == (460, "checksum_mismatch")
    assert house.web.request("HEAD", address).headers["upload-offset"] == "0"
    assert piece(0) == (204, "")
    assert piece(0) == (409, "offset_conflict")
    assert piece(100, file[100:]) == (204, "")
    assert piece(len(file), b"") == (410, "upload_finished")
    assert house.web.request("HEAD", address[:-37] + "00000000-0000-7000-8000-000000000000/").status == 404


def test_pdus_end_their_own_association(house: House) -> None:
    port = house.installation.dicom_port
    for shape in BEFORE.values():
        with connect(port) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(shape)
                connection.shutdown(socket.SHUT_WR)
            assert rest_of(connection)[:1] in (b"", b"\2", b"\3", b"\7")
        a_good_scan_passes(port)
    for shape in AFTER.values():
        with associated(port) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(shape)
            assert rest_of(connection)[:1] in (b"\7", b"")
        a_good_scan_passes(port)


# --- ten times ----------------------------------------------------------------------------------------------


def _scans(house: House, place: str, number: int, **values: Any) -> list[Scan]:
    """The same scan for ten senders, each with notes of its own."""
    subject, visit = place.split()
    slices = [
        slice_of(n, scan_number=number, day=killing.VISIT_DAYS[visit], ClinicalTrialSubjectID=subject, **values)
        for n in range(1, 6)
    ]
    by_uid = {str(one.SOPInstanceUID): one for one in slices}
    assert all(encoded(one) for one in slices)
    return [Scan(subject, visit, house.timepoints[place], by_uid) for _ in range(TIMES)]


def test_the_same_scan_ten_times_at_once_through_each_of_three_doors_is_one_scan(house: House) -> None:
    doors = (senders.by_c_store, senders.by_stow, senders.by_tus)
    scans = {door: _scans(house, "K-0001 BL", 800) for door in doors}
    with ThreadPoolExecutor(3 * TIMES) as pool:
        going = [pool.submit(door, house.installation, scan) for door, mine in scans.items() for scan in mine]
        for one in going:
            one.result()
    house.installation.wait_until_quiet()

    (scan, *_) = scans[senders.by_tus]
    for uid, states in _states(house, scan).items():
        copies = sum(one.sent[uid] for mine in scans.values() for one in mine)
        assert states == Counter(archived=1, duplicate=states["duplicate"])
        # A sender that was put off for a moment may have sent a copy that had come through.
        assert 3 * TIMES <= states.total() <= copies
    assert _archived(house, scan) == dict.fromkeys(scan.instances, 1)


def test_a_changed_pixel_under_the_same_uid_is_held_each_time_and_both_are_kept(house: House) -> None:
    (first, *_) = _scans(house, "K-0001 W8", 801)
    senders.by_c_store(house.installation, first)
    house.installation.wait_until_quiet()
    before = _archived(house, first, "sha256")
    pixels = np.full((16, 16), 1064, "<u2")
    pixels[3, 5] += 1
    changed = _scans(house, "K-0001 W8", 801, PixelData=pixels.tobytes())
    doors = (senders.by_c_store, senders.by_stow, senders.by_tus)

    with ThreadPoolExecutor(TIMES) as pool:
        going = [pool.submit(doors[n % 3], house.installation, scan) for n, scan in enumerate(changed)]
        for one in going:
            one.result()
    house.installation.wait_until_quiet()

    for uid, states in _states(house, first).items():
        assert states == Counter(archived=1, uid_conflict=states["uid_conflict"])
        assert TIMES <= states["uid_conflict"] <= sum(scan.sent[uid] for scan in changed)
    assert _archived(house, first, "sha256") == before
    for row in _received(house, first):
        assert len(original(house.installation.data_dir, row["quarantine_key"])) == row["size"]


def _received(house: House, scan: Scan) -> list[dict[str, Any]]:
    rows = house.installation.rows(
        "SELECT sop_uid_key, state, hold_reason, quarantine_key, size FROM imaging_receivedinstance"
    )
    keys = {pseudonym(uid) for uid in scan.instances}
    return [row for row in rows if row["sop_uid_key"] in keys]


def _states(house: House, scan: Scan) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in _received(house, scan):
        found.setdefault(row["sop_uid_key"], Counter())[row["hold_reason"] or row["state"]] += 1
    return {uid: found.get(pseudonym(uid), Counter()) for uid in scan.instances}


def _archived(house: House, scan: Scan, what: str = "") -> dict[str, Any]:
    """Each instance with how often it is in the archive, or with the digests there."""
    rows = house.installation.rows("SELECT sop_instance_uid, sha256 FROM imaging_instance")
    digests: dict[str, list[str]] = {}
    for row in rows:
        digests.setdefault(row["sop_instance_uid"], []).append(row["sha256"])
    mine = {uid: digests.get(pseudonym(uid), []) for uid in scan.instances}
    return {uid: sorted(found) if what else len(found) for uid, found in mine.items()}


def test_a_subject_is_the_same_whichever_door_its_images_come_through(house: House) -> None:
    (scan, *_) = _scans(house, "K-0001 BL", 803)
    doors = (senders.by_c_store, senders.by_stow, senders.by_tus)
    parts = [Scan(scan.subject, scan.visit, scan.timepoint_id, {uid: one}) for uid, one in scan.instances.items()]
    for number, part in enumerate(parts):
        doors[number % 3](house.installation, part)
    house.installation.wait_until_quiet()

    rows = house.installation.rows("SELECT sop_instance_uid, archive_key FROM imaging_instance")
    mine = {pseudonym(uid) for uid in scan.instances}
    keys = [row["archive_key"] for row in rows if row["sop_instance_uid"] in mine]
    images = [dcmread(house.installation.data_dir / "archive" / key) for key in keys]
    assert len(images) == len(scan.instances)
    assert {image.PatientID for image in images} == {"K-0001"}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "StudyDate"):
        (original,) = {one[keyword].value for one in scan.instances.values()}
        (pseudonymous,) = {image[keyword].value for image in images}
        assert pseudonymous != original


# --- and at last --------------------------------------------------------------------------------------------


def test_at_last_no_process_has_ended_and_none_took_too_much_memory(house: House) -> None:
    house.installation.wait_until_quiet()

    assert house.members <= house.installation.processes()
    assert house.watch.look() < MOST_MEMORY
    # Readers come and go; the others are those that were there, and perhaps more of the web server's.
    assert len(house.watch.largest) > len(house.members)
    kept = house.installation.rows("SELECT quarantine_key FROM imaging_receivedinstance")
    files = list((house.installation.data_dir / "quarantine").rglob("*.dcm"))
    assert len(files) == len(kept)
    assert list((house.installation.data_dir / "uploads").glob("*.unpacked")) == []
