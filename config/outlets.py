"""Where trials' data may be sent on a schedule: places that whoever runs the server declares, each a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from config import env

Store = dict[str, Any]


def outlets() -> tuple[dict[str, str], dict[str, Store]]:
    """Return the alias of each outlet by the name that people see, and the stores by their aliases.

    Raises
    ------
    ValueError
        A place is none that is known here.
    """
    places = env.pairs("OUTLETS")
    return {name: _alias(name) for name in places}, {_alias(name): _store(place) for name, place in places.items()}


def _alias(name: str) -> str:
    return f"outlet-{name}"


def _store(place: str) -> Store:
    parts = urlsplit(place)
    match parts.scheme:
        case "s3":
            return _bucket(parts)
        case "sftp" if parts.hostname and parts.username and not parts.password:
            return _sftp(parts)
        case "" if Path(place).is_absolute():
            return {"BACKEND": "compliance.storage.WriteOnceStorage", "OPTIONS": {"location": Path(place)}}
    raise ValueError("A place of PARALLAX_OUTLETS is /a/folder, s3://bucket/prefix or sftp://user@host:port/a/folder.")


def _bucket(parts: SplitResult) -> Store:
    return {
        "BACKEND": "compliance.buckets.BucketStorage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": parts.path.strip("/"),
            "endpoint_url": env.text("OUTLETS_S3_ENDPOINT") or None,
            "access_key": env.text("OUTLETS_S3_ACCESS_KEY") or None,
            "secret_key": env.secret("OUTLETS_S3_SECRET_KEY") or None,
            "querystring_auth": True,
        },
    }


def _sftp(parts: SplitResult) -> Store:
    return {
        "BACKEND": "compliance.sftp.SftpStorage",
        "OPTIONS": {
            "host": parts.hostname,
            "port": parts.port or 22,
            "user": parts.username,
            # `/~/folder` is under the account's own folder.
            "folder": parts.path.removeprefix("/") if parts.path.startswith("/~/") else parts.path,
            "key_file": env.text("OUTLETS_SFTP_KEY_FILE"),
            "known_hosts": env.text("OUTLETS_SFTP_KNOWN_HOSTS"),
        },
    }
