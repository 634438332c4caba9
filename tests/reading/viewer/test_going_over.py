"""Readers go over a case as a whole, and settle one in which they differ, beside the pictures of all timepoints."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from compliance import jobs
from compliance.signing import Intent
from reading.models import Adjudication, GlobalReview
from reading.services.reviewing import sign_review
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.reading.viewer.conftest import SLICES, Opener, put_in_place, stage
from tests.support.browser import DESKTOP, PATIENCE, PHONE
from trials.models import Subject

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

VISITS = ("BL", "W8", "W16")


def fits(page: Page) -> None:
    """A page is no wider than the screen, on a telephone and at a desk."""
    for width, height in (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def differing(world: World) -> World:
    """Two readers have signed every timepoint of a case, and differ: PR and SD."""
    world.amend(
        reads={"global_review": True},
        adjudication={"triggers": ["best_overall_response"], "resolved_by": "consensus"},
    )
    world.enrol()
    for code in VISITS:
        world.clear(code, slices=SLICES)
        put_in_place(world, code)
    world.read_by_both("BL", baseline(30))
    for code in VISITS[1:]:
        world.read_by_both(code, follow_up(20), follow_up(28))
    return world


def signed(page: Page, button: str, path: str) -> None:
    """Sign, and come back to the page."""
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/reading/", timeout=PATIENCE)
    page.goto(path)
    expect(stage(page)).to_have_attribute("data-ready", "")


def test_a_reader_changes_a_response_with_a_reason_and_signs_the_review(differing: World, visited: Opener) -> None:
    review = GlobalReview.objects.get(slot=1)
    path = f"/reading/reviews/{review.blinded_code}/"
    with visited(review.reader, path) as page:
        page.get_by_label("Timepoint 2: response").select_option("SD")
        page.get_by_label("Timepoint 2: why it is changed").fill("The margin was overstated")
        fits(page)
        signed(page, "Sign the review", path)
        expect(page.locator("#responses")).to_contain_text("The margin was overstated")
    assert [(one["derived"], one["response"]) for one in GlobalReview.objects.get(slot=1).changes] == [("PR", "SD")]


def test_one_reader_proposes_and_the_other_confirms(differing: World, visited: Opener) -> None:
    for review in GlobalReview.objects.select_related("subject__trial", "reader"):
        sign_review(review=review, changes={}, signature=Intent(PASSWORD), actor=review.reader, at=AT)
    jobs.drain()
    case = Adjudication.objects.get()
    path = f"/reading/consensus/{case.blinded_code}/"
    first, second = (differing.task("BL", slot).reader for slot in (1, 2))

    with visited(first, path) as page:
        page.get_by_text("Choose Assessment A").click()
        page.get_by_label("Rationale").fill("The margin at week 8 is clearer")
        fits(page)
        signed(page, "Sign the proposal", path)
        fits(page)
        expect(page.get_by_role("heading", name="You proposed")).to_be_visible()
    with visited(second, path) as page:
        expect(page.get_by_role("heading", name="The other reader proposes")).to_be_visible()
        page.get_by_label("Confirm, and sign").check()
        fits(page)
        signed(page, "Answer", path)
        expect(page.locator("#cause")).to_be_visible()
    assert differing.result(Subject.objects.get()).accepted is not None
