"""What a reader drew and entered survives the tab, the network and a second tab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from reading.models import Assessment, MarkVersion, ReadTask
from tests.reading.viewer.conftest import LEFT, TOP, WIDE, all_loaded, drag, middle, stage
from tests.support.browser import browsing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

START, END = (LEFT, TOP + 2), (LEFT + WIDE, TOP + 2)


@pytest.fixture
def desk(chromium: Browser, live_server: Any, task: ReadTask) -> Iterator[BrowserContext]:
    """The reader's browser, signed in."""
    with _signed_in(chromium, live_server.url, task) as context:
        yield context
        for page in context.pages:
            all_loaded(page)
    connection.close()  # while Playwright's loop runs, this thread has a connection of its own


@contextmanager
def _signed_in(chromium: Browser, url: str, task: ReadTask) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(task.reader, backend="django.contrib.auth.backends.ModelBackend")
    with browsing(chromium, base_url=url) as context:
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])
        yield context


def tab(desk: BrowserContext, task: ReadTask, marks: int) -> Page:
    """Open the read, and see that it shows so many marks."""
    page = desk.new_page()
    page.goto(f"/reading/tasks/{task.blinded_code}/")
    expect(stage(page)).to_have_attribute("data-ready", "")
    expect(stage(page)).to_have_attribute("data-marks", str(marks))
    return page


def measured(page: Page) -> Locator:
    """Add a liver target and draw its diameter along the bright square: 16 columns of 2 mm."""
    page.keyboard.press("t")
    row = page.locator("[data-lesion]:visible")
    row.locator('[name$="-organ"]').select_option("LIVER")
    row.locator("[data-measure]").click()
    expect(page.locator('[data-tool="bidirectional"]')).to_have_attribute("aria-pressed", "true")
    drag(page, middle(page, *START), middle(page, *END))
    expect(row.locator('[name$="-diameter_mm"]')).not_to_have_value("")
    expect(row.locator("[data-label]")).to_have_text("T01")
    return row


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


@contextmanager
def taken(page: Page, *parts: str) -> Iterator[None]:
    """What is done sends a mark, a draft or both; go on when the server has answered.

    The test looks into the database itself, which on SQLite cannot be read while a request writes.
    """
    with ExitStack() as answers:
        for part in parts:
            answers.enter_context(page.expect_response(lambda answer, part=part: part in answer.url))
        yield


def sizes() -> list[float]:
    """The longest diameters that are stored, by version."""
    return [float(version.measured["long_mm"]) for version in MarkVersion.objects.order_by("number")]


def test_a_tab_that_is_killed_takes_nothing_along_that_is_older_than_two_seconds(
    desk: BrowserContext, task: ReadTask
) -> None:
    page = tab(desk, task, marks=0)
    measured(page)
    saved(page)
    # From here on the page's clock stands still, so that two seconds are two seconds on any machine.
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.get_by_label("Comment").fill("Seen on two slices")
    with page.expect_response(lambda answer: answer.url.endswith("/save/")) as answered:
        page.clock.run_for(2000)
    assert answered.value.ok
    page.close()  # without a word to the page

    again = tab(desk, task, marks=1)

    expect(again.get_by_label("Comment")).to_have_value("Seen on two slices")
    row = again.locator("[data-lesion]:visible")
    expect(row.locator("[data-label]")).to_have_text("T01")
    expect(row.locator('[name$="-diameter_mm"]')).to_have_value(f"{sizes()[0]:.1f}")
    assert sizes()[0] == pytest.approx(2 * WIDE, abs=1.5)


def test_over_a_lost_network_a_mark_waits_and_then_arrives(desk: BrowserContext, task: ReadTask) -> None:
    page = tab(desk, task, marks=0)
    row = measured(page)
    saved(page)
    desk.set_offline(True)
    middle_of_it = middle(page, LEFT + WIDE, TOP + 2)
    drag(page, middle_of_it, (middle_of_it[0] + 60, middle_of_it[1]))
    expect(stage(page)).to_have_attribute("data-sending", "1")
    assert len(sizes()) == 1

    with taken(page, "/marks/", "/save/"):
        desk.set_offline(False)

    expect(stage(page)).to_have_attribute("data-sending", "0")
    saved(page)
    before, after = sizes()
    assert after > before + 5
    expect(row.locator('[name$="-diameter_mm"]')).to_have_value(f"{after:.1f}")


@pytest.mark.parametrize("choice", ["Keep mine", "Cancel"])
def test_of_two_tabs_the_later_change_is_refused_with_a_choice(
    desk: BrowserContext, task: ReadTask, choice: str
) -> None:
    first = tab(desk, task, marks=0)
    measured(first)
    saved(first)
    second = tab(desk, task, marks=1)
    end = middle(first, *END)

    with taken(first, "/marks/", "/save/"):
        drag(first, end, (end[0] + 60, end[1]))
    expect(stage(first)).to_have_attribute("data-sending", "0")
    saved(first)
    assert len(sizes()) == 2
    # The other tab knows nothing of it.
    second.bring_to_front()
    drag(second, middle(second, *END), (end[0] - 60, end[1]))

    question = second.locator("#px-confirm")
    expect(question).to_contain_text("This mark was changed in another window")
    assert len(sizes()) == 2
    question.get_by_role("button", name=choice).click()

    # The draft is a choice of its own, and is not mixed either.
    notice = second.locator("[data-stale]")
    expect(notice).to_be_visible()
    expect(stage(second)).to_have_attribute("data-sending", "0")
    diameter = second.locator('[data-lesion]:visible [name$="-diameter_mm"]')
    if choice == "Keep mine":
        original, longer, shorter = sizes()
        assert shorter < original < longer
        expect(diameter).to_have_value(f"{shorter:.1f}")
    else:
        expect(diameter).to_have_value(f"{sizes()[1]:.1f}")
        assert len(sizes()) == 2
    version = Assessment.objects.get().version
    with taken(second, "/save/"):
        notice.get_by_role("button", name="Keep what I entered here").click()
    saved(second)
    assert Assessment.objects.get().version == version + 1
