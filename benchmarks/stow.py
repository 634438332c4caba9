"""How fast a study comes in by STOW-RS, beside Orthanc: `python -m benchmarks.stow` (`make bench`).

The same study goes in one request over one connection to Orthanc with its DICOMweb plugin and to us, in turns, so
that a slow moment of the machine hits both; a ratio is the median of the ratios of the rounds. Both sync each image to
the disk before they answer (Orthanc's default). Ours includes SHA-256, the reading of the identifiers, and the record
of the sender; our web server runs as `manage.py serve` runs it. Memory is sampled while the study comes: shared pages
count once (Pss).
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.deid import _UID, make_files
from benchmarks.intake import Receiver, installed_alone
from benchmarks.report import machine, needed, publish, version_of
from tests.support.installation import Installation
from tests.support.orthanc import orthanc

_BOUNDARY = b"benchmark"


@dataclass
class Server:
    """A STOW-RS server under measurement."""

    receiver: Receiver
    path: str
    token: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = 0.0

    def send(self, files: Sequence[bytes]) -> float:
        """Store a study in one request; return the seconds until its answer was there."""
        head = b"--" + _BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
        last = b"--" + _BOUNDARY + b"--\r\n"
        length = sum(len(head) + len(file) + 2 for file in files) + len(last)
        lines = [
            f"POST {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Accept: application/dicom+json",
            f'Content-Type: multipart/related; type="application/dicom"; boundary={_BOUNDARY.decode()}',
            f"Content-Length: {length}",
            "Connection: close",
            *([f"Authorization: Bearer {self.token}"] if self.token else []),
        ]
        before = sum(cpu for cpu, _ in self.receiver.processes())
        with self._watched(), socket.create_connection(("127.0.0.1", self.receiver.port)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.perf_counter()
            line.sendall("\r\n".join([*lines, "", ""]).encode())
            for file in files:
                line.sendall(head)
                line.sendall(file)
                line.sendall(b"\r\n")
            line.sendall(last)
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
            took = time.perf_counter() - began
        if b" 200 " not in answer[:20] or answer.count(b"00081155") != len(files):
            raise SystemExit(f"{self.receiver.name} did not take everything: {answer[:200]!r}")
        self.seconds.append(took)
        self.cpu.append((sum(cpu for cpu, _ in self.receiver.processes()) - before) / (length / 1e9))
        return took

    @contextmanager
    def _watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.1):
                self.peak = max(self.peak, sum(memory for _, memory in self.receiver.processes()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def study(made: Sequence[bytes], batch: int) -> list[bytes]:
    """The images under identifiers that nothing has seen before."""
    return [
        content.replace(_UID.format(number).encode(), _UID.format((batch + 1) * 1_000_000 + number).encode())
        for number, content in enumerate(made)
    ]


@contextmanager
def ours(folder: Path) -> Iterator[tuple[Installation, Server]]:
    """Our web server alone, with a token of a site."""
    with installed_alone(folder) as installation:
        token = installation.make_world(
            "from trials.services import connecting\n"
            "from django.utils import timezone\n"
            "answer = connecting.issue_token(site=world.north, label='PACS', actor=world.founder, at=timezone.now())[1]"
        )
        installation.start(only="web")
        receiver = Receiver("Parallax", installation.web_port, "", [installation.pid_of("web")])
        yield installation, Server(receiver, "/dicomweb/studies", token)


def measure(count: int, rounds: int, times: int) -> list[str]:
    """Run both and return the report's lines."""
    made = make_files(count)
    size = sum(map(len, made)) / 1e6
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(orthanc(folder, Plugins=[needed("OrthancDicomWeb")]))
        peer = Server(replace(Receiver.of(server), port=server.http_port), "/dicom-web/studies")
        installation, mine = stack.enter_context(ours(folder / "ours"))
        for server in (peer, mine):
            server.send(study(made[:50], rounds))
            server.seconds.clear()
            server.cpu.clear()
            server.peak = 0
        for number in range(rounds):
            files = study(made, number)
            for server in (peer, mine):
                server.send(files)
            shutil.rmtree(installation.data_dir / "spool")
        lines = [
            "| server | images/s | MB/s | × Orthanc | CPU s/GB | peak MiB |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for server in (peer, mine):
            ratios = [theirs / its for theirs, its in zip(peer.seconds, server.seconds, strict=True)]
            took = statistics.median(server.seconds)
            lines.append(
                f"| {server.receiver.name} | {count / took:.0f} | {size / took:.0f} | "
                f"{statistics.median(ratios):.2f} | {statistics.median(server.cpu):.1f} | {server.peak:.0f} |"
            )
        del files
        mine.peak = 0
        mine.send(made * times)
        lines += [
            "",
            f"A study {times} times as large, {times * size / 1000:.1f} GB in one request, "
            f"takes Parallax {mine.peak:.0f} MiB.",
        ]
    return lines


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=4, help="how much larger the large study is")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    version = version_of("Orthanc")
    plugin = Path(needed("OrthancDicomWeb")).resolve().name.partition(".so.")[2]
    lines = measure(options.count, options.rounds, options.times)
    about = (
        f"{options.count} CT images of 530 kB in one request, {options.rounds} rounds, {machine()}, {version}, "
        f"DICOMweb plugin {plugin}."
    )
    publish("stow", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
