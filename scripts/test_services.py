"""Run a command against a private PostgreSQL and a private Redis, both gone when it ends.

    python scripts/test_services.py [--require] -- COMMAND [ARGUMENT ...]

Both listen on loopback, on free ports, with a password made for this run, and keep their files in one
temporary directory. The command finds them in PARALLAX_DATABASE_URL and PARALLAX_BROKER_URL. PostgreSQL does
not run as root: for root both servers run as the `postgres` user, or as `nobody`. Where a server's program is
absent, the command is not run: exit 0 with a notice, or exit 1 with --require.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

START_SECONDS = 60
START_ATTEMPTS = 3
STOP_SECONDS = 15

# Whom a server runs as; None: as ourselves.
Account = pwd.struct_passwd | None


class ServiceError(Exception):
    """A server did not start; the text says which one and shows what it printed."""


def postgres_programs() -> Path | None:
    """Directory of the newest installed PostgreSQL's programs; Debian keeps them off PATH."""
    versioned = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    found = versioned or ([Path(on_path)] if on_path else [])
    return found[0].parent if found else None


def unprivileged() -> Account:
    """The account the servers run as: None (ourselves) unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceError("PostgreSQL does not run as root, and there is no postgres or nobody account.")


def identity(account: Account) -> dict[str, object]:
    """Arguments that make `subprocess` change to the account."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Server:
    """A server that listens on a port of this machine; it may be stopped and started again."""

    name: str
    command: list[str]
    port: int
    folder: Path
    account: Account
    #: The signal by which it ends in order.
    ending: signal.Signals
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log_path = self.folder / f"{self.name}.log"
        with log_path.open("ab") as log:
            # In a session of its own: Ctrl-C reaches the tests first, and the server only when they have ended.
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity(self.account),  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not start:\n{log_path.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self, number: signal.Signals | None = None) -> None:
        """Ask it to end, by another signal perhaps, and wait until it has."""
        if self.process is None:
            return
        self.process.send_signal(number or self.ending)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that listens before the body runs, and has ended after it."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def postgres(programs: Path, folder: Path, account: Account, *, durable: bool = False) -> Iterator[Server]:
    """A PostgreSQL cluster for one run. Its data end with the run, so that it need not sync."""
    password = secrets.token_hex(16)
    password_file = folder / "password"
    password_file.write_text(password)
    if account:
        os.chown(password_file, account.pw_uid, account.pw_gid)
    data = folder / "data"
    made = subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", "parallax", "--auth=scram-sha-256"),
            *(f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        **identity(account),  # type: ignore[call-overload]
    )
    if made.returncode != 0:
        raise ServiceError(f"initdb failed:\n{made.stdout}{made.stderr}")
    password_file.unlink()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    port = free_port()
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options]
    url = f"postgresql://parallax:{password}@127.0.0.1:{port}/parallax"
    # SIGINT is PostgreSQL's fast shutdown: it ends connections that tests left open.
    with running(Server("postgres", command, port, folder, account, signal.SIGINT, url)) as server:
        environment = {**os.environ, "PGPASSWORD": password}
        address = ["-h", "127.0.0.1", "-p", str(port), "-U", "parallax"]
        # It listens before it lets anybody in.
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([programs / "pg_isready", "-q", *address]).returncode and time.monotonic() < deadline:
            time.sleep(0.05)
        subprocess.run([programs / "createdb", *address, "parallax"], env=environment, check=True)
        yield server


@contextmanager
def redis(program: str, folder: Path, account: Account) -> Iterator[Server]:
    """A Redis server that writes nothing to disk."""
    port, password = free_port(), secrets.token_hex(16)
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
    )
    if account:
        os.chown(configuration, account.pw_uid, account.pw_gid)
    url, command = f"redis://:{password}@127.0.0.1:{port}/0", [program, str(configuration)]
    with running(Server("redis", command, port, folder, account, signal.SIGTERM, url)) as server:
        yield server


def start(stack: ExitStack, programs: Path, redis_program: str, *, durable: bool) -> tuple[Server, Server]:
    """PostgreSQL and Redis, left to `stack` to stop."""
    account = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="parallax-services-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return (
        stack.enter_context(postgres(programs, folder, account, durable=durable)),
        stack.enter_context(redis(redis_program, folder, account)),
    )


def start_patiently(
    stack: ExitStack, programs: Path, redis_program: str, *, durable: bool = False
) -> tuple[Server, Server]:
    """As `start`, and again when another process took a port between our looking and our listening."""
    for attempt in range(1, START_ATTEMPTS + 1):
        with ExitStack() as trial:
            try:
                servers = start(trial, programs, redis_program, durable=durable)
            except ServiceError:
                if attempt == START_ATTEMPTS:
                    raise
                continue
            stack.enter_context(trial.pop_all())
            return servers
    raise AssertionError("unreachable")


def stop_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when PostgreSQL or Redis is absent")
    parser.add_argument("command", nargs="+", help="the command to run, after --")
    arguments = parser.parse_args()

    programs, redis_program = postgres_programs(), shutil.which("redis-server")
    if programs is None or redis_program is None:
        absent = " and ".join(name for name, found in (("PostgreSQL", programs), ("Redis", redis_program)) if not found)
        print(f"parallax: {absent} not installed, so this part did not run: {' '.join(arguments.command)}")
        return 1 if arguments.require else 0

    signal.signal(signal.SIGTERM, stop_on_signal)
    signal.signal(signal.SIGHUP, stop_on_signal)
    with ExitStack() as stack:
        try:
            database, broker = start_patiently(stack, programs, redis_program)
        except ServiceError as problem:
            print(f"parallax: {problem}", file=sys.stderr)
            return 1
        urls = {"PARALLAX_DATABASE_URL": database.url, "PARALLAX_BROKER_URL": broker.url}
        child = subprocess.Popen(arguments.command, env={**os.environ, **urls})
        try:
            return child.wait()
        except KeyboardInterrupt:
            return child.wait() or 130
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


if __name__ == "__main__":
    sys.exit(main())
