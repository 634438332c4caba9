"""What the tests of the doors share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from imaging.intake import dimse
from imaging.intake.dimse import association, callers, stock
from tests.factories import World
from tests.imaging.intake.web import Browser
from tests.support.certificates import Certificate, make_certificate
from trials.models import Timepoint

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


@pytest.fixture
def port(world: World, data_path: str) -> Iterator[int]:
    """A receiver that listens, and its port; every test runs on both ways in."""
    server = dimse.start("127.0.0.1", 0)
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Certificate, Certificate]:
    """Ours, the northern scanner's, and somebody else's."""
    folder = tmp_path_factory.mktemp("tls")
    ours, north, other = (make_certificate(folder, name) for name in ("receiver", "north", "other"))
    return ours, north, other


@pytest.fixture
def baseline(world: World) -> Timepoint:
    """The baseline of a subject of the northern site."""
    return world.timepoint("N-001", "BL")


@pytest.fixture
def browser(world: World) -> Browser:
    """The northern coordinator's."""
    return Browser(world.coordinator)


@pytest.fixture
def transfer(browser: Browser, baseline: Timepoint) -> uuid.UUID:
    """A delivery that the coordinator just began."""
    return browser.begun(baseline)
