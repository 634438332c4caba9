"""Findings as people read them: what is wrong, how grave it is, the numbers, and the slice that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from imaging.models import QcReview, Series
from tests.factories import World, make_world, slice_of
from tests.factories.scans import encoded
from tests.imaging.services.delivery import by_scanner


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world()


def blank_at(third: int, count: int) -> list[bytes]:
    """A scan of a body in air, with one slice that shows nothing."""
    files = []
    for number in range(1, count + 1):
        picture = np.full((32, 32), 24, "<u2")
        if number != third:
            picture[8:24, 8 : 20 + number] = 1060 + number
        changes = {"Rows": 32, "Columns": 32, "PixelData": picture.tobytes(), "PixelSpacing": [8, 8]}
        files.append(encoded(slice_of(number, ClinicalTrialSubjectID="N-001", **changes)))
    return files


def test_a_finding_leads_to_its_slice(world: World) -> None:
    by_scanner(world, blank_at(3, 5))
    client, series = Client(), Series.objects.get()
    client.force_login(world.analyst, backend="django.contrib.auth.backends.ModelBackend")

    page = client.get(reverse("imaging:review", args=[QcReview.objects.latest("pk").pk])).content.decode()

    said = page[page.index("1 of 5 slices show nothing") :]
    frame = reverse("imaging:series_frame", args=[series.pk, 3])
    assert re.search(rf'<a href="{frame}" data-go="{series.pk}" data-slice="3">Show slice 3</a>', said)
    assert client.get(frame)["Content-Type"] == "image/png"
