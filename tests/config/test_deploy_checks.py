"""`manage.py check --deploy`: clean as production is meant, an error for what must not be, and no start with one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as configured
from django.core.management import call_command
from django.core.management.base import CommandError

from compliance import keys
from config import checks

pytestmark = [pytest.mark.one_database, pytest.mark.requirement("REQ-OPS-001")]

SECRET = "kZ8vQ2mX5nB7cR4tY6uI9oP1aS3dF0gHjKlZxCvBnMqWeRtYuIoP"


@pytest.fixture
def safe(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """An installation as it is meant to face the world."""
    settings.SECRET_KEY = SECRET
    settings.KEYS_DIR = tmp_path / "keys"
    keys.create("PLX-1")
    settings.SECOND_FACTOR = "required"
    settings.PUBLIC_URL = "https://lab.example.org"
    settings.ALLOWED_HOSTS = ["lab.example.org"]
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.AXES_ENABLED = True
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "mail.example.org", True
    settings.DEBUG = settings.JOBS_INLINE = settings.FAULTS = settings.DICOM_CALL_LOCAL = False
    settings.CELERY_BROKER_URL = "redis://:a-long-random-word@broker.example.org/0"
    monkeypatch.setitem(settings.DATABASES, "default", database("a-long-random-word"))
    return settings


def database(password: str, host: str = "db.example.org") -> dict[str, Any]:
    return {
        **configured.DATABASES["default"],
        "ENGINE": "compliance.engines.postgresql",
        "HOST": host,
        "PASSWORD": password,
    }


def found() -> list[str]:
    ids = [message.id or "" for message in checks.run_checks(tags=[checks.TAG], include_deployment_checks=True)]
    return sorted(ids)


def test_nothing_is_said_of_an_installation_as_it_is_meant(safe: LazySettings) -> None:
    assert found() == []
    assert checks.standing_in_the_way() == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "django-insecure-" + SECRET, "parallax.E001"),
        ("SECRET_KEY", "short", "parallax.E001"),
        ("SECRET_KEY", "a" * 60, "parallax.E001"),
        ("CELERY_BROKER_URL", "amqp://guest:guest@broker.example.org", "parallax.E004"),
        ("SECOND_FACTOR", "optional", "parallax.E020"),
        ("SESSION_COOKIE_AGE", 14 * 24 * 3600, "parallax.E021"),
        ("AXES_ENABLED", False, "parallax.E022"),
        ("AXES_FAILURE_LIMIT", 1000, "parallax.E022"),
        ("PUBLIC_URL", "http://lab.example.org", "parallax.E030"),
        ("ALLOWED_HOSTS", ["*"], "parallax.E031"),
        ("SESSION_COOKIE_SECURE", False, "parallax.E032"),
        ("CSRF_COOKIE_SECURE", False, "parallax.E032"),
        ("SESSION_COOKIE_HTTPONLY", False, "parallax.E032"),
        ("EMAIL_USE_TLS", False, "parallax.W033"),
        ("DEBUG", True, "parallax.E040"),
        ("FAULTS", True, "parallax.E041"),
        ("JOBS_INLINE", True, "parallax.E041"),
        ("DICOM_CALL_LOCAL", True, "parallax.W042"),
        ("EMAIL_HOST", "", "parallax.W043"),
    ],
)
def test_each_thing_that_must_not_be_is_named(safe: LazySettings, name: str, value: Any, said: str) -> None:
    setattr(safe, name, value)
    assert found() == [said]


@pytest.mark.parametrize("password", ["", "postgres", "Parallax"])
def test_a_database_password_that_everybody_knows_is_named(
    safe: LazySettings, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setitem(safe.DATABASES, "default", database(password))
    assert found() == ["parallax.E002"]


def test_a_database_or_broker_of_this_machine_may_do_without_a_password(
    safe: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(safe.DATABASES, "default", database("", host=""))
    safe.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    assert found() == []


def test_a_buckets_secret_that_everybody_knows_is_named(safe: LazySettings) -> None:
    options = {"access_key": "minioadmin", "secret_key": "minioadmin"}
    safe.STORAGES = {**safe.STORAGES, "archive": {"BACKEND": "compliance.buckets.BucketStorage", "OPTIONS": options}}
    assert found() == ["parallax.E003"]


def test_keys_that_are_not_there_or_open_to_others_are_named(safe: LazySettings, tmp_path: Path) -> None:
    folder, key = Path(safe.KEYS_DIR), Path(safe.KEYS_DIR) / "PLX-1.key"
    key.chmod(0o644)
    assert found() == ["parallax.E013"]
    key.write_text("")
    key.chmod(0o600)
    assert found() == ["parallax.E012"]
    folder.chmod(0o755)
    assert found() == ["parallax.E012", "parallax.W011"]
    safe.KEYS_DIR = tmp_path / "nowhere"
    assert found() == ["parallax.E010"]


def test_the_folders_of_keys_are_for_their_owner_alone_whichever_key_comes_first(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.KEYS_DIR = tmp_path / "keys"
    keys.create_for_audit(1)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "keys", tmp_path / "keys/audit")] == [
        0o700
    ] * 2


def test_a_store_that_everybody_may_write_to_is_named(safe: LazySettings, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    store = {"BACKEND": "compliance.storage.WriteOnceStorage", "OPTIONS": {"location": archive}}
    safe.STORAGES = {**safe.STORAGES, "archive": store}
    assert found() == ["parallax.E050"]


def test_nothing_is_started_in_production_while_an_error_stands(safe: LazySettings) -> None:
    safe.PRODUCTION, safe.SECOND_FACTOR = True, "optional"
    with pytest.raises(CommandError, match=r"by a password alone.*parallax\.E020"):
        call_command("serve")


def environment(tmp_path: Path, **changed: str) -> dict[str, str]:
    """The environment of a production installation, with keys of its own."""
    audit = tmp_path / "keys" / "audit"
    if not audit.exists():
        audit.mkdir(parents=True, mode=0o700)
        (tmp_path / "keys").chmod(0o700)
        (audit / "1.key").write_text("ab" * 32)
        (audit / "1.key").chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARALLAX_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "PARALLAX_DATA_DIR": str(tmp_path),
        "PARALLAX_SECRET_KEY": SECRET,
        "PARALLAX_DATABASE_URL": "postgresql://parallax:a-long-random-word@db.example.org/parallax",
        "PARALLAX_BROKER_URL": "redis://:a-long-random-word@broker.example.org/0",
        "PARALLAX_ALLOWED_HOSTS": "lab.example.org",
        "PARALLAX_PUBLIC_URL": "https://lab.example.org",
        "PARALLAX_SMTP_HOST": "mail.example.org",
        **changed,
    }


def deploy(tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, env=environment(tmp_path, **changed), cwd=configured.ROOT, capture_output=True, text=True, check=False
    )


def test_with_the_settings_of_production_it_is_clean(tmp_path: Path) -> None:
    done = deploy(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def test_without_a_secret_of_its_own_production_does_not_begin(tmp_path: Path) -> None:
    done = deploy(tmp_path, PARALLAX_SECRET_KEY="")
    assert done.returncode == 1
    assert "Set PARALLAX_SECRET_KEY" in done.stderr
