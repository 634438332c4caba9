"""What an installation needs within reach: database, clock, keys, stores, queue, mail, and the trail in them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.mail import get_connection
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from kombu.exceptions import OperationalError

from compliance import checkpoints, factors, keys, storage, verifying, verifying_signatures
from compliance.errors import HouseError
from compliance.models import Job
from config.celery import app
from config.validation.records import Check, Outcome
from trials import locked_rows
from trials.models import Trial

#: Tables whose rows the database itself refuses to change.
_APPEND_ONLY = ("compliance_auditevent", "compliance_auditlink", "compliance_auditcheckpoint", "compliance_signature")
_NTP_EPOCH = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
_LONGEST_WAIT = dt.timedelta(minutes=10)


def _passes(good: bool) -> Outcome:
    return Outcome.PASS if good else Outcome.FAIL


def database() -> Iterator[Check]:
    """Yield the checks of engine, settings, migrations, and of the triggers that keep what is written."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            version = connection.pg_version  # type: ignore[attr-defined]
            said = f"PostgreSQL {version // 10000}.{version % 10000}"
            yield Check("Database", "Engine", "PostgreSQL 15 or newer, or SQLite", said, _passes(version >= 150000))
            cursor.execute("SELECT tgrelid::regclass::text, count(*) FROM pg_trigger WHERE NOT tgisinternal GROUP BY 1")
            guarded = {name for name, _ in cursor.fetchall()}
        else:
            found = {}
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers"):
                cursor.execute(f"PRAGMA {name}")
                found[name] = str(cursor.fetchone()[0])
            # In memory, where tests are, the journal is in memory too.
            good = found["journal_mode"] in ("wal", "memory") and found["synchronous"] == "2"
            said = ", ".join(f"{name} {value}" for name, value in found.items())
            yield Check(
                "Database",
                "Engine",
                "SQLite: WAL, synchronous 2, keys and triggers on",
                said,
                _passes(good and found["foreign_keys"] == found["recursive_triggers"] == "1"),
            )
            cursor.execute("SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'")
            guarded = {name for (name,) in cursor.fetchall()}
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    said = (
        ", ".join(f"{step.app_label}.{step.name}" for step, _ in plan) or f"{len(executor.loader.graph.nodes)} applied"
    )
    yield Check("Database", "Migrations", "All are applied", said, _passes(not plan))
    bare = [table for table in _APPEND_ONLY if table not in guarded]
    said = f"missing: {', '.join(bare)}" if bare else f"on {', '.join(_APPEND_ONLY)}"
    yield Check(
        "Database",
        "Triggers that refuse change and removal",
        "On each append-only table",
        said,
        _passes(not bare),
        ("REQ-AUD-004",),
    )
    up = locked_rows.are_up()
    yield Check(
        "Database",
        "Triggers that refuse to change a locked trial",
        "On each table of a trial's records",
        f"{len(locked_rows.standing())} triggers" + ("" if up else "; some are missing or off: run manage.py migrate"),
        _passes(up),
        ("REQ-LOC-002",),
    )


def clock(ntp: str, at: dt.datetime) -> Iterator[Check]:
    """Yield the checks of the zone, of the database's clock, and of a time server's where one is asked."""
    zone = settings.TIME_ZONE
    yield Check(
        "Clock", "Times are kept in UTC", "UTC, with their zone", zone, _passes(zone == "UTC" and settings.USE_TZ)
    )
    title, expected = "The database's clock beside this machine's", "Less than 1 s apart"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = timezone.now()
            cursor.execute("SELECT clock_timestamp()")
            apart = abs((cursor.fetchone()[0] - before).total_seconds())
        yield Check("Clock", title, expected, f"{apart:.3f} s", _passes(apart < 1))
    else:
        yield Check("Clock", title, expected, "one machine, one clock", Outcome.NOT_APPLICABLE)
    title = "This machine's clock beside a time server's"
    if not ntp:
        said = "no server was asked; give --ntp SERVER"
        yield Check("Clock", title, expected, said, Outcome.NOT_APPLICABLE)
        return
    try:
        apart = abs(_offset(ntp).total_seconds())
    except (OSError, struct.error) as problem:
        yield Check("Clock", title, expected, f"{ntp} did not answer ({type(problem).__name__})", Outcome.FAIL)
        return
    yield Check("Clock", title, expected, f"{apart:.3f} s from {ntp}", _passes(apart < 1))


