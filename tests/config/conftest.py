"""What the tests of accounts share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.config.scene import AT, Scene, enrol
from tests.support.authenticators import ORIGIN


@pytest.fixture
def scene(db: None, time_machine: Any, settings: Any, tmp_path: Path) -> Scene:
    """Ada and Bob, an installation with a name, and failures that count."""
    settings.PUBLIC_URL, settings.AXES_ENABLED, settings.KEYS_DIR = ORIGIN, True, tmp_path
    time_machine.move_to(AT, tick=False)
    return Scene(enrol("ada", AT), enrol("bob", AT), time_machine)
