"""Several processes that share one listening socket, and a parent that looks after them."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

from django.conf import settings
from django.db import connections

from imaging.intake.dimse.listener import Listener, listening_socket

#: Seconds that children get to end what they are at.
GRACE = 15.0


def serve(host: str, port: int) -> None:
    """Listen until SIGINT or SIGTERM; associations under way are ended, what they delivered is safe.

    A child that dies is replaced. Python does one thing at a time in each process, so that two take the scans of
    several senders faster than one.
    """
    over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if not settings.DICOM_FAST:
        from imaging.intake.dimse import stock

        server = stock.start(host, port, settings.DICOM_TLS_PORT or None, settings.DICOM_AE_TITLE)
        over.wait()
        server.shutdown()
        return
    _spare_memory()
    listening = listening_socket(host, port)
    encrypted = listening_socket(host, settings.DICOM_TLS_PORT) if settings.DICOM_TLS_PORT else None
    children: set[int] = set()
    while not over.is_set():
        while len(children) < settings.DICOM_PROCESSES:
            children.add(_child(listening, encrypted))
        children -= _ended(children)
        over.wait(0.2)
    listening.close()
    if encrypted is not None:
        encrypted.close()
    _stop(children)


def _spare_memory() -> None:
    """Let threads share one heap: they hold little, and one after the other (glibc; elsewhere nothing)."""
    if sys.platform == "linux":
        arena_max = -8
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).mallopt(arena_max, 1)


def _child(listening: socket.socket, encrypted: socket.socket | None) -> int:
    """Fork a process that accepts on the socket; return its number."""
    connections.close_all()
    # What is loaded already stays in pages that all processes share; a collection would touch and so copy them.
    gc.collect()
    gc.freeze()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        listener = Listener(listening, encrypted)
        listener.start()
        # An orphan has nobody to replace it, and would keep the port from its successor.
        while not over.wait(0.5) and os.getppid() == parent and listener.is_alive():
            pass
        listener.shutdown()
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def _ended(children: set[int]) -> set[int]:
    gone = set()
    for pid in children:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                gone.add(pid)
        except ChildProcessError:
            gone.add(pid)
    if gone:
        time.sleep(0.2)
    return gone


def _stop(children: set[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in children:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        until = time.monotonic() + GRACE
        while children and time.monotonic() < until:
            children -= _ended(children)
            time.sleep(0.05)
