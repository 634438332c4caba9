"""How fast a reader has the pictures, beside OHIF fed by Orthanc: `python -m benchmarks.viewer` (`make bench`).

The same scans lie in both, and the same headless Chromium opens them in turns, with an empty cache each time: our read
page, signed in, with every look recorded; OHIF as its makers build it, on Orthanc's DICOMweb plugin without any
permission asked. Both draw with the same library in software. A time begins with the navigation and ends when a
viewport's canvas first holds a picture, or when the last of the slices has arrived; a ratio is the median of the ratios
of the rounds. OHIF comes from its npm package, once, into build/ohif.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.intake import installed_alone
from benchmarks.report import machine, needed, publish, version_of
from benchmarks.viewer_data import Scans, furnish_code, write_scans
from tests.support.browser import DESKTOP, FLAGS
from tests.support.installation import ROOT
from tests.support.orthanc import Orthanc, orthanc

OHIF = "3.13.2"
#: Wheel turns for a stack of slices there, and as many back.
TURNS = 60
#: Milliseconds that a page may take for anything.
PATIENCE = 180_000
#: Notes when a viewport first holds a picture: both viewers draw on canvases of this class. Blank is one shade.
WATCH = """
localStorage.setItem("shownTours", JSON.stringify(["basicViewerTour"]));  // OHIF's tour would lie over its pictures
performance.setResourceTimingBufferSize(10000);
window.first = 0;
const look = () => {
  for (const canvas of document.querySelectorAll("canvas.cornerstone-canvas")) {
    if (!canvas.width || !canvas.height) continue;
    const {data} = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1);
    for (let at = 4; at < data.length; at += 4)
      if (data[at] !== data[0]) { window.first = performance.now(); return; }
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
#: How many slices have arrived, and when the last did.
ARRIVED = """(part) => {
  const got = performance.getEntriesByType("resource")
    .filter(({name, responseEnd}) => name.includes(part) && responseEnd);
  return [new Set(got.map(({name}) => name)).size, Math.max(0, ...got.map(({responseEnd}) => responseEnd))];
}"""
#: Milliseconds between the frames of a page while its wheel turns.
FRAMES = """() => {
  window.gaps = [];
  let last = performance.now();
  const next = (now) => { window.gaps.push(now - last); last = now; window.watching = requestAnimationFrame(next); };
  window.watching = requestAnimationFrame(next);
}"""
GAPS = "() => { cancelAnimationFrame(window.watching); return window.gaps.slice(1); }"
HELD = """async () => {
  const viewer = document.querySelector("script[src*='viewer/viewer.js']").src;
  const {cache} = await import(new URL("vendor.js", viewer).href);
  return [cache.getCacheSize(), cache.getMaxCacheSize()];
}"""


@dataclass
class Viewer:
    """A viewer under measurement: where it shows the two stacks, and what an address of a slice has in it."""

    name: str
    address: str
    slices_at: str
    browser: Browser
    cookies: Sequence[dict[str, str]] = ()
    first_ms: list[float] = field(default_factory=list)
    all_ms: list[float] = field(default_factory=list)
    slowest_ms: list[float] = field(default_factory=list)

    @contextmanager
    def opened(self) -> Iterator[Page]:
        """The page in a browser that has nothing of it yet, when a picture is on it."""
        width, height = DESKTOP
        context = self.browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        context.add_cookies(list(self.cookies))  # type: ignore[arg-type]
        try:
            page = context.new_page()
            page.goto(self.address)
            _until(page, lambda: page.evaluate("window.first"), f"{self.name} shows nothing")
            yield page
        finally:
            context.close()

    def measure(self, slices: int) -> None:
        """One round: until the first picture, until all slices are there, and the frames while the wheel turns."""
        with self.opened() as page:
            self.first_ms.append(page.evaluate("window.first"))
            _until(
                page,
                lambda: page.evaluate(ARRIVED, self.slices_at)[0] >= slices,
                f"{self.name} fetches not all slices",
            )
            self.all_ms.append(page.evaluate(ARRIVED, self.slices_at)[1])
            self.slowest_ms.append(max(self._turn(page)))

    def _turn(self, page: Page) -> list[float]:
        box = page.locator("canvas.cornerstone-canvas").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(500)
        page.evaluate(FRAMES)
        for way in (1, -1):
            for _ in range(TURNS):
                page.mouse.wheel(0, 100 * way)
        return [float(gap) for gap in page.evaluate(GAPS)]


def _until(page: Page, there: Any, complaint: str) -> None:
    # `wait_for_function` needs what our policy forbids.
    patience = time.monotonic() + PATIENCE / 1000
    while not there():
        if time.monotonic() > patience:
            raise SystemExit(f"{complaint}: {page.url}")
        page.wait_for_timeout(20)


# --- OHIF ------------------------------------------------------------------------------------------------------------


def ohif_files() -> Path:
    """Return the folder of OHIF as its makers build it; the npm package is fetched once."""
    folder = ROOT / "build" / "ohif"
    if not (folder / "dist" / "index.html").exists():
        folder.mkdir(parents=True, exist_ok=True)
        path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
        packed = f"@ohif/app@{OHIF}"
        subprocess.run(["npm", "pack", packed, "--silent"], cwd=folder, env=os.environ | {"PATH": path}, check=True)
        (archive,) = folder.glob("*.tgz")
        unpack = ["tar", "-xzf", archive.name, "--strip-components=1", "--exclude=*.map", "package/dist"]
        subprocess.run(unpack, cwd=folder, check=True)
        archive.unlink()
    return folder / "dist"


class _Site(SimpleHTTPRequestHandler):
    """OHIF's files at the root; an address of its own gives its page."""

    def __init__(self, *arguments: Any, config: bytes, **named: Any) -> None:
        self.config = config
        super().__init__(*arguments, **named)

    def do_GET(self) -> None:
        if self.path.startswith("/app-config.js"):
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", str(len(self.config)))
            self.end_headers()
            self.wfile.write(self.config)
            return
        if not Path(self.translate_path(self.path)).is_file():
            self.path = "/index.html"
        super().do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def ohif(server: Orthanc) -> Iterator[str]:
    """Its site on a port of its own, told of an Orthanc; return the address."""
    root = f"http://127.0.0.1:{server.http_port}/dicom-web"
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "dicomweb",
        "configuration": {
            "friendlyName": "Orthanc",
            "name": "orthanc",
            **dict.fromkeys(("wadoUriRoot", "qidoRoot", "wadoRoot"), root),
            "qidoSupportsIncludeField": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": False,
            "supportsWildcard": True,
        },
    }
    config = {
        "routerBasename": "/",
        "extensions": [],
        "modes": [],
        "showStudyList": True,
        "investigationalUseDialog": {"option": "never"},
        "disableConfirmationPrompts": True,
        "maxNumberOfWebWorkers": 3,
        "maxNumRequests": {"interaction": 100, "thumbnail": 75, "prefetch": 25},
        "defaultDataSourceName": "dicomweb",
        "dataSources": [source],
    }
    said = f"window.config = {json.dumps(config)};".encode()
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Site, config=said, directory=str(ohif_files())))
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_port}"
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


