"""What must hold before an installation faces the world: our part of `manage.py check --deploy`.

In production `manage.py serve` asks the same and does not start while an error stands.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks

from compliance import keys, storage

TAG = "parallax"
#: Words that come with brokers, databases and buckets, and that everybody knows.
_KNOWN_SECRETS = {
    "",
    "guest",
    "minioadmin",
    "password",
    "parallax",
    "parallax-demo-2026",
    "postgres",
    "secret",
    "changeme",
}
_SHORTEST_SECRET = 50


@register(TAG, deploy=True)
def secrets_are_secret(app_configs: Any, **_: object) -> list[CheckMessage]:
    """No secret is one that comes with a product, or can be guessed."""
    return [
        Error(f"{what} is empty, short or known to everybody.", hint=f"Set {where} to a long random value.", id=number)
        for what, where, number, bad in _secrets()
        if bad
    ]


def _secrets() -> Iterator[tuple[str, str, str, bool]]:
    key = settings.SECRET_KEY
    guessable = len(key) < _SHORTEST_SECRET or len(set(key)) < 10 or "insecure" in key
    yield "The signing key of sessions", "PARALLAX_SECRET_KEY", "parallax.E001", guessable
    databases: Any = settings.DATABASES
    database = databases["default"]
    if "sqlite" not in database["ENGINE"]:
        local = not database.get("HOST")  # a socket of this machine: who may use it is decided there
        password = database.get("PASSWORD", "")
        yield "The database's password", "PARALLAX_DATABASE_URL", "parallax.E002", not local and _known(password)
    stores: Any = settings.STORAGES
    bucket = stores["archive"].get("OPTIONS", {})
    if bucket.get("access_key"):
        yield "The bucket's secret", "PARALLAX_S3_SECRET_KEY", "parallax.E003", _known(bucket.get("secret_key") or "")
    broker = urlsplit(settings.CELERY_BROKER_URL)
    away = broker.hostname not in (None, "localhost", "127.0.0.1", "::1")
    yield "The broker's password", "PARALLAX_BROKER_URL", "parallax.E004", away and _known(broker.password or "")


def _known(secret: str) -> bool:
    return secret.casefold() in _KNOWN_SECRETS


@register(TAG, deploy=True)
def keys_are_reachable(app_configs: Any, **_: object) -> list[CheckMessage]:
    """The folder of keys is there, for its owner alone, and every key in it can be read."""
    folder = Path(settings.KEYS_DIR)
    where = (
        "Restore it from its back-up, or set PARALLAX_KEYS_DIR; manage.py add_administrator makes that of a new one."
    )
    if not folder.is_dir():
        return [Error("The folder of secret keys is not there.", hint=where, id="parallax.E010")]
    found: list[CheckMessage] = []
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        found.append(
            Warning("Others than its owner may look into the folder of keys.", hint="chmod 0700", id="parallax.W011")
        )
    for path in sorted(folder.rglob("*.key")):
        name = path.relative_to(folder)
        try:
            keys.of_file(path)
            open_to_others = stat.S_IMODE(path.stat().st_mode) & 0o077
        except (OSError, ValueError):
            found.append(Error(f"The key {name} cannot be read.", hint="Restore it.", id="parallax.E012"))
            continue
        if open_to_others:
            found.append(
                Error(f"Others than its owner may read the key {name}.", hint="chmod 0600", id="parallax.E013")
            )
    return found


@register(TAG, deploy=True)
def people_are_proven(app_configs: Any, **_: object) -> list[CheckMessage]:
    """Whoever sees images or results has a second factor, sessions end, and passwords are long enough."""
    found: list[CheckMessage] = []
    if settings.SECOND_FACTOR != "required":
        hint = "Leave PARALLAX_SECOND_FACTOR out, or set it to required."
        found.append(Error("People may see images and results by a password alone.", hint=hint, id="parallax.E020"))
    if not 0 < settings.SESSION_COOKIE_AGE <= 30 * 60:
        found.append(Error("An idle session lasts longer than half an hour.", id="parallax.E021"))
    if not getattr(settings, "AXES_ENABLED", True) or not 0 < settings.AXES_FAILURE_LIMIT <= 10:
        found.append(Error("Failed sign-ins do not pause anybody.", id="parallax.E022"))
    return found


@register(TAG, deploy=True)
def ways_are_encrypted(app_configs: Any, **_: object) -> list[CheckMessage]:
    """Pages are reached by TLS alone, by names that are theirs, and cookies follow them nowhere else."""
    found: list[CheckMessage] = []
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        hint = "Set PARALLAX_PUBLIC_URL to where people reach this installation."
        found.append(Error("The public address does not begin with https.", hint=hint, id="parallax.E030"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Error("Every host name is allowed.", hint="Set PARALLAX_ALLOWED_HOSTS.", id="parallax.E031"))
    cookies = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY")
    found += [
        Error(f"{name} is off.", hint="Start with config.settings.production.", id="parallax.E032")
        for name in cookies
        if not getattr(settings, name)
    ]
    if settings.EMAIL_HOST and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        found.append(Warning("Mails leave without encryption.", hint="PARALLAX_SMTP_STARTTLS=1", id="parallax.W033"))
    return found


@register(TAG, deploy=True)
def nothing_is_for_trying_out(app_configs: Any, **_: object) -> list[CheckMessage]:
    """Nothing is switched on that tests and demonstrations need, and alerts reach somebody."""
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG is on: pages of errors show the inside.", id="parallax.E040"))
    if settings.FAULTS or settings.JOBS_INLINE:
        found.append(Error("A setting of the tests is on (FAULTS, JOBS_INLINE).", id="parallax.E041"))
    if settings.DICOM_CALL_LOCAL:
        hint = "Leave PARALLAX_DICOM_CALL_LOCAL out."
        found.append(Warning("Scanners may be called at addresses of this machine.", hint=hint, id="parallax.W042"))
    if not settings.EMAIL_HOST:
        hint = "Set PARALLAX_SMTP_HOST: alerts of misuse and of a damaged trail go by mail."
        found.append(Warning("No mail leaves this installation.", hint=hint, id="parallax.W043"))
    return found


@register(TAG, deploy=True)
def bytes_stay_inside(app_configs: Any, **_: object) -> list[CheckMessage]:
    """No other account of the machine may look into the stores."""
    found: list[CheckMessage] = []
    stores: Any = settings.STORAGES
    for alias in (storage.QUARANTINE, storage.ARCHIVE, storage.EXPORTS):
        folder = Path(stores[alias]["OPTIONS"].get("location", ""))
        if folder.is_absolute() and folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o002:
            hint = "Take the right to write from others (chmod o-w)."
            found.append(Error(f"Everybody on this machine may write to the {alias}.", hint=hint, id="parallax.E050"))
    return found


def standing_in_the_way() -> Sequence[CheckMessage]:
    """Return the errors with which an installation must not be started in production."""
    return [message for message in run_checks(tags=[TAG], include_deployment_checks=True) if message.level >= 40]
