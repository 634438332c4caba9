"""Whose scans a timepoint's are compared with: the subject's own before it, and the latest of the site's others."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from imaging.models import Fingerprint, Series
from imaging.quality import SeriesFacts
from imaging.quality.pixels import BINS
from imaging.services.resembling import resemblances_of
from tests.factories import World, scan
from tests.imaging.services.delivery import by_scanner


def looks(seed: int) -> bytes:
    """The fingerprint of somebody."""
    lines = np.random.Generator(np.random.PCG64(seed)).integers(0, 255, (100, 2 * BINS), np.uint8)
    return zlib.compress(lines.tobytes())


def arrive(world: World, subject: str, *, day: int, seed: int, number: int) -> Series:
    """A scan comes, of somebody who looks like that."""
    by_scanner(world, scan(subject, slices=1, day=day, scan_number=number))
    series = Series.objects.latest("pk")
    Fingerprint.objects.create(series=series, content=looks(seed))
    return series


def test_the_scan_before_and_the_latest_of_other_subjects_count(world: World) -> None:
    label = arrive(world, "N-001", day=-5, seed=1, number=1).label
    arrive(world, "N-002", day=-5, seed=2, number=2)
    arrive(world, "N-002", day=57, seed=3, number=3)
    arrive(world, "N-001", day=57, seed=4, number=4)
    scan_of_another = {label: SeriesFacts("1.2", "CT", fingerprint=looks(3))}

    found = resemblances_of(world.timepoint("N-001", "W8"), scan_of_another)[label]
    assert found.others == {"N-002": pytest.approx(1.0)}
    assert found.own < 0.5


def test_nothing_is_said_of_a_first_scan(world: World) -> None:
    label = arrive(world, "N-002", day=-5, seed=2, number=1).label
    first = {label: SeriesFacts("1.2", "CT", fingerprint=looks(2))}
    assert resemblances_of(world.timepoint("N-001", "BL"), first) == {}


def test_a_check_keeps_what_a_series_looks_like(world: World) -> None:
    picture = np.full((32, 32), 24, "<u2")
    picture[8:24, 8:24] = 1400
    sent = scan("N-001", slices=26, Rows=32, Columns=32, PixelData=picture.tobytes(), PixelSpacing=[8, 8])
    by_scanner(world, sent)

    kept = Fingerprint.objects.get()
    assert kept.series.label
    assert len(zlib.decompress(kept.content)) % (2 * BINS) == 0
    assert "fingerprint" not in kept.series.facts
