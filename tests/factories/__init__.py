"""A small trial made by the real services, and scans to send to it; shared by every room's tests."""

from __future__ import annotations

from tests.factories.scans import PLANTED, encoded, scan, slice_of
from tests.factories.world import AT, PASSWORD, SECRET, World, make_user, make_world
from tests.support import hands

# Benchmarks make their worlds outside pytest.
hands.let_tests_write()

__all__ = [
    "AT",
    "PASSWORD",
    "PLANTED",
    "SECRET",
    "World",
    "encoded",
    "make_user",
    "make_world",
    "scan",
    "slice_of",
]