# --- all -------------------------------------------------------------------------------------------------------------


def measure(slices: int, rounds: int, long: int) -> list[str]:
    """Run both and return the report's lines."""
    lines = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        play = stack.enter_context(sync_playwright())
        # OHIF and its archive are two origins, and Orthanc does not say that the one may ask the other.
        both = [
            stack.enter_context(play.chromium.launch(executable_path=needed("chromium"), args=[*FLAGS, *more]))
            for more in ([], ["--disable-web-security"])
        ]
        scans = write_scans(folder / "scans", timepoints=2, slices=slices)
        with ExitStack() as pair:
            mine = pair.enter_context(_ours(folder / "ours", scans, both[0]))
            peer = pair.enter_context(_theirs(folder / "peer", scans, both[1]))
            for viewer in [mine, peer] * rounds:
                viewer.measure(2 * slices)
        lines += _table([peer, mine], slices)
        if long:
            shutil.rmtree(folder / "ours")
            scans = write_scans(folder / "long", timepoints=4, slices=long)
            with _ours(folder / "ours", scans, both[0]) as mine:
                lines += ["", _memory(mine, long)]
    return lines


@contextmanager
def _ours(folder: Path, scans: Scans, browser: Browser) -> Iterator[Viewer]:
    """Our web server with a read of the last scan, the one before it beside it."""
    with installed_alone(folder) as installation:
        code, session = installation.make_world(furnish_code(scans), timeout=1800)
        installation.start(only="web")
        cookie = {"name": "sessionid", "value": session, "url": installation.address}
        address = f"{installation.address}/reading/tasks/{code}/"
        yield Viewer("Parallax", address, "/pixels", browser, [cookie])


