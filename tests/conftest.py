"""What every room's tests share: peers that may be absent."""

from __future__ import annotations

import pytest

from tests.support.tools import absent, skip_or_fail


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `requires_tool` before fixtures run, so that none starts a peer that is not there."""
    for marker in item.iter_markers("requires_tool"):
        skip_or_fail(absent(marker.args))
