"""The demonstration's senders: what a scanner and a coordinator's browser do, over the network."""

from __future__ import annotations

import base64
import contextlib
import http.cookiejar
import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings

#: Seconds before a sender tries again.
_PAUSES = (1, 3, 10)


def store(folder: Path, ae_title: str) -> int:
    """Send every file below a folder by C-STORE, from another process; return how many were accepted.

    As a scanner does, it sends once more what a busy receiver put off.

    Raises
    ------
    subprocess.CalledProcessError
        The sender could not deliver everything.
    """
    for pause in _PAUSES:
        with contextlib.suppress(subprocess.CalledProcessError):
            return _send(folder, ae_title)
        time.sleep(pause)
    return _send(folder, ae_title)


def _send(folder: Path, ae_title: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "config.demo.scanner", ae_title, str(folder)],
        env={
            "PATH": "",
            "PYTHONPATH": str(settings.ROOT),
            "PARALLAX_DICOM": f"{settings.DICOM_AE_TITLE}@{settings.DICOM_HOST}:{settings.DICOM_PORT}",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.strip() or 0)


class Browser:
    """A signed-in coordinator at the web door: plain HTTP with cookies and CSRF, as a browser does it."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        page = self.opener.open(f"{address}/sign-in/").read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        fields = {"username": username, "password": password, "csrfmiddlewaretoken": token[1] if token else ""}
        self.opener.open(f"{address}/sign-in/", urllib.parse.urlencode(fields).encode())

    def upload(self, timepoint_id: int, files: Sequence[Path], *, as_zip: bool = False) -> str:
        """Drop files on a timepoint's upload page, one by one or as one ZIP; return the delivery.

        Raises
        ------
        urllib.error.HTTPError
            A file was refused.
        """
        transfer = self.begin(timepoint_id)
        parcels = [_zipped(files)] if as_zip else [file.read_bytes() for file in files]
        for content in parcels:
            self.send(timepoint_id, transfer, content)
        self.finish(transfer)
        return transfer

    def begin(self, timepoint_id: int) -> str:
        """Begin a delivery for a timepoint and return it."""
        with self.post(f"/imaging/timepoints/{timepoint_id}/transfers/") as answer:
            return str(json.load(answer)["transfer"])

    def send(self, timepoint_id: int, transfer: str, content: bytes) -> None:
        """Send one file as a resumable upload whose bytes come along in the first request (tus)."""
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(content)),
            "Upload-Metadata": f"transfer {base64.b64encode(transfer.encode()).decode()}",
            "Content-Type": "application/offset+octet-stream",
        }
        with self.post(f"/imaging/timepoints/{timepoint_id}/uploads/", content, headers) as answer:
            assert answer.headers["Upload-Offset"] == str(len(content))

    def finish(self, transfer: str) -> None:
        """Say that a delivery is complete."""
        self.post(f"/imaging/transfers/{transfer}/finish/").close()

    def download(self, path: str) -> bytes:
        """Return what lies behind an address."""
        with self.opener.open(self.address + path) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})) -> Any:
        """Post to an address with the token of the session; return the answer to read and close."""
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "") or ""
        common = {"X-CSRFToken": token, "Referer": self.address, "Content-Type": "application/json"}
        return self.opener.open(urllib.request.Request(self.address + path, body, {**common, **headers}))


def _zipped(files: Sequence[Path]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, file in enumerate(files, start=1):
            archive.write(file, f"DICOM/IM{number:05d}")
    return whole.getvalue()
