"""The demonstration's senders: what a scanner and a coordinator's browser do, over the network."""

from __future__ import annotations

import http.cookiejar
import io
import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings


def store(folder: Path, ae_title: str) -> int:
    """Send every file below a folder by C-STORE, from another process; return how many were accepted.

    Raises
    ------
    subprocess.CalledProcessError
        The sender could not deliver everything.
    """
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

    def upload(self, timepoint_id: int, files: Sequence[Path], *, as_zip: bool = False) -> dict[str, Any]:
        """Drop files on a timepoint's upload page, one by one or as one ZIP; return what was kept and refused."""
        begun = self._post(f"/imaging/timepoints/{timepoint_id}/transfers/")
        transfer = begun["transfer"]
        total: dict[str, Any] = {"transfer": transfer, "kept": 0, "refused": []}
        parcels = [("scan.zip", _zipped(files))] if as_zip else [(f.name, f.read_bytes()) for f in files]
        for name, body in parcels:
            answer = self._post(f"/imaging/transfers/{transfer}/files/", (name, body))
            total["kept"] += answer["kept"]
            total["refused"] += answer["refused"]
        self._post(f"/imaging/transfers/{transfer}/finish/")
        return total

    def download(self, path: str) -> bytes:
        """Return what lies behind an address."""
        with self.opener.open(self.address + path) as answer:
            return bytes(answer.read())

    def _post(self, path: str, file: tuple[str, bytes] | None = None) -> dict[str, Any]:
        boundary = uuid.uuid4().hex
        body = b""
        if file:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'
            body = head.encode() + file[1] + f"\r\n--{boundary}--\r\n".encode()
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "") or ""
        request = urllib.request.Request(
            self.address + path,
            data=body,
            headers={
                "X-CSRFToken": token,
                "Referer": self.address,
                "Content-Type": f"multipart/form-data; boundary={boundary}" if file else "application/json",
            },
        )
        with self.opener.open(request) as answer:
            return dict(json.load(answer))


def _zipped(files: Sequence[Path]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, file in enumerate(files, start=1):
            archive.write(file, f"DICOM/IM{number:05d}")
    return whole.getvalue()
