"""What tests of the exports share."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.reading.exports import sealed


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    """The file as it is shipped, loaded."""
    return sealed.verifier()