@contextmanager
def _theirs(folder: Path, scans: Scans, browser: Browser) -> Iterator[Viewer]:
    """OHIF on an Orthanc that holds the scans as two studies of one patient, set side by side."""
    with orthanc(folder, Plugins=[needed("OrthancDicomWeb")]) as server:
        for scan in scans.files:
            for path in scan:
                server.ask("POST", "/instances", path.read_bytes())
        with ohif(server) as address:
            query = "&".join(f"StudyInstanceUIDs={uid}" for uid in reversed(scans.studies))
            side_by_side = f"{address}/viewer?{query}&hangingprotocolId=@ohif/hpCompare"
            yield Viewer(f"OHIF {OHIF} on Orthanc", side_by_side, "/frames/", browser)


def _table(viewers: Sequence[Viewer], slices: int) -> list[str]:
    peer = viewers[0]
    lines = [
        f"| viewer | first picture, s | × OHIF | 2 × {slices} slices, s | × OHIF | slowest frame, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for viewer in viewers:
        cells = []
        for mine, theirs in ((viewer.first_ms, peer.first_ms), (viewer.all_ms, peer.all_ms)):
            ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
            cells += [f"{statistics.median(mine) / 1000:.2f}", f"{ratio:.2f}"]
        lines.append(f"| {viewer.name} | {' | '.join(cells)} | {statistics.median(viewer.slowest_ms):.0f} |")
    return lines


def _memory(viewer: Viewer, slices: int) -> str:
    """Go through every timepoint from end to end, and see what the viewer holds at most."""
    most = 0.0
    with viewer.opened() as page:
        stacks = page.evaluate(
            """() => document.querySelector("[data-stack]").stage.manifest.timepoints
              .flatMap(({series}) => series.map(({key, slices}) => [key, slices.length]))"""
        )
        for key, count in stacks:
            for n in range(1, count + 1, max(count // 40, 1)):
                page.evaluate("([key, n]) => document.querySelector('[data-stack]').stage.go(key, n)", [key, n])
                page.wait_for_timeout(50)
                held, limit = page.evaluate(HELD)
                most = max(most, held)
    total = len(stacks) * slices * 512 * 512 * 2 / 1e6
    return (
        f"A read of {len(stacks)} timepoints × {slices} slices ({total:.0f} MB) holds {most / 1e6:.0f} MB at most; "
        f"its limit is {limit / 1e6:.0f} MB."
    )


def main() -> None:
    """Measure, print, and put the table into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=int, default=100, help="of each of two scans")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--long", type=int, default=400, help="slices of each of four scans; 0 leaves this out")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    about = (
        f"CT of 512 × 512, {options.rounds} rounds, {machine()}, {version_of('Orthanc')}, {version_of('chromium')}, "
        "no graphics card."
    )
    lines = measure(options.slices, options.rounds, options.long)
    publish("viewer", "\n".join([about, "", *lines]), write=options.write)


if __name__ == "__main__":
    main()
