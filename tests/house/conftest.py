"""What tests of the whole house share."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from tests.house.crowd import Crowd, make_crowd


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Both trials, made once; the whole module runs in one transaction that is rolled back."""
    disk = tmp_path_factory.mktemp("disk")
    stores = copy.deepcopy(settings.STORAGES)
    for alias in ("quarantine", "archive", "exports"):
        stores[alias]["OPTIONS"]["location"] = str(disk / alias)
    places: dict[str, Any] = {
        "DATA_DIR": disk,
        "SPOOL_DIR": disk / "spool",
        "UPLOAD_DIR": disk / "uploads",
        "KEYS_DIR": disk / "keys",
        "STORAGES": stores,
    }
    # A session in its cookie costs no row, and a sign-out that is rolled back is undone by the cookie kept.
    places["SESSION_COOKIE_AGE"] = 8 * 3600  # a slow machine crawls for longer than an idle session lasts
    places["SESSION_ENGINE"] = "django.contrib.sessions.backends.signed_cookies"
    with django_db_blocker.unblock(), override_settings(**places), transaction.atomic():
        yield make_crowd()
        transaction.set_rollback(True)