def _offset(server: str) -> dt.timedelta:
    """Ask a time server (SNTP, RFC 4330) how far this machine's clock is off."""
    host, _, port = server.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        sent = dt.datetime.now(dt.UTC)
        asking.sendto(b"\x1b" + 47 * b"\0", (host, int(port or 123)))
        answer, _peer = asking.recvfrom(48)
        back = dt.datetime.now(dt.UTC)
    seconds, fraction = struct.unpack("!II", answer[40:48])
    theirs = _NTP_EPOCH + dt.timedelta(seconds=seconds + fraction / 2**32)
    return theirs - (sent + (back - sent) / 2)


def secret_keys() -> Iterator[Check]:
    """Yield whether each key that something needs is there, and for its owner alone."""
    folder = Path(settings.KEYS_DIR)
    mode = stat.S_IMODE(folder.stat().st_mode) if folder.is_dir() else None
    said = "it is not there" if mode is None else f"mode {mode:04o}"
    yield Check(
        "Keys",
        "The folder of keys",
        "There, for its owner alone",
        said,
        _passes(mode is not None and not mode & 0o077),
        ("REQ-STO-003",),
    )
    open_to_others = [path.name for path in folder.rglob("*.key") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    said = ", ".join(sorted(open_to_others)) or "none"
    yield Check("Keys", "Keys that others may read", "none", said, _passes(not open_to_others), ("REQ-STO-003",))
    try:
        trail = [key.fingerprint for key in keys.of_audit()]
        said, good = ", ".join(trail) or "none yet: the first event makes it", bool(trail)
    except keys.KeyMissing as problem:
        said, good = problem.message, False
    yield Check("Keys", "Keys of the audit trail", "Each can be read", said, _passes(good), ("REQ-AUD-008",))
    trials = list(Trial.objects.order_by("code").values_list("code", flat=True))
    lost = [code for code in trials if not keys.are_readable(code)]
    said = f"missing: {', '.join(lost)}" if lost else f"of {len(trials)} trials"
    yield Check(
        "Keys",
        "Keys of the trials",
        "Each can be read",
        said,
        _passes(not lost) if trials else Outcome.NOT_APPLICABLE,
        ("REQ-DEI-001", "REQ-STO-002"),
    )
    if not factors.anybody_has_an_app():
        yield Check("Keys", "Key of the accounts", "It can be read", "nobody has an app yet", Outcome.NOT_APPLICABLE)
        return
    try:
        keys.of_accounts()
        said, good = "it can be read", True
    except keys.KeyMissing as problem:
        said, good = problem.message, False
    yield Check("Keys", "Key of the accounts", "It can be read", said, _passes(good), ("REQ-ACC-009",))


def stores() -> Iterator[Check]:
    """Yield whether each store takes, gives back and keeps bytes, and whether the local disk has room."""
    for alias in (storage.QUARANTINE, storage.ARCHIVE, storage.DISPLAY, storage.EXPORTS):
        yield _store(alias)
    folders = {"spool": settings.SPOOL_DIR, "uploads": settings.UPLOAD_DIR, "checkpoints": checkpoints.folder()}
    for name, where in folders.items():
        said, good = _writable(Path(where))
        yield Check("Storage", f"Folder of {name}", "It can be written, and not by everybody", said, _passes(good))
    disk = next(folder for folder in (Path(settings.SPOOL_DIR), *Path(settings.SPOOL_DIR).parents) if folder.exists())
    free, reserve = shutil.disk_usage(disk).free, settings.SPOOL_RESERVE_BYTES
    said = f"{free / 1e9:.1f} GB free, reserve {reserve / 1e9:.1f} GB"
    yield Check(
        "Storage",
        "Free space of the spool's disk",
        "Ten times the reserve",
        said,
        _passes(free > 10 * reserve),
        ("REQ-INT-003",),
    )


def _store(alias: str) -> Check:
    """Put a few bytes there, read them, try to put others under the same name, and take them away."""
    kept, name, data = storage.of(alias), f"installation-check-{token_hex(8)}", token_hex(32).encode()
    title, expected = f"The store “{alias}”", "Takes bytes, gives them back, refuses others under their name"
    try:
        kept.save(name, ContentFile(data))
        with kept.open(name) as file:
            same = file.read() == data
        try:
            kept.save(name, ContentFile(b"others"))
            refused = False
        except FileExistsError:
            refused = True
        kept.delete(name)
    except (OSError, HouseError) as problem:
        return Check("Storage", title, expected, type(problem).__name__, Outcome.FAIL, ("REQ-STO-001",))
    said = f"read again: {'yes' if same else 'no'}, refused: {'yes' if refused else 'no'} ({type(kept).__name__})"
    return Check("Storage", title, expected, said, _passes(same and refused), ("REQ-STO-001",))


def _writable(folder: Path) -> tuple[str, bool]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            os.fsync(file.fileno())
    except OSError as problem:
        return type(problem).__name__, False
    mode = stat.S_IMODE(folder.stat().st_mode)
    return f"written and synced, mode {mode:04o}", not mode & 0o002


def queue_and_mail() -> Iterator[Check]:
    """Yield whether the broker answers, work moves, and mail can leave."""
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=5)
        said, good = app.conf.broker_url.partition(":")[0], True
    except (OperationalError, OSError) as problem:
        said, good = type(problem).__name__, False
    yield Check("Queue and mail", "The broker", "It answers", said, _passes(good), ("REQ-STO-006",))
    now = timezone.now()
    late = Job.objects.filter(state=Job.State.QUEUED, not_before__lt=now - _LONGEST_WAIT).count()
    given_up = Job.objects.filter(state=Job.State.FAILED).count()
    said = f"{late} wait for more than 10 minutes, {given_up} were given up"
    yield Check(
        "Queue and mail", "Work that waits", "None for more than 10 minutes", said, _passes(not late), ("REQ-STO-006",)
    )
    title = "Mail"
    if not settings.EMAIL_HOST:
        said = "no server is set: mails become files in the data folder"
        yield Check("Queue and mail", title, "The server answers", said, Outcome.NOT_APPLICABLE)
        return
    try:
        mail = get_connection(fail_silently=False)
        mail.open()
        mail.close()
        said, good = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} answers", True
    except OSError as problem:  # smtplib's errors are of this kind
        said, good = type(problem).__name__, False
    yield Check("Queue and mail", title, "The server answers", said, _passes(good))


def trail() -> Iterator[Check]:
    """Yield whether trail, checkpoints and signatures are what was written."""
    try:
        kept, forged = checkpoints.kept()
        report = verifying.verify(marks=checkpoints.marks(kept))
        bad = [damage.said(f"chain {damage.chain}") for damage in report.damages] + [
            f"forged: {name}" for name in forged
        ]
        said = "; ".join(bad) or f"{report.links} events and {len(kept)} checkpoints verified"
    except HouseError as problem:
        said, bad = problem.message, [problem.code]
    yield Check(
        "Audit trail and signatures",
        "The trail",
        "It is what was written",
        said,
        _passes(not bad),
        ("REQ-AUD-005", "REQ-AUD-006", "REQ-AUD-007"),
    )
    try:
        held = verifying_signatures.verify()
        said = str(held.first) if held.first else f"{held.standing} stand, {held.superseded} are superseded"
        good = held.first is None
    except HouseError as problem:
        said, good = problem.message, False
    yield Check("Audit trail and signatures", "Signatures", "Each holds", said, _passes(good), ("REQ-SIG-005",))
