"""What acceptance tests share: the application as its users have it, in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.acceptance.walk import GIVEN
from tests.support.browser import launched_chromium
from tests.support.installation import ROOT, Installation, installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A fresh installation for the tests of one module, not yet started."""
    with installed(tmp_path_factory.mktemp("installation")) as one:
        yield one


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of everybody in a module."""
    with launched_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def new_house(installation: Installation) -> Installation:
    """A running installation with nothing in it but the account of an administrator, ada."""
    installation.data_dir.mkdir(parents=True, exist_ok=True)
    installation.manage("migrate", "--verbosity", "0")
    add = [sys.executable, "manage.py", "add_administrator", "ada", "--name", "Ada Admiraal"]
    subprocess.run(add, cwd=ROOT, env=installation.environment, input=f"{GIVEN}\n", text=True, check=True)
    installation.start()
    return installation
