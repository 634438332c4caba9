"""When a delivery counts as paused: a check of half a series would alarm everybody."""

from __future__ import annotations

import datetime as dt

import pytest

from imaging.services.checking import pause_after
from tests.factories import AT


@pytest.mark.parametrize(
    ("waits", "pause"),
    [
        pytest.param([0.01, 0.02, 0.01], 2.0, id="a fast line"),
        pytest.param([0.1, 0.8, 0.1], 2.4, id="as slow as its slowest image"),
        pytest.param([4.0, 4.0], 10.0, id="a very slow line"),
        pytest.param([], 2.0, id="a single image"),
    ],
)
def test_the_pause_follows_the_pace_of_the_line(waits: list[float], pause: float) -> None:
    times = [AT]
    for seconds in waits:
        times.append(times[-1] - dt.timedelta(seconds=seconds))
    assert pause_after(times).total_seconds() == pytest.approx(pause)
