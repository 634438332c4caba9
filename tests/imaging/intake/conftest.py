"""What the tests of the doors share."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from imaging.intake.dimse import association, callers, stock

OURS, STOCK = "our path", "pynetdicom alone"


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often the receiver rang for the index."""
    rings: list[bool] = []
    for path in (association, stock):
        monkeypatch.setattr(path, "ring_index", lambda: rings.append(True))
    return rings


@pytest.fixture(params=[OURS, STOCK])
def data_path(
    request: pytest.FixtureRequest, settings: LazySettings, rung: list[bool], monkeypatch: pytest.MonkeyPatch
) -> str:
    """Both ways in for DICOM, one after the other; `dimse.start` takes the one that is set."""
    settings.DICOM_FAST = request.param == OURS
    # Each test is the first of its minute in which a stranger calls.
    monkeypatch.setattr(callers, "_refusals", callers._Refusals())
    return str(request.param)
