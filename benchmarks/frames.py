"""How fast one frame comes, beside Orthanc's WADO-RS: `python -m benchmarks.frames` (`make bench`).

The same CT series of 512 × 512 lies in both. Frames are asked for one by one over one connection each, in turns, so
that a slow moment of the machine hits both. Orthanc is asked for the frame as it is stored, by its DICOMweb plugin and
without authentication. Ours is the address of a read in progress with everything in front of it: the session, whose
read it is, whether the person still is a reader of the trial, what of it is shown, and the record of the viewing. The
web server runs as `manage.py serve` runs it. Each frame is compared once, value by value.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from pydicom import dcmread

from benchmarks.deid import make_files
from benchmarks.intake import installed_alone
from benchmarks.report import machine, needed, publish, version_of
from tests.support.orthanc import orthanc

_FURNISH = """
from benchmarks.frames_furnished import furnish
answer = furnish(world, {folder!r})
"""
_ORTHANC_ACCEPTS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@dataclass
class Door:
    """A server under measurement: one connection that stays open, and what each frame took, in ms."""

    name: str
    port: int
    headers: dict[str, str]
    took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = socket.create_connection(("127.0.0.1", self.port))
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())

    def get(self, path: str) -> bytes:
        """Ask for a frame; return the body once it is here whole."""
        began = time.perf_counter()
        self.line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self.head}\r\n".encode())
        body = self._answer()
        self.took.append((time.perf_counter() - began) * 1000)
        return body

    def _answer(self) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        said = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if " 200 " not in lines[0]:
            raise SystemExit(f"{self.name} answers {lines[0]}")
        pieces, missing = [body], int(said["content-length"]) - len(body)
        while missing > 0:
            pieces.append(self._more())
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def _more(self) -> bytes:
        piece = self.line.recv(1 << 20)
        if not piece:
            raise SystemExit(f"{self.name} hung up")
        return piece


def parts(body: bytes) -> bytes:
    """The one part of a multipart answer."""
    boundary = body.partition(b"\r\n")[0]
    return body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n" + boundary)[0]


def measure(count: int, rounds: int) -> list[str]:
    """Run both and return the report's lines."""
    made = make_files(count)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (folder / "files").mkdir()
        for number, content in enumerate(made):
            (folder / "files" / f"{number:04}.dcm").write_bytes(content)
        server = stack.enter_context(orthanc(folder, Plugins=[needed("OrthancDicomWeb")]))
        for content in made:
            server.ask("POST", "/instances", content)
        installation = stack.enter_context(installed_alone(folder / "ours"))
        told: dict[str, Any] = installation.make_world(_FURNISH.format(folder=str(folder / "files")))
        installation.start(only="web")
        peer = Door("Orthanc", server.http_port, {"Accept": _ORTHANC_ACCEPTS})
        mine = Door("Parallax", installation.web_port, {"Cookie": f"sessionid={told['session']}"})
        theirs, ours = orthanc_paths(made), [told["pixels"].replace("/0/", f"/{n}/") for n in range(1, count + 1)]
        for number in range(count):
            if parts(peer.get(theirs[number])) != mine.get(ours[number]):
                raise SystemExit("the two servers give different values for one frame")
        peer.took.clear()
        mine.took.clear()
        for _ in range(rounds):
            for number in range(count):
                peer.get(theirs[number])
                mine.get(ours[number])
        return table(peer, mine)


def orthanc_paths(made: Sequence[bytes]) -> list[str]:
    """Where Orthanc has the frames, in the order of their places along the normal."""
    headers = [dcmread(BytesIO(content), stop_before_pixels=True) for content in made]
    headers.sort(key=lambda one: one.ImagePositionPatient[2])
    return [
        f"/dicom-web/studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}/frames/1"
        for one in headers
    ]


def table(peer: Door, mine: Door) -> list[str]:
    """The report's lines."""
    lines = ["| server | p50 ms | p95 ms | p50 × Orthanc |", "| --- | ---: | ---: | ---: |"]
    for door in (peer, mine):
        middle, late = median(door.took), quantiles(door.took, n=20)[-1]
        ratio = median(own / its for own, its in zip(door.took, peer.took, strict=True))
        lines.append(f"| {door.name} | {middle:.2f} | {late:.2f} | {ratio:.2f} |")
    return lines


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    plugin = Path(needed("OrthancDicomWeb")).resolve().name.partition(".so.")[2]
    lines = measure(options.count, options.rounds)
    about = (
        f"{options.count} frames of 512 × 512 × 16 bits, {options.rounds} rounds, {machine()}, "
        f"{version_of('Orthanc')}, DICOMweb plugin {plugin}, our database SQLite."
    )
    publish("frames", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
