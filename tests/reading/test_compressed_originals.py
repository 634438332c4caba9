"""However an original is compressed, the browser of a reader holds and shows the values that pydicom finds in it."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from numpy.typing import NDArray
from playwright.sync_api import Page, expect
from pydicom import dcmread

from imaging.dicom.rendering import Window
from reading import blinding
from reading.services.assessing import open_task
from tests.reading.compressed_originals import originals, values_of
from tests.reading.conftest import AT, World
from tests.support.browser import PATIENCE, browsing, launched_chromium
from trials.models import Subject

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.requires_tool("chromium", "ojph_compress"),
    pytest.mark.requirement("REQ-REA-015"),
]

#: Shows a picture in the viewport, made as large as the picture is, so that a pixel of the one is one of the other.
GO = """([key, slice, columns, rows]) => {
  const root = document.querySelector("[data-stack]"), place = root.querySelector("[data-view] [data-picture]");
  Object.assign(place.style, {position: "absolute", inset: "auto", width: `${columns}px`, height: `${rows}px`});
  root.stage.go(key, slice);
}"""
#: What the viewer's library holds of the picture, and what is on its canvas; null until both are there.
SHOWN = """async ([key, slice, columns, rows]) => {
  const root = document.querySelector("[data-stack]"), {stage} = root, here = stage.here();
  const canvas = root.querySelector("[data-view] [data-picture] canvas");
  if (here?.series !== key || here.slice !== slice || canvas.width !== columns || canvas.height !== rows) return null;
  const viewer = document.querySelector("script[src*='viewer/viewer.js']").src;
  const {cache} = await import(new URL("vendor.js", viewer).href);
  const written = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  };
  const held = cache.getImage(`px:${key}/${slice}`).voxelManager.getScalarData();
  const seen = canvas.getContext("2d").getImageData(0, 0, columns, rows).data;
  return {kind: held.constructor.name, held: written(held), seen: written(seen)};
}"""
KINDS = {"Uint8Array": "u1", "Uint16Array": "<u2", "Int16Array": "<i2", "Float32Array": "<f4"}


@pytest.fixture
def page(live_server: Any, world: World, subject: Subject) -> Iterator[tuple[Page, dict[str, tuple[str, bytes]]]]:
    """The page of a read whose timepoint holds every original as a series, and each with its key in that read."""
    files = originals()
    timepoint = world.timepoint("BL")
    series = {world.receive(timepoint, files=[content]).pk: name for name, content in files.items()}
    world.clear("BL")
    task = world.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)
    names = blinding.names.Keys(world.trial, task.blinded_code)
    kept = timepoint.imaging_studies.values_list("series__pk", "series__series_instance_uid")
    keys = {series[pk]: (names.of(uid), files[series[pk]]) for pk, uid in kept if pk in series}
    client = Client()
    client.force_login(task.reader)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    with launched_chromium() as browser, browsing(browser, base_url=live_server.url) as context:
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(reverse("reading:task", args=(task.blinded_code,)))
        expect(page.locator("[data-stack][data-ready]")).to_be_attached()
        yield page, keys


def shades_of(values: NDArray[Any], window: Window, *, inverted: bool) -> NDArray[np.int_]:
    """What is to be seen of values in a window: (rows, columns, 3)."""
    if values.ndim == 3:
        return values.astype(int)
    shades = window.apply(values).astype(int)
    return np.repeat((255 - shades if inverted else shades)[..., None], 3, axis=2)


def fault_of(page: Page, key: str, frame: int, values: NDArray[Any], shades: NDArray[np.int_]) -> str:
    """Wait until the browser holds these values and shows these shades; return in what it differs at last."""
    rows, columns = values.shape[:2]
    place = [key, frame, columns, rows]
    fault, patience = "is not shown", time.monotonic() + PATIENCE / 1000
    page.evaluate(GO, place)
    while time.monotonic() < patience:
        if said := page.evaluate(SHOWN, place):
            held = np.frombuffer(base64.b64decode(said["held"]), KINDS[said["kind"]]).reshape(values.shape)
            seen = np.frombuffer(base64.b64decode(said["seen"]), "u1").reshape(rows, columns, 4)[..., :3]
            # The values are exact; of a shade the graphics card may round a half up or down.
            off = np.abs(seen.astype(int) - shades).max()
            if np.array_equal(held, values) and off <= 1:
                return ""
            fault = f"{(held != values).sum()} values are others; shades are off by {off}"
        page.wait_for_timeout(50)
    return fault


def test_what_the_browser_holds_and_shows_is_what_pydicom_finds(
    page: tuple[Page, dict[str, tuple[str, bytes]]],
) -> None:
    opened, keys = page
    first = opened.evaluate("document.querySelector('[data-stack]').stage.manifest.presets[0]")
    window = Window(first["centre"], first["width"])
    faults = {}
    for name, (key, content) in keys.items():
        header = dcmread(io.BytesIO(content), stop_before_pixels=True)
        inverted = header.PhotometricInterpretation == "MONOCHROME1"
        for frame in range(1, int(header.get("NumberOfFrames") or 1) + 1):
            values = values_of(content, frame - 1)
            if fault := fault_of(opened, key, frame, values, shades_of(values, window, inverted=inverted)):
                faults[f"{name}, frame {frame}"] = fault
    assert len(keys) == len(originals())
    assert faults == {}
