"""What acceptance tests share: the application as its users have it, in processes of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation, installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A fresh installation for the tests of one module, not yet started."""
    with installed(tmp_path_factory.mktemp("installation")) as one:
        yield one
