"""The pages of figures in a browser: no serious fault, nothing beyond the edge of a phone, downloads that come."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser

from compliance import audit
from compliance.models import User
from reading.exports import showing
from reading.exports.endpoint_figures import FIGURES
from reading.exports.endpoint_results import endpoints
from reading.models import EndpointReport
from tests.house.test_accessibility import AXE, RUN
from tests.reading.conftest import World, baseline, follow_up
from tests.reading.exports import recorded
from tests.reading.exports.sample import locked_trial
from tests.support.browser import DESKTOP, PHONE, browsing, launched_chromium
from trials.models import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


def looked_at(chromium: Browser, url: str, user: User, path: str, name: str, figures: int) -> None:
    client = Client()
    client.force_login(user)
    cookie = [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}]
    for width, height in (DESKTOP, PHONE):
        with browsing(chromium, base_url=url, viewport=(width, height)) as context:
            context.add_cookies(cookie)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(path)
            assert page.locator("figure svg").count() == figures
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate(AXE)
            assert not page.evaluate(RUN)
            if kept := os.environ.get("PARALLAX_TEST_PICTURES"):
                page.screenshot(path=f"{kept}/{name}-{width}.png", full_page=True)
            with page.expect_download() as taken:
                page.locator("figure a", has_text="CSV").first.click()
            assert taken.value.suggested_filename.endswith(".csv")


def test_the_endpoints_of_a_locked_trial(chromium: Browser, live_server: Any) -> None:
    trial = recorded.build()
    # More subjects than the recorded ones, so that the figures are those of a trial.
    as_of = audit.latest_change(trial.pk, showing._RESTS_ON)
    EndpointReport.objects.create(trial=trial, as_of=as_of, report=endpoints(locked_trial()).to_json())
    sponsor = recorded.member(trial, Role.SPONSOR)

    looked_at(chromium, live_server.url, sponsor, f"/reading/trials/{trial.pk}/endpoints/", "endpoints", len(FIGURES))


def test_a_reader_s_own_figures(chromium: Browser, live_server: Any, world: World) -> None:
    world.enrol()
    for visit, entry in (("BL", baseline(30)), ("W8", follow_up(20))):
        world.clear(visit)
        world.read_by_both(visit, entry)

    looked_at(chromium, live_server.url, world.task("BL", 1).reader, "/reading/mine/", "mine", 2)


def test_the_agreement_of_readers(chromium: Browser, live_server: Any, world: World) -> None:
    world.enrol()
    for visit, first, second in (("BL", 30, 31), ("W8", 20, 39)):
        world.clear(visit)
        entry = baseline if visit == "BL" else follow_up
        world.read_by_both(visit, entry(first), entry(second))
    manager = world.join("manager", Role.READING_MANAGER)

    looked_at(chromium, live_server.url, manager, f"/reading/trials/{world.trial.pk}/variability/", "agreement", 9)
