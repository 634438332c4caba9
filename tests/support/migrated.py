"""A database as the migrations leave it, made once: a run of the tests has some dozens of fresh ones.

Migrating takes about twenty seconds of a core. Whoever gets a copy migrates as ever afterwards, finds that nothing is
left to do, and does what follows upon every migration.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "migrated"
#: Its comment says which migrations it holds.
TEMPLATE = "parallax_migrated"


@cache
def _digest() -> str:
    """Return a digest of whatever decides what a migrated database holds."""
    files = [ROOT / "requirements" / "dev.txt", *ROOT.glob("config/settings/*.py")]
    # Migrations ask the door to the database and the states; the other modules say nothing to them.
    files += [*ROOT.glob("compliance/*.py"), *ROOT.glob("compliance/engines/**/*.py"), *ROOT.glob("*/states.py")]
    for room in ("compliance", "trials", "imaging", "reading"):
        files += [*(ROOT / room / "migrations").glob("*.py"), *(ROOT / room / "models").glob("*.py")]
    said = hashlib.sha256()
    for file in sorted(files):
        said.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return said.hexdigest()


def sqlite_file() -> Path:
    """Return a migrated SQLite database; it is to be copied, not written to."""
    file = KEPT / f"{_digest()[:20]}.sqlite3"
    with _alone():
        if not file.exists():
            for old in KEPT.glob("*.sqlite3"):
                old.unlink()
            with tempfile.TemporaryDirectory() as folder:
                _migrate(PARALLAX_DATA_DIR=folder)
                made = Path(folder) / "parallax.sqlite3"
                with contextlib.closing(sqlite3.connect(made)) as database:
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                shutil.copy(made, file.with_suffix(".part"))
            file.with_suffix(".part").rename(file)
    return file


def postgresql_template(url: str) -> str:
    """Return the name of a migrated database on the server of this address, for `CREATE DATABASE … TEMPLATE`."""
    own, with_it = sql.Identifier(TEMPLATE), urlunsplit(urlsplit(url)._replace(path=f"/{TEMPLATE}"))
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with _alone(), psycopg.connect(url, autocommit=True) as server:
        if server.execute(comment, [TEMPLATE]).fetchone() != (_digest(),):
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(own))
            server.execute(sql.SQL("CREATE DATABASE {}").format(own))
            with tempfile.TemporaryDirectory() as folder:
                _migrate(PARALLAX_DATA_DIR=folder, PARALLAX_DATABASE_URL=with_it)
            server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(own, sql.Literal(_digest())))
    return TEMPLATE


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time make a database, and the others wait for it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(**settings: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings.local"} | settings,
        check=True,
    )
