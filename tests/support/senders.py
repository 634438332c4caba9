"""Senders of scans, one per door, as they are in the field: they remember what was acknowledged and try again.

Each sends what of a scan still waits, through an installation that may be hurt meanwhile, until everything is
acknowledged. `heard` is called after each acknowledgement.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt

from tests.factories import PASSWORD, encoded
from tests.support.installation import ROOT, Installation

#: A sender gives up after this many seconds; a machine may have more to do than be killed.
PATIENCE = 600
#: The boundary of a STOW-RS request.
BOUNDARY = "a-boundary-of-the-sender"
Heard = Callable[[], object]


def nobody() -> None:
    """Hear nothing."""


@dataclass
class Scan:
    """One scan of a subject at a visit, or documents instead, with the sender's notes of what became of it.

    `instances` go by their UIDs, `attachments` by names that no other scan has.
    """

    subject: str
    visit: str
    timepoint_id: int
    instances: dict[str, Dataset] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> list[str]:
        """Names of what still has to be sent."""
        return [name for name in self.files if name not in self.acknowledged]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The instances or attachments as files."""
        return self.attachments or {uid: encoded(dataset) for uid, dataset in self.instances.items()}

    def patiently(self) -> Iterator[None]:
        """Go on until nothing waits, with a breath between two tries."""
        patience = time.monotonic() + PATIENCE
        while self.waiting:
            assert time.monotonic() < patience, f"{len(self.waiting)} instances were never acknowledged"
            yield
            if self.waiting:
                time.sleep(0.1)


@dataclass(frozen=True)
class Answer:
    """What a web server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body, read as JSON."""
        known = json.loads(self.body)
        assert isinstance(known, dict)
        return known

    @property
    def code(self) -> str:
        """The name of a refusal."""
        return str(self.json["code"])


def request(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 60,
) -> Answer:
    """Make one HTTP request on a connection of its own.

    Raises
    ------
    OSError, HTTPException
        The server is not there, or left in the middle.
    """
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


