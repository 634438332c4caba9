"""Fixtures over `tests.factories`: a running trial on a disk of its own."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.factories import World, make_world


@pytest.fixture
def own_disk(settings: LazySettings, tmp_path: Path) -> Path:
    """A data folder for one test alone: spool, keys and stores."""
    settings.DATA_DIR = tmp_path
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.KEYS_DIR = tmp_path / "keys"
    settings.AUDIT_CHECKPOINTS_DIR = tmp_path / "checkpoints"
    stores = copy.deepcopy(settings.STORAGES)
    for alias in ("quarantine", "archive", "exports"):
        stores[alias]["OPTIONS"]["location"] = str(tmp_path / alias)
    settings.STORAGES = stores
    return tmp_path


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    """A running trial; see `tests.factories.make_world`."""
    return make_world()
