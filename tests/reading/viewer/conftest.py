"""A reader at the read page in a real browser, with stacks that lie in the patient."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pydicom
import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page, Request, expect

from compliance import storage
from compliance.models import User
from imaging.models import Instance
from reading.models import ReadTask
from tests.reading.conftest import World, a_picture
from tests.support.browser import DESKTOP, PATIENCE, browsing, launched_chromium, until

SLICES, SIZE, SPACING, INTERVAL = 12, 64, 2.0, 5.0
#: A bright square of 32 × 16 mm (columns × rows) on every slice, from this column and row on.
LEFT, TOP, WIDE, HIGH = 20, 24, 16, 8

Opener = Callable[..., Any]


def placed(n: int) -> bytes:
    """Slice `n` (from 0): 50 HU plus its number, and in it a square of 100 HU more."""
    dataset = pydicom.dcmread(io.BytesIO(a_picture()))
    values = np.full((SIZE, SIZE), 50 + n, np.int16)
    values[TOP : TOP + HIGH, LEFT : LEFT + WIDE] += 100
    dataset.Rows = dataset.Columns = SIZE
    dataset.Modality, dataset.FrameOfReferenceUID = "CT", "2.25.9"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [-64.0, -64.0, -30.0 + INTERVAL * n]
    dataset.PixelSpacing = [SPACING, SPACING]
    dataset.PixelData = values.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def put_in_place(world: World, code: str) -> None:
    """Give the pictures of a timepoint a place in the patient."""
    pictures = Instance.objects.filter(series__imaging_study__timepoint=world.timepoint(code)).order_by("number")
    for n, picture in enumerate(pictures):
        key = f"{picture.archive_key}.placed"
        Instance.objects.filter(pk=picture.pk).update(
            archive_key=key,
            sha256=storage.put(storage.ARCHIVE, key, placed(n)),
            rows=SIZE,
            columns=SIZE,
            position_mm=-30.0 + INTERVAL * n,
        )


@pytest.fixture
def task(world: World, subject: object) -> ReadTask:
    """A baseline read with a stack of twelve slices."""
    world.clear("BL", slices=SLICES)
    put_in_place(world, "BL")
    return world.task("BL", 1)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


@pytest.fixture
def visited(chromium: Browser, live_server: Any) -> Iterator[Opener]:
    """Open a page as a person and wait for the first picture; complaints of the page fail the test."""
    complaints: list[str] = []

    @contextmanager
    def visiting(person: User, path: str, viewport: tuple[int, int] = DESKTOP, script: str = "") -> Iterator[Page]:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        with browsing(chromium, base_url=live_server.url, viewport=viewport) as context:
            cookie = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            context.add_init_script(script)
            page = context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda problem: complaints.append(str(problem)))
            under_way: set[Request] = set()
            page.on("request", lambda request: under_way.add(request))
            page.on("requestfinished", lambda request: under_way.discard(request))
            page.on("requestfailed", lambda request: under_way.discard(request))
            page.goto(path)
            expect(stage(page)).to_have_attribute("data-ready", "")
            yield page
            all_loaded(page)
            # A page that goes with a draft unsaved sends it on its way out, where it would meet the next test.
            until(page, "() => !/Not saved yet|Saving/.test(document.querySelector('[data-saved]')?.textContent ?? '')")
            at_rest(page, under_way)
        connection.close()  # while Playwright's loop runs, this thread has a connection of its own

    yield visiting
    assert not complaints


@pytest.fixture
def opened(visited: Opener) -> Opener:
    """Open a task's page as its reader; as `visited`."""

    def opening(task: ReadTask, **more: Any) -> Any:
        return visited(task.reader, f"/reading/tasks/{task.blinded_code}/", **more)

    return opening


def all_loaded(page: Page) -> None:
    """Wait until all pictures are there that the page wants to hold."""
    expect(stage(page)).to_have_attribute("data-loaded", re.compile(r"^(\d+)/\1$"))


def at_rest(page: Page, under_way: set[Request]) -> None:
    """Wait until nothing is under way for a while: what a page that is gone asks for would meet the next test."""
    patience, quiet = time.monotonic() + PATIENCE / 1000, 0
    while quiet < 5:
        page.wait_for_timeout(100)
        quiet = 0 if under_way else quiet + 1
        assert time.monotonic() < patience, [request.url for request in under_way]


def stage(page: Page) -> Any:
    """The image stage of a page."""
    return page.locator("[data-stack]")


def middle(page: Page, column: float, row: float) -> tuple[float, float]:
    """Where a pixel (its centre, from 0) lies on the screen in the one viewport that is shown."""
    box = page.locator("[data-view]:visible [data-picture]").bounding_box()
    assert box
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    return left + (column + 0.5) * side / SIZE, top + (row + 0.5) * side / SIZE


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], button: Any = "left") -> None:
    """Press, move and let go."""
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up(button=button)