class Web:
    """A coordinator who is signed in: plain HTTP with cookie and CSRF token, as a browser does it."""

    def __init__(self, port: int, username: str = "site-coordinator") -> None:
        self.port = port
        page = request(port, "GET", "/sign-in/")
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        if page.status != 200 or not found:
            raise ConnectionError("the sign-in page did not come")
        cookies = _cookies(page)
        fields = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": found[1].decode()}
        answer = request(
            port,
            "POST",
            "/sign-in/",
            urllib.parse.urlencode(fields).encode(),
            {"Cookie": _pairs(cookies), "Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status != 302:
            raise ConnectionError(f"signing in was answered with {answer.status}")
        cookies |= _cookies(answer)
        self.headers = {
            "Cookie": _pairs(cookies),
            "X-CSRFToken": cookies["csrftoken"],
            "Accept": "application/json",
            "Tus-Resumable": "1.0.0",
        }

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Make one request in the person's name; header names have underscores for hyphens."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.port, method, path, body, self.headers | more)

    def head(self, method: str, path: str, length: int, **headers: str) -> bytes:
        """Return the head of a request in the person's name, for one who then writes its body by hand."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        said = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(length)} | self.headers | more
        return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in said.items()) + "\r\n").encode()

    def begin(self, timepoint_id: int) -> str:
        """Open a delivery for a timepoint; return its public identifier."""
        answer = self.request("POST", f"/imaging/timepoints/{timepoint_id}/transfers/")
        if answer.status != 201:
            raise ConnectionError(f"a delivery was not begun: {answer.status}")
        return str(answer.json["transfer"])

    def create(
        self, timepoint_id: int, transfer: str, size: int, body: bytes = b"", kind: str = "dicom", **headers: str
    ) -> Answer:
        """Begin the upload of a file, perhaps with its first bytes."""
        about = {"transfer": transfer, "kind": kind}
        pairs = [f"{key} {b64encode(value.encode()).decode()}" for key, value in about.items()]
        said = {"Upload_Length": str(size), "Upload_Metadata": ",".join(pairs)}
        return self.request("POST", f"/imaging/timepoints/{timepoint_id}/uploads/", body, **(said | headers))

    def append(self, upload: str, offset: object, piece: bytes, **headers: str) -> Answer:
        """Add bytes to an upload."""
        said = {"Upload_Offset": str(offset), "Content_Type": "application/offset+octet-stream"}
        return self.request("PATCH", upload, piece, **(said | headers))


def _cookies(answer: Answer) -> dict[str, str]:
    # http.client joins the headers of one name.
    return dict(re.findall(r"(csrftoken|sessionid)=([^;,\s]+)", answer.headers.get("set-cookie", "")))


def _pairs(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


class Upload:
    """A file on its way by tus, as a maintained client does it: after any failure it asks how much is there."""

    def __init__(self, web: Web, timepoint_id: int, transfer: str, content: bytes, kind: str = "dicom") -> None:
        self.web, self.timepoint_id, self.transfer, self.content = web, timepoint_id, transfer, content
        self.kind = kind
        self.address = ""
        #: Times that it had to begin anew.
        self.begun = 0

    def push(self) -> bool:
        """Send what is not there yet; tell whether the whole file is acknowledged.

        Raises
        ------
        OSError, HTTPException
            Try again.
        """
        if not self.address:
            self.begun += 1
            created = self.web.create(self.timepoint_id, self.transfer, len(self.content), kind=self.kind)
            if created.status != 201:
                return False
            self.address = created.headers["location"]
        known = self.web.request("HEAD", self.address)
        if known.status in (404, 410):
            self.address = ""
        if known.status != 200:
            return False
        offset = int(known.headers["upload-offset"])
        while offset < len(self.content):
            half = max((len(self.content) + 1) // 2, 1)
            answer = self.web.append(self.address, offset, self.content[offset : offset + half])
            if answer.status != 204:
                return False
            offset = int(answer.headers["upload-offset"])
        return True


# --- the doors ----------------------------------------------------------------------------------------------


def by_c_store(installation: Installation, scan: Scan, heard: Heard = nobody) -> None:
    """Send as a modality: one association after the other until everything is acknowledged."""
    files = scan.files  # so that each data set has its file meta information
    modality = AE(ae_title="NORTH_CT")
    modality.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    for _ in scan.patiently():
        association = modality.associate(
            "127.0.0.1", installation.dicom_port, ae_title="PARALLAX", evt_handlers=[_no_answer_comes]
        )
        for uid in scan.waiting:
            if not association.is_established:
                break
            assert files[uid]
            scan.sent[uid] += 1
            try:
                answer = association.send_c_store(scan.instances[uid])
            except RuntimeError:  # the peer went between the look at the association and the message
                break
            if answer.get("Status") != 0x0000:
                association.abort()
                break
            scan.acknowledged.add(uid)
            heard()
        else:
            association.release()


#: pynetdicom would wait for its whole timeout for the answer of a peer that is gone.
_no_answer_comes = (evt.EVT_CONN_CLOSE, lambda event: event.assoc.dimse.msg_queue.put((None, None)))


def stow(port: int, token: str, files: Sequence[bytes]) -> Answer:
    """Send files in one request of STOW-RS."""
    head = b"--" + BOUNDARY.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + file + b"\r\n" for file in files) + b"--" + BOUNDARY.encode() + b"--\r\n"
    return request(port, "POST", "/dicomweb/studies", body, stow_headers(token))


def stow_headers(token: str) -> dict[str, str]:
    """Headers of a request of STOW-RS."""
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/dicom+json",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"',
    }


def kept_by(answer: Answer) -> set[str]:
    """SOP Instance UIDs that a STOW-RS answer acknowledges (PS3.18 §10.5.3)."""
    if answer.status not in (200, 202):
        return set()
    sequence = json.loads(answer.body).get("00081199", {"Value": []})
    return {item["00081155"]["Value"][0] for item in sequence["Value"]}


def by_stow(installation: Installation, scan: Scan, heard: Heard = nobody) -> None:
    """Send as a PACS: the first instance in a request of its own, the others in one."""
    token = installation.tokens["NORTH"]
    for _ in scan.patiently():
        uids = scan.waiting[:1] if not scan.acknowledged else scan.waiting
        scan.sent.update(uids)
        with contextlib.suppress(OSError, HTTPException):
            for uid in sorted(kept_by(stow(installation.web_port, token, [scan.files[uid] for uid in uids]))):
                scan.acknowledged.add(uid)
                heard()


def by_tus(installation: Installation, scan: Scan, heard: Heard = nobody) -> None:
    """Send as a coordinator's browser: each file, or attachment, as an upload of two pieces, into one delivery."""
    _upload(installation, scan, {name: [name] for name in scan.files}, scan.files, heard)


def by_zip(installation: Installation, scan: Scan, heard: Heard = nobody) -> None:
    """Send as a coordinator's browser: all files in one ZIP."""
    _upload(installation, scan, {"": list(scan.instances)}, {"": zipped(scan.files)}, heard)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive of files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(f"scan/{name}", content)
    return buffer.getvalue()


def _upload(
    installation: Installation,
    scan: Scan,
    parcels: Mapping[str, Sequence[str]],
    contents: Mapping[str, bytes],
    heard: Heard,
) -> None:
    """Upload parcels, each of them one or more instances, one after the other."""
    web: Web | None = None
    transfer = ""
    going: dict[str, Upload] = {}
    kind = "attachment" if scan.attachments else "dicom"
    for _ in scan.patiently():
        with contextlib.suppress(OSError, HTTPException):
            web = web or Web(installation.web_port)
            transfer = transfer or web.begin(scan.timepoint_id)
            for name, uids in parcels.items():
                if scan.acknowledged.issuperset(uids):
                    continue
                upload = going.setdefault(name, Upload(web, scan.timepoint_id, transfer, contents[name], kind))
                begun = upload.begun
                try:
                    whole = upload.push()
                finally:
                    scan.sent.update(dict.fromkeys(uids, upload.begun - begun))
                if whole:
                    scan.acknowledged.update(uids)
                    heard()
            if not scan.waiting:
                web.request("POST", f"/imaging/transfers/{transfer}/finish/")


def by_command(installation: Installation, scan: Scan, heard: Heard = nobody) -> None:
    """Send as one who has a disc: `manage.py import_dicom`, again until its exit code says that nothing is left."""
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(scan.files.values(), start=1):
            Path(folder, f"IM{number:04}").write_bytes(file)
        for _ in scan.patiently():
            scan.sent.update(scan.waiting)
            done = subprocess.run(
                [sys.executable, "manage.py", "import_dicom", folder, "--site", "NORTH"],
                cwd=ROOT,
                env=installation.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PATIENCE,
            )
            if done.returncode == 0:
                scan.acknowledged.update(scan.instances)
                heard()
