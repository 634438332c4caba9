"""A real installation of the application for one test: its own data folder, database, broker and ports."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.support.migrated import postgresql_template, sqlite_file

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
MEMBERS = ("web", "receiver", "worker")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """One installation: how to reach it, and how to start, stop and hurt it."""

    data_dir: Path
    environment: dict[str, str]
    web_port: int = field(default_factory=free_port)
    dicom_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    #: Secrets of the DICOMweb tokens that were issued, by the site's code.
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment |= {
            "PARALLAX_DATA_DIR": str(self.data_dir),
            "PARALLAX_WEB_PORT": str(self.web_port),
            "PARALLAX_DICOM_PORT": str(self.dicom_port),
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
        }

    @property
    def address(self) -> str:
        """The web server's address."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def log(self) -> str:
        """Everything the processes have printed."""
        path = self.data_dir / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def manage(self, *arguments: str, check: bool = True, timeout: float = 300, **more: str) -> str:
        """Run a management command of this installation and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, code: str, timeout: float = 300) -> Any:
        """Run Python inside the application; it sets `answer` to something JSON can say."""
        by_hand = "from tests.support import hands\nhands.let_tests_write()"
        script = f"import json\n{by_hand}\n{code}\nprint('\\x00' + json.dumps(answer, default=str))"
        printed = self.manage("shell", "--no-imports", "-c", script, timeout=timeout)
        return json.loads(printed.rpartition("\x00")[2])

    def make_world(self, code: str = "", timeout: float = 300) -> Any:
        """Make the trial of `tests.factories` in the fresh database as `world`, then run more Python on it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        return self.ask(
            "from django.core.management import call_command\n"
            "from tests.factories import make_world\n"
            "call_command('migrate', verbosity=0)\n"
            "world = make_world()\n"
            f"answer = None\n{code}",
            timeout,
        )

    def start(self, *, only: str = "", **more: str) -> None:
        """Start the process family, or one member alone, and wait until its doors are open."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with open(self.data_dir / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", *(["--only", only] if only else [])],
                cwd=ROOT,
                env=self.environment | more,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_open(only)

    def wait_until_open(self, only: str = "") -> None:
        """Wait until both doors answer, or those of one member."""
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience:
            if (only == "receiver" or self._answers()) and (only == "web" or self._listens(self.dicom_port)):
                return
            assert self.process is None or self.process.poll() is None, f"serve ended:\n{self.log}"
            time.sleep(0.1)
        raise AssertionError(f"the application did not open its doors:\n{self.log}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, urllib.error.URLError):
            return urllib.request.urlopen(f"{self.address}/healthz", timeout=2).status == 200
        return False

    @staticmethod
    def _listens(port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def pid_of(self, member: str) -> int:
        """Return the process number of `web`, `receiver` or `worker`."""
        return int((self.data_dir / "run" / f"{member}.pid").read_text())

    def kill(self, member: str) -> int:
        """End a member of the family, helpers included, as a power cut would; return its process number."""
        leader = self.pid_of(member)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        return leader

    def cut_power(self) -> None:
        """End the whole family at once, without a word to anybody."""
        assert self.process is not None
        self.process.kill()
        for member in MEMBERS:
            self.kill(member)
        self.process.wait(timeout=60)
        self.process = None

    def processes(self, *members: str) -> set[int]:
        """Return the numbers of the processes that live now, helpers included, of the family or some members."""
        return {pid for member in members or MEMBERS for pid in _group(self.pid_of(member))}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop as Ctrl-C does, or as another signal asks, and return the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask the database, past the application."""
        if url := self.environment.get("PARALLAX_DATABASE_URL"):
            import psycopg
            from psycopg.rows import dict_row

            with psycopg.connect(url, row_factory=dict_row) as server:
                return server.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.data_dir / "parallax.sqlite3", timeout=30)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(sql)]

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        catalogue = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if "PARALLAX_DATABASE_URL" in self.environment:
            catalogue = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
        return sorted(row["name"] for row in self.rows(catalogue))

    def wait_until_quiet(self, timeout: float = 120) -> None:
        """Wait until nothing lies in the spool and no job waits or runs."""
        patience = time.monotonic() + timeout
        waiting: list[Any] = []
        while time.monotonic() < patience:
            waiting = [path.name for path in (self.data_dir / "spool").glob("*/*.dcm")] or self.rows(
                "SELECT kind, key, state, tries, error FROM compliance_job WHERE state IN ('queued', 'running')"
            )
            if not waiting:
                return
            time.sleep(0.1)
        raise AssertionError(f"work is still waiting: {waiting}\n{self.log}")


def _group(leader: int) -> set[int]:
    """Return the live processes of a process group, as Linux lists them; a zombie lives no more."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = entry.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.add(int(entry.parent.name))
    return found


@contextlib.contextmanager
def installed(data_dir: Path, engines: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """A fresh installation on the engines of this test run: SQLite and files, or PostgreSQL and Redis; migrated.

    `engines` are the settings of others, which are all its own and empty.
    """
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("PARALLAX_") and k != "DJANGO_ALLOW_ASYNC_UNSAFE"
    }
    with contextlib.ExitStack() as clean_up:
        if engines is not None:
            environment |= engines
        elif url := os.environ.get("PARALLAX_DATABASE_URL"):
            environment["PARALLAX_DATABASE_URL"] = clean_up.enter_context(_scratch_database(url))
        else:
            data_dir.mkdir(parents=True, exist_ok=True)
            shutil.copy(sqlite_file(), data_dir / "parallax.sqlite3")
        if engines is None and (broker := os.environ.get("PARALLAX_BROKER_URL")):
            environment["PARALLAX_BROKER_URL"] = broker
            environment["PARALLAX_QUEUE"] = f"test-{uuid.uuid4().hex[:12]}"
        installation = Installation(data_dir, environment)
        try:
            yield installation
        finally:
            installation.stop()


@contextlib.contextmanager
def _scratch_database(url: str) -> Iterator[str]:
    import psycopg

    name = f"installed_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {postgresql_template(url)}")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
