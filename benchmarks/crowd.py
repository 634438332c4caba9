"""What a crowd of idle and slow peers costs a real sender: `python -m benchmarks.crowd` (`make bench`).

The same images go to the same door alone, and beside 500 connections from ten addresses that another process holds
open. They say nothing, or half a header, or one byte each second of what a sender says at once; whoever is sent away
comes back. A ratio is the median of the pairs, and the two of a pair take turns at being first, so that a slow moment
of the machine hits both.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import resource
import selectors
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import intake, stow
from benchmarks.deid import make_files, renamed
from benchmarks.report import machine, publish, version_of
from tests.support.pdus import command, pdu, pdv, request

SIZE = 500
#: One address may be limited; a crowd has many.
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 12)]
#: Parts of a second; in each of them a part of the crowd has its turn.
_SLICES = 20


@dataclass(frozen=True)
class Manner:
    """How one of the crowd behaves: its words, each said at once and the next one when it was answered; then bytes."""

    name: str
    words: tuple[bytes, ...] = (b"",)
    bytewise: bytes = b""


#: A data set in one PDU.
_DATA = pdu(4, pdv(1, 0, bytes(100_000)))
#: To the DICOM port; the last have an association, as a site's scanner would.
TO_DICOM = (
    Manner("silent"),
    Manner("half a header", (request()[:3],)),
    Manner("a request, byte by byte", bytewise=request()),
    Manner(
        "a data set, byte by byte", (request(), pdu(4, pdv(1, 3, command())) + _DATA[:500]), bytewise=_DATA[500:1500]
    ),
)
_HEAD = (
    b"POST /dicomweb/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/dicom+json\r\n"
    b"Content-Type: multipart/related; boundary=crowd\r\nContent-Length: 100000\r\n\r\n"
)
#: To the web server.
TO_WEB = (
    Manner("silent"),
    Manner("half a request line", (_HEAD[:10],)),
    Manner("a request's head, byte by byte", bytewise=_HEAD),
)


@dataclass(eq=False)
class _Member:
    """One of the crowd, with its connection as long as that lives."""

    manner: Manner
    source: str
    comes_at: float
    line: socket.socket | None = None
    connected: bool = False
    said: int = 0
    bytes_said: int = 0

    def speak(self) -> None:
        """Say the next word."""
        if self.said < len(self.manner.words):
            self._say(self.manner.words[self.said])
            self.said += 1

    def mumble(self) -> None:
        """Say the next byte, if it is time for that."""
        if self.connected and self.said == len(self.manner.words):
            self._say(self.manner.bytewise[self.bytes_said : self.bytes_said + 1])
            self.bytes_said += 1

    def _say(self, what: bytes) -> None:
        assert self.line is not None
        with contextlib.suppress(OSError):  # an end is heard as well
            self.line.send(what)


class Figures:
    """What the crowd tells of itself, through shared memory."""

    def __init__(self) -> None:
        self._shared = multiprocessing.Array("l", 3, lock=False)

    def tell(self, members: Sequence[_Member], ended: int) -> None:
        """Write down how it stands."""
        connected = [member for member in members if member.connected]
        self._shared[0] = len(connected)
        self._shared[1] = sum(member.said > 1 for member in connected)
        self._shared[2] = ended

    @property
    def connected(self) -> int:
        """Connections that stand now."""
        return self._shared[0]

    @property
    def answered(self) -> int:
        """Those of them that got an answer and go on."""
        return self._shared[1]

    @property
    def ended(self) -> int:
        """Connections that the other side has ended so far."""
        return self._shared[2]


def be_crowd(port: int, manners: Sequence[Manner], gathering: float, figures: Figures) -> None:
    """Come one after the other in so many seconds, and stay until killed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096) if most > 0 else 4096, most))
    began, ended = time.monotonic(), 0
    who = zip(itertools.cycle(manners), itertools.cycle(ADDRESSES), range(SIZE), strict=False)
    members = [_Member(manner, source, began + gathering * number / SIZE) for manner, source, number in who]
    selector = selectors.DefaultSelector()
    for slice_ in itertools.count():
        until = began + (slice_ + 1) / _SLICES
        while (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                member = key.data
                if not _hear(member, selector):
                    ended += 1
                    if member.said == len(member.manner.words):
                        _come(member, port, selector)
        for member in members[slice_ % _SLICES :: _SLICES]:
            if member.line is not None:
                member.mumble()
            elif member.comes_at <= time.monotonic():
                _come(member, port, selector)
        figures.tell(members, ended)


def _come(member: _Member, port: int, selector: selectors.BaseSelector) -> None:
    """Begin to connect."""
    line = member.line = socket.socket()
    member.said = member.bytes_said = 0
    line.setblocking(False)
    line.bind((member.source, 0))
    line.connect_ex(("127.0.0.1", port))
    selector.register(line, selectors.EVENT_WRITE, member)


def _hear(member: _Member, selector: selectors.BaseSelector) -> bool:
    """Take what came to one; tell whether its connection still stands."""
    assert member.line is not None
    try:
        if member.connected:
            stands = bool(member.line.recv(65536))
        else:
            stands = member.connected = not member.line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            selector.modify(member.line, selectors.EVENT_READ, member)
    except OSError:
        stands = False
    if stands:
        member.speak()
    else:
        selector.unregister(member.line)
        member.line.close()
        member.line, member.connected = None, False
    return stands


@contextmanager
def crowd(port: int, manners: Sequence[Manner], gathering: float) -> Iterator[Figures]:
    """A crowd that has gathered at a port."""
    figures = Figures()
    process = multiprocessing.get_context("fork").Process(
        target=be_crowd, args=(port, manners, gathering, figures), daemon=True
    )
    process.start()
    try:
        time.sleep(gathering + 2)
        if not process.is_alive():
            raise SystemExit("the crowd has gone")
        yield figures
    finally:
        process.kill()
        process.join()


@dataclass
class Arm:
    """What each run of a door took, alone or beset."""

    speed: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0


@dataclass
class Door:
    """A door under measurement.

    Attributes
    ----------
    send
        Sends all images once.
    gathering
        Seconds in which its crowd gathers: as long as the door waits for those who say nothing, so that they are not
        all sent away in the same second.
    """

    name: str
    receiver: intake.Receiver
    manners: Sequence[Manner]
    gathering: float
    send: Callable[[], object]
    alone: Arm = field(default_factory=Arm)
    beset: Arm = field(default_factory=Arm)
    connected: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def compare(self, count: int, pairs: int) -> None:
        """Send alone and beset in turns."""
        self.send()
        for number in range(pairs):
            runs = (self._run_alone, self._run_beset)
            for run in runs if number % 2 else reversed(runs):
                run(count)

    def _run_alone(self, count: int) -> None:
        self._run(self.alone, count)

    def _run_beset(self, count: int) -> None:
        with crowd(self.receiver.port, self.manners, self.gathering) as figures:
            ended, began = figures.ended, time.perf_counter()
            self._run(self.beset, count)
            self.ended.append((figures.ended - ended) / (time.perf_counter() - began))
            self.connected.append(figures.connected)
            self.answered.append(figures.answered)

    def _run(self, arm: Arm, count: int) -> None:
        cpu, began = self._cpu(), time.perf_counter()
        self.send()
        arm.speed.append(count / (time.perf_counter() - began))
        arm.cpu.append(1000 * (self._cpu() - cpu) / count)
        arm.memory = max(arm.memory, sum(memory for _, memory in self.receiver.processes()))

    def _cpu(self) -> float:
        return sum(cpu for cpu, _ in self.receiver.processes())

    def rows(self) -> list[str]:
        """Its rows of the table."""
        ratio = median(beset / alone for beset, alone in zip(self.beset.speed, self.alone.speed, strict=True))
        arms = ((0, self.alone, 1.0), (SIZE, self.beset, ratio))
        return [
            f"| {self.name} | {size} | {median(arm.speed):.0f} | {share:.2f} | {median(arm.cpu):.2f} | "
            f"{arm.memory:.0f} |"
            for size, arm, share in arms
        ]

    def sentence(self) -> str:
        """What the crowd was."""
        return (
            f"- {self.name}: {median(self.connected):.0f} connections stood at the end of a round (never less than "
            f"{min(self.connected)}), {median(self.answered):.0f} of them with an association; "
            f"{median(self.ended):.0f} were sent away each second and came back."
        )


def measure(count: int, pairs: int) -> list[str]:
    """Compare at both doors and return the report's lines."""
    made = make_files(count)
    batch = itertools.count()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        scanners, receiver = stack.enter_context(intake.ours(folder / "receiver", "receiver"))
        web, server = stack.enter_context(stow.ours(folder / "web"))
        files = folder / "files"

        def by_c_store() -> None:
            shutil.rmtree(scanners.data_dir / "spool", ignore_errors=True)
            intake.send(receiver, sorted(files.iterdir()), 1)

        def by_stow() -> None:
            shutil.rmtree(web.data_dir / "spool", ignore_errors=True)
            server.send(made)

        files.mkdir()
        renamed(made, files, next(batch))
        doors = [
            Door("C-STORE", receiver, TO_DICOM, 15, by_c_store),
            Door("STOW-RS", server.receiver, TO_WEB, 30, by_stow),
        ]
        for door in doors:
            door.compare(count, pairs)
    return [
        "| door | crowd | images/s | × alone | CPU s/1000 | peak MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row for door in doors for row in door.rows()),
        "",
        *(door.sentence() for door in doors),
    ]


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    version = version_of("storescu")
    lines = measure(options.count, options.pairs)
    about = f"{options.count} CT images of 530 kB, {options.pairs} pairs of rounds, {machine()}, {version}."
    publish("crowd", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
