"""The one place that reads the environment and secret files; settings modules ask here."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    """Return `PARALLAX_<name>`, or the default."""
    return os.environ.get(f"PARALLAX_{name}", default)


def flag(name: str, default: bool = False) -> bool:
    """Return `PARALLAX_<name>` as yes or no."""
    return text(name, str(default)).lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int) -> int:
    """Return `PARALLAX_<name>` as a whole number."""
    return int(text(name, str(default)))


def words(name: str, default: str = "") -> list[str]:
    """Return `PARALLAX_<name>` as a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def pairs(name: str) -> dict[str, str]:
    """Return `PARALLAX_<name>`, a comma-separated list of name=value."""
    found = {key: value for key, _, value in (word.partition("=") for word in words(name))}
    if not all(re.fullmatch("[a-z0-9-]{1,40}", key) and value for key, value in found.items()):
        raise ValueError(f"PARALLAX_{name} is name=place, name=place; names have small letters, digits and hyphens.")
    return found


def one_of(name: str, words: tuple[str, ...]) -> str:
    """Return `PARALLAX_<name>`, which is one of these words; the first of them by default."""
    if (said := text(name, words[0])) not in words:
        raise ValueError(f"PARALLAX_{name} is one of: {', '.join(words)}.")
    return said


def secret(name: str) -> str:
    """Return a secret: `PARALLAX_<name>`, or what the file says that `PARALLAX_<name>_FILE` names."""
    if path := text(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return text(name)


def data_dir() -> Path:
    """Return the folder that holds everything this installation stores."""
    return Path(text("DATA_DIR", str(ROOT / "var"))).resolve()


def secret_key() -> str:
    """Return the signing key: from the environment, or a file made at first use in the data folder."""
    if given := text("SECRET_KEY"):
        return given
    path = data_dir() / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = secrets.token_urlsafe(50)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(fresh)
        return fresh


def database() -> dict[str, object]:
    """Return Django's database settings from `PARALLAX_DATABASE_URL`; SQLite in the data folder by default.

    SQLite runs in WAL with IMMEDIATE transactions and a 30 s wait, so that the web, receiver and worker
    processes queue up instead of failing; FULL sync, because a commit is a promise.
    """
    url = text("DATABASE_URL")
    if not url:
        return {
            "ENGINE": "compliance.engines.sqlite3",
            "NAME": data_dir() / "parallax.sqlite3",
            # Opening it anew for each request costs more than most requests do.
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "timeout": 30,
                "transaction_mode": "IMMEDIATE",
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                    "PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON;"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("PARALLAX_DATABASE_URL must start with postgresql://; leave it empty for SQLite.")
    return {
        "ENGINE": "compliance.engines.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # A server that takes a connection and says nothing is given up after so many seconds,
            "connect_timeout": 10,
            # and one whose machine or network is gone after about a minute, and not after two hours.
            "keepalives_idle": 20,
            "keepalives_interval": 10,
            "keepalives_count": 4,
            "tcp_user_timeout": 60_000,
        },
    }


def in_demo() -> bool:
    """Tell whether this process runs inside the demonstration's own folder."""
    return text("IN_DEMO") == "1"


def enter_demo(home: Path) -> None:
    """Let the processes started from here on run inside the demonstration's own folder."""
    os.environ |= {"PARALLAX_IN_DEMO": "1", "PARALLAX_DATA_DIR": str(home)}
