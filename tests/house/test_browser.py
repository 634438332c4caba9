"""What watches over every page that a test opens in the browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from playwright.sync_api import Browser, Route, expect

from compliance.policy import CONTENT_SECURITY_POLICY
from tests.support.browser import browsing, launched_chromium
from tests.support.turns import TURN

pytestmark = [pytest.mark.browser, pytest.mark.requires_tool("chromium")]

HOUSE = "http://127.0.0.1:9"
WORKER = "fetch('http://localhost:9/').catch(() => postMessage('refused'))"
ASKS = "new Worker('/worker.js').onmessage = (said) => { document.body.textContent = said.data; }"
PAGE = "<!DOCTYPE html><title>A page</title><body>A page"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


def visit(chromium: Browser, page_holds: str, says: str) -> None:
    """Open a page under the house's policy, and wait until it says something."""
    files = {
        "/": ("text/html", PAGE + page_holds),
        "/asks.js": ("text/javascript", ASKS),
        "/worker.js": ("text/javascript", WORKER),
    }

    def answer(route: Route) -> None:
        kind, body = files.get(urlsplit(route.request.url).path, ("text/plain", ""))
        policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        route.fulfill(status=200, content_type=kind, headers=policy, body=body)

    with browsing(chromium, base_url=HOUSE) as context:
        context.route(HOUSE + "/**", answer)
        page = context.new_page()
        page.goto("/")
        expect(page.locator("body")).to_contain_text(says)


def test_a_page_that_keeps_its_policy_passes(chromium: Browser) -> None:
    visit(chromium, "", says="A page")


@pytest.mark.parametrize(
    ("page_holds", "says", "refused"),
    [
        ("<script>document.title = 'x'</script>", "A page", "script-src-elem refuses inline"),
        ("<p style='color: red'>Red</p>", "Red", "style-src-attr refuses inline"),
        ("<img alt='Far' src='http://localhost:9/x.png'>", "A page", "img-src refuses http://localhost:9/x.png"),
        ("<script src='/asks.js'></script>", "refused", "worker.js: connect-src refuses"),
    ],
    ids=["script", "style", "picture", "worker"],
)
def test_a_page_that_does_what_its_policy_forbids_fails_its_test(
    chromium: Browser, page_holds: str, says: str, refused: str
) -> None:
    with pytest.raises(AssertionError, match=refused):
        visit(chromium, page_holds, says)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL lets many write at a time")
@pytest.mark.django_db(transaction=True)
def test_what_a_test_does_in_the_database_waits_for_the_request_that_is_answered(chromium: Browser) -> None:
    answering, asked = threading.Event(), threading.Event()

    def answer() -> None:
        with TURN, transaction.atomic():
            assert not Group.objects.exists()
            answering.set()
            asked.wait(0.2)

    request = threading.Thread(target=answer)
    request.start()
    answering.wait()
    with transaction.atomic():
        Group.objects.create(name="Later")
        asked.set()
    request.join()

    assert Group.objects.count() == 1
