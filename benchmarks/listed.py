"""How soon the small pictures of a reader's list are there: `python -m benchmarks.listed` (`make bench`).

A reader has as many reads to open as a page shows, each of a subject of its own. A time begins with the first request
for a picture and ends when the last has arrived, in a browser that has nothing of the page yet. The pictures were made
by the workers when the scans came in.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.intake import installed_alone
from benchmarks.report import machine, needed, publish, version_of
from benchmarks.viewer_data import write_scans
from tests.support.browser import DESKTOP, FLAGS

#: Begin of the first request and end of the last answer, for each picture of the list.
TAKEN = """() => performance.getEntriesByType("resource").filter(({name}) => name.includes("/thumbnail"))
  .map(({startTime, responseEnd}) => [startTime, responseEnd])"""
_ROOT = "1.2.826.0.1.3680043.9.7778"


def measure(reads: int, slices: int, rounds: int) -> tuple[float, list[float]]:
    """Return the milliseconds of the first time and of those after it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scans = Path(name) / "scans"
        for n in range(1, reads + 1):
            subject = f"N-{100 + n}"
            write_scans(scans / subject, timepoints=1, slices=slices, subject=subject, root=f"{_ROOT}.{n}")
        with sync_playwright() as play, installed_alone(Path(name) / "ours") as installation:
            code = f"from benchmarks.viewer_data import furnish_list\nanswer = furnish_list(world, {str(scans)!r})"
            session = installation.make_world(code, timeout=1800)
            installation.start(only="web")
            cookie = {"name": "sessionid", "value": session, "url": installation.address}
            browser = play.chromium.launch(executable_path=needed("chromium"), args=FLAGS)
            address = f"{installation.address}/reading/"
            first, *later = [_pictures(browser, address, cookie, reads) for _ in range(rounds + 1)]
    return first, later


def _pictures(browser: Browser, address: str, cookie: dict[str, str], reads: int) -> float:
    width, height = DESKTOP
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_cookies([cookie])  # type: ignore[list-item]
    try:
        page = context.new_page()
        page.goto(address, wait_until="networkidle")
        found = page.evaluate(TAKEN)
        if len(found) != reads:
            raise SystemExit(f"{len(found)} pictures are on the page, not {reads}")
        return float(max(end for _, end in found) - min(begin for begin, _ in found))
    finally:
        context.close()


def main() -> None:
    """Measure, print, and put the line into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reads", type=int, default=20)
    parser.add_argument("--slices", type=int, default=10, help="of each scan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the line into docs/benchmarks.md")
    options = parser.parse_args()
    first, later = measure(options.reads, options.slices, options.rounds)
    again = f"{statistics.median(later):.0f} ({min(later):.0f} – {max(later):.0f})"
    text = (
        f"{options.reads} reads, CT of 512 × 512, {options.rounds} rounds, {machine()}, {version_of('chromium')}.\n\n"
        f"| small pictures of a reader's list | all there after, ms |\n| --- | ---: |\n"
        f"| the first time after the server started | {first:.0f} |\n"
        f"| afterwards, in a browser without any of them | {again} |"
    )
    publish("listed", text, write=options.write)


if __name__ == "__main__":
    main()
