"""The system's Chromium, driven headless through Playwright's synchronous API.

Playwright's own browsers are never downloaded: what the tests see is the browser the system ships.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Worker, expect, sync_playwright

from tests.support.tools import tool

FLAGS = (
    "--no-sandbox",  # CI containers run as root and allow no user namespaces
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-dev-shm-usage",  # containers give /dev/shm 64 MB only
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A page that asks for anything outside this machine must fail here, not work on a developer's desk only.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

#: Milliseconds that a test waits for what must come.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

#: Reported as it happens: a violation of the page's own policy on what may load and run.
_REPORT = """document.addEventListener("securitypolicyviolation", (event) =>
  window.reportViolation(`${document.location.href}: ${event.effectiveDirective} refuses ${event.blockedURI}`));"""
#: The same of a worker, from its first line on; the console is its only way out.
_WORKER_REPORT = """() => new ReportingObserver((reports) => reports.forEach((report) =>
  console.error(`Refused: ${report.url}: ${report.body.effectiveDirective} refuses ${report.body.blockedURL}`)),
  {types: ["csp-violation"], buffered: true}).observe()"""

DESKTOP = (1440, 900)
PHONE = (390, 844)


@contextmanager
def launched_chromium(*, headless: bool = True) -> Iterator[Browser]:
    """A running Chromium; the test is skipped (in CI: failed) when the machine has none.

    Make it a fixture of the scope you want::

        @pytest.fixture(scope="session")
        def chromium():
            with launched_chromium() as browser:
                yield browser

    Playwright keeps an event loop in this thread, which Django takes for asynchronous code; while the browser
    runs, the ORM is told that the thread is its own (DJANGO_ALLOW_ASYNC_UNSAFE), and afterwards no longer.
    """
    executable = tool("chromium")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=headless, args=list(FLAGS))
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        try:
            yield browser
        finally:
            if before is None:
                del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
            else:
                os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before
            browser.close()


def until(page: Page, holds: str, given: object = None) -> None:
    """Wait until an expression holds; `wait_for_function` would have the page make code from text, which none may."""
    patience = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(holds, given):
        assert time.monotonic() < patience, f"It never held: {holds}"
        page.wait_for_timeout(50)


@contextmanager
def browsing(
    browser: Browser, *, base_url: str, viewport: tuple[int, int] = DESKTOP, accept_downloads: bool = True
) -> Iterator[BrowserContext]:
    """One person at one desk: own cookies, a window of `viewport` CSS pixels, UTC and British English.

    Timeouts are a minute: first requests compile templates, and a disk may sync for many others meanwhile. No page
    may do what its policy (CSP) forbids: where one did, the test fails when the person leaves the desk.
    """
    width, height = viewport
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": width, "height": height},
        accept_downloads=accept_downloads,
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    violations = _violations_in(context)
    try:
        yield context
        for page in context.pages:
            with suppress(Error):  # the page may be closing; what was reported before these answers has come by then
                for worker in page.workers:
                    worker.evaluate("() => new Promise((done) => setTimeout(done, 20))")
                page.evaluate("1")
    finally:
        context.close()
    assert not violations, "Refused by a page's policy:\n" + "\n".join(violations)


def _violations_in(context: BrowserContext) -> list[str]:
    """A list that fills with what the policies of a person's pages refuse, and those of their workers."""
    violations: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and message.text.startswith("Refused: "):
            violations.append(message.text)

    def worker(started: Worker) -> None:
        with suppress(Error):  # it may have ended already
            started.evaluate(_WORKER_REPORT)

    def page(opened: Page) -> None:
        opened.on("worker", worker)

    context.expose_function("reportViolation", lambda what: violations.append(what))
    context.add_init_script(_REPORT)
    context.on("console", console)
    context.on("page", page)
    return violations
