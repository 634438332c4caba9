"""A day by keys alone: a coordinator's, from signing in to the findings, and a QC analyst's decision on what came."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import FileChooser, Page, expect

from compliance import jobs
from imaging.models import QcDecision, QcReview, TransferForm
from imaging.services import receiving
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.support.browser import browsing, launched_chromium
from tests.support.keys import tab_to
from trials.charter import RECIST_TEMPLATE
from trials.models import Query
from trials.services import querying
from trials.states import QcState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

SUBJECT = "N-003"
PATIENCE = 60
FOCUSED = "document.activeElement.outerHTML"


def go(page: Page, words: str) -> None:
    """Tab to a link or a button, and press it."""
    tab_to(page, words)
    page.keyboard.press("Enter")


def write(page: Page, label: str, text: str) -> None:
    """Tab to a field, and type."""
    tab_to(page, label)
    page.keyboard.type(text)


def heading(page: Page, words: str) -> None:
    """Wait for the page of this name, with its scripts."""
    expect(page.get_by_role("heading", name=words, level=1)).to_be_visible()
    page.wait_for_load_state("load")


def sign_in(page: Page, username: str) -> None:
    page.goto("/")
    heading(page, "Sign in")
    write(page, "User name", username)
    write(page, "Password", PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "What waits for you")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def answer_the_query(page: Page) -> None:
    go(page, "Queries to answer")
    heading(page, "Queries")
    go(page, "Read and answer")
    expect(page.get_by_text("Please.", exact=True)).to_be_visible()
    write(page, "Message", "They are on their way.")
    go(page, "Send answer")
    expect(page.get_by_text("No query fits")).to_be_visible()


def register_a_subject(page: Page) -> None:
    go(page, "Subjects")
    heading(page, "PLX-1")
    go(page, "Enrol at NORTH")
    heading(page, "Enrol a subject")
    write(page, "Subject code", SUBJECT)
    # The same in every order of day and month.
    write(page, "Day 1", "01012026")
    page.keyboard.press("Enter")
    heading(page, SUBJECT)


def dialogue(page: Page) -> FileChooser:
    """The browser's own dialogue, by Enter; a busy machine's first press may come before the dialogue is caught."""
    opened: list[FileChooser] = []
    page.on("filechooser", lambda chooser: opened.append(chooser))
    patience = time.monotonic() + PATIENCE
    while not opened:
        assert time.monotonic() < patience, f"Enter opens no dialogue on: {page.evaluate(FOCUSED)}"
        page.keyboard.press("Enter")
        page.wait_for_timeout(3000)
    return opened[0]


def upload(page: Page, folder: Path) -> None:
    go(page, "Baseline")
    heading(page, f"{SUBJECT} · Baseline")
    page.keyboard.press("u")
    heading(page, "Upload images")
    # The test itself does the work that the page would ask about meanwhile.
    page.route("**/status/", lambda asked: asked.abort())
    tab_to(page, "Choose a folder")
    dialogue(page).set_files(folder)
    expect(page.get_by_role("button", name=re.compile("^Send (anyway|[0-9]+ files?)$"))).to_be_visible()
    go(page, "Send ")
    expect(page.locator("[data-part=notice]")).to_contain_text("Sent and safe")
    receiving.index_spool(at=timezone.now())
    work_until_it_is_judged()


def work_until_it_is_judged() -> None:
    """Do the jobs; the last one waits until the delivery has paused."""
    patience = time.monotonic() + PATIENCE
    while not QcReview.objects.exists() and time.monotonic() < patience:
        jobs.drain()
        time.sleep(0.2)


def fill_in_the_form(page: Page) -> None:
    go(page, "Fill in the transfer form and sign")
    heading(page, "Transfer form")
    write(page, "Scanner", "CT 2")
    tab_to(page, "Yes")
    page.keyboard.press("Space")
    tab_to(page, "Yes")
    page.keyboard.press("ArrowRight")
    write(page, "Your password again", PASSWORD)
    page.keyboard.press("Enter")
    heading(page, f"{SUBJECT} · Baseline")


def decide(page: Page) -> None:
    go(page, "Timepoints awaiting QC")
    heading(page, "Quality control")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=f"{SUBJECT} BL")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decision")).to_be_visible()
    page.wait_for_load_state("load")
    page.keyboard.press("m")
    images = page.locator("[data-stack]")
    expect(images).to_have_attribute("data-slice", "1")
    page.keyboard.press("ArrowDown")
    expect(images).to_have_attribute("data-slice", "2")
    page.keyboard.press("f")
    write(page, "Reason, for failing or waiving", "All that was planned.")
    go(page, "Waive")
    expect(page.locator(".px-finding").filter(has_text="All that was planned.")).to_contain_text("Waived")
    page.wait_for_load_state("load")
    page.keyboard.press("d")
    expect(page.locator("#decide")).to_be_focused()
    for _ in ("images", "form"):
        tab_to(page, "Pass")
        page.keyboard.press("Space")
    write(page, "Your password again", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]").filter(has_text="is cleared for reading")).to_be_visible()


def working(world: World, folder: Path) -> None:
    """A query that is open, and a scan that lies in a folder."""
    querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Slices are missing", text="Please.", actor=world.analyst, at=AT
    )
    folder.mkdir()
    for number, file in enumerate(scan(SUBJECT, slices=2)):
        (folder / f"{number}.dcm").write_bytes(file)


def test_a_coordinator_and_an_analyst_do_their_day_by_keys_alone(
    own_disk: Any, live_server: Any, tmp_path: Path
) -> None:
    world = make_world(charter={"series": [{**RECIST_TEMPLATE["series"][0], "min_instances": 3}]})
    working(world, tmp_path / "scan")
    with launched_chromium() as browser:
        with browsing(browser, base_url=live_server.url) as context:
            page = context.new_page()
            sign_in(page, world.coordinator.username)
            answer_the_query(page)
            register_a_subject(page)
            upload(page, tmp_path / "scan")
            fill_in_the_form(page)
            expect(page.get_by_text("The series has 2 slices")).to_be_visible()
        with browsing(browser, base_url=live_server.url) as context:
            page = context.new_page()
            sign_in(page, world.analyst.username)
            decide(page)
    assert Query.objects.get().state == "answered"
    assert TransferForm.objects.get().state == "signed"
    decision = QcDecision.objects.get()
    assert (decision.images_verdict, decision.form_verdict) == ("pass", "pass")
    assert world.timepoint(SUBJECT, "BL").qc_state == QcState.CLEARED
