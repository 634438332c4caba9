"""The pages on which a person looks at pixels: the list of what waits, and the image with its boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from playwright.sync_api import Page, expect

from compliance import access
from imaging.forms_pixels import as_proposed
from imaging.models import PixelReview, ReceivedInstance
from imaging.states import OriginalState, PixelState, ReceivedState
from tests.factories import PLANTED, World, make_world
from tests.imaging.captures import NAME, RECIPE, VIEW, capture, picture
from tests.imaging.services.delivery import by_scanner
from tests.support.browser import DESKTOP, PHONE, browsing, launched_chromium

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world(charter={"deidentification": RECIPE})


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


def post(client: Client, look: PixelReview, **values: Any) -> Any:
    said = {"round": look.round, "decision": as_proposed(look), **values}
    return client.post(f"/imaging/pixels/{look.pk}/decide/", said)


def test_what_waits_is_listed_and_leads_to_the_image(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)), number=number) for number in (1, 2)])
    client, first = signed_in(world.analyst), PixelReview.objects.order_by("pk")[0]

    page = client.get(f"/imaging/trials/{world.trial.pk}/pixels/")

    (row,) = page.context["waiting"]
    assert (row.first, row.images, row.boxes) == (first, 2, 2)
    assert f"/imaging/pixels/{first.pk}/" in page.content.decode()
    assert (
        "2 images wait for a look at their pixels"
        in client.get(f"/imaging/trials/{world.trial.pk}/qc/").content.decode()
    )
    assert "Pixels to look at" in client.get("/").content.decode()


def test_the_coordinator_reads_that_somebody_looks_and_not_of_an_error(world: World) -> None:
    transfer = by_scanner(world, [capture(picture((NAME, 25)))])

    page = signed_in(world.coordinator).get(f"/imaging/transfers/{transfer.public_id}/").content.decode()

    assert "Waits for a look at its pixels" in page
    assert "The site need not do anything" in page
    assert "assign or set aside" not in page
    assert "/imaging/pixels/" not in page
    analyst = signed_in(world.analyst).get(f"/imaging/transfers/{transfer.public_id}/").content.decode()
    assert f"/imaging/pixels/{PixelReview.objects.get().pk}/" in analyst


def test_the_next_image_opens_itself_and_the_list_after_the_last(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)), number=number) for number in (1, 2)])
    client = signed_in(world.analyst)
    first, second = PixelReview.objects.order_by("pk")

    assert post(client, first)["Location"] == f"/imaging/pixels/{second.pk}/"
    assert post(client, second)["Location"] == f"/imaging/trials/{world.trial.pk}/pixels/"

    assert {look.state for look in PixelReview.objects.all()} == {PixelState.DECIDED}


def test_the_last_decision_is_taken_back(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)))])
    client, look = signed_in(world.analyst), PixelReview.objects.get()
    post(client, look)
    assert client.get(f"/imaging/trials/{world.trial.pk}/pixels/").context["last"] == (look, 1)

    answer = client.post(f"/imaging/pixels/{look.pk}/take-back/")

    assert answer["Location"] == f"/imaging/pixels/{look.pk}/"
    assert PixelReview.objects.get().state == PixelState.WAITING


def test_what_is_no_decision_changes_nothing(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)))])
    client, look = signed_in(world.analyst), PixelReview.objects.get()

    for said in ("", "{}", "[]", '{"blank": [[1, 2]], "kept": []}', '{"blank": [], "kept": [[0, "because"]]}'):
        assert post(client, look, decision=said)["Location"] == f"/imaging/pixels/{look.pk}/"
        assert PixelReview.objects.get().state == PixelState.WAITING


def test_whoever_comes_second_is_told(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)))])
    look = PixelReview.objects.get()
    post(signed_in(world.analyst), look)

    page = signed_in(world.administrator)
    answer = page.post(
        f"/imaging/pixels/{look.pk}/decide/",
        {"round": 1, "decision": json.dumps({"blank": [], "kept": []})},
        follow=True,
    )

    assert "Somebody has decided on this image" in answer.content.decode()
    assert PixelReview.objects.get().decided_by == world.analyst


def test_who_opens_what_another_has_open_is_told_and_led_elsewhere(world: World) -> None:
    other = capture(picture((NAME, 25)), number=2, SeriesInstanceUID="1.2.826.0.1.3680043.9.7777.6.2")
    by_scanner(world, [capture(picture((NAME, 25)), number=1), other])
    first, second = PixelReview.objects.order_by("pk")
    analyst, administrator = signed_in(world.analyst), signed_in(world.administrator)
    mine = analyst.get(f"/imaging/pixels/{first.pk}/")

    page = administrator.get(f"/imaging/pixels/{first.pk}/").content.decode()
    listed = administrator.get(f"/imaging/trials/{world.trial.pk}/pixels/")

    assert "has this image open" not in mine.content.decode()
    assert f"{world.analyst} has this image open" in page
    assert f'<a href="/imaging/pixels/{second.pk}/">Open one that nobody has open</a>' in page
    assert listed.context["begin"].first == second
    assert str(world.analyst) in listed.content.decode()
    analyst.post(f"/imaging/pixels/{first.pk}/leave/", {"page": mine.context["page"]})
    again = administrator.post(f"/imaging/pixels/{first.pk}/claim/", {"page": "x"})
    assert "has this image open" not in again.content.decode()
    assert f"{world.administrator} has this image open" in analyst.get(f"/imaging/pixels/{first.pk}/").content.decode()


def test_with_script_an_address_is_answered_and_a_refusal_leaves_the_page(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)), number=number) for number in (1, 2)])
    client, (first, second) = signed_in(world.analyst), PixelReview.objects.order_by("pk")
    by_script = {"HTTP_HX_REQUEST": "true"}

    nothing = {"round": 1, "decision": json.dumps({"blank": [], "kept": []})}
    refused = client.post(f"/imaging/pixels/{first.pk}/decide/", nothing, **by_script)
    whole = {"round": 1, "decision": as_proposed(first)}
    taken = client.post(f"/imaging/pixels/{first.pk}/decide/", whole, **by_script)

    assert (refused.status_code, "Decide on each" in refused.content.decode()) == (422, True)
    assert (taken.status_code, taken["HX-Redirect"]) == (204, f"/imaging/pixels/{second.pk}/")


def test_pixels_as_they_came_are_kept_by_nobody_and_name_nobody(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)))])
    client, look = signed_in(world.analyst), PixelReview.objects.get()

    frame = client.get(f"/imaging/pixels/{look.pk}/frames/1/rendered")
    page = client.get(f"/imaging/pixels/{look.pk}/")

    assert (frame["Content-Type"], frame["Cache-Control"]) == ("image/png", "private, no-store")
    assert page["Cache-Control"] == "private, no-store"
    for word in (*PLANTED.values(), *NAME.split(), "Quillbrook"):
        assert word not in page.content.decode()
    assert client.get(f"/imaging/pixels/{look.pk}/frames/2/rendered").status_code == 422
    assert signed_in(world.coordinator).get(f"/imaging/pixels/{look.pk}/frames/1/rendered").status_code == 403


def test_pixels_that_have_left_are_said_to_have(world: World) -> None:
    by_scanner(world, [capture(picture((NAME, 25)))])
    look = PixelReview.objects.get()
    ReceivedInstance.objects.update(original_state=OriginalState.GONE)

    answer = signed_in(world.analyst).get(f"/imaging/pixels/{look.pk}/frames/1/rendered")

    assert answer.status_code == 410
    assert answer.content.decode().startswith("The original has left quarantine by the rule of the trial's charter.")


def test_no_view_behind_the_right_to_see_the_person_lets_its_answer_be_kept(world: World) -> None:
    view = access.guarded("imaging.review_pixels")(lambda _: HttpResponse(headers={"Cache-Control": "public"}))
    request = RequestFactory().get("/")
    request.user = world.analyst

    assert view(request).headers["Cache-Control"] == "private, no-store"


#: What a page says on its way out comes while the next one is asked for; a database in memory takes one at a time.
TACIT = """
    navigator.sendBeacon = (address, fields) => { localStorage.left = `${address} ${fields.get("page")}`; };
    const asked = window.fetch;
    window.fetch = (address, ...more) => address.endsWith("/claim/") ? new Promise(() => {}) : asked(address, ...more);
"""


def opened(page: Page, look: PixelReview) -> None:
    """Open an image's page and wait until its script is ready."""
    page.goto(f"/imaging/pixels/{look.pk}/")
    expect(page.locator("[data-look][data-ready]")).to_be_visible()
    page.wait_for_load_state("networkidle")


@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_boxes_are_decided_by_keys_and_by_hand(own_disk: Path, live_server: Any) -> None:
    world = make_world(charter={"deidentification": RECIPE})
    frames = (picture((NAME, 25), (VIEW, 112)), picture((NAME, 25), (VIEW, 112)))
    by_scanner(world, [capture(*frames, number=1), capture(*frames, number=2)])
    first, second = PixelReview.objects.order_by("pk")
    cookie = signed_in(world.analyst).cookies["sessionid"].value

    with launched_chromium() as browser:
        with browsing(browser, base_url=live_server.url, viewport=DESKTOP) as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            context.add_init_script(TACIT)
            page = context.new_page()
            opened(page, first)
            boxes = page.locator("[data-list] button")
            expect(boxes).to_have_count(2)
            # The view is chosen, taken away for a reason, put back, and taken away again.
            page.keyboard.press("j")
            expect(boxes.nth(1)).to_have_attribute("aria-pressed", "true")
            page.keyboard.press("4")
            expect(boxes).to_have_count(1)
            expect(page.locator("[data-kept]")).to_contain_text("body part or view")
            page.keyboard.press("z")
            expect(boxes).to_have_count(2)
            page.keyboard.press("4")
            expect(boxes).to_have_count(1)
            # A box of one's own, for one frame, moved.
            page.keyboard.press("b")
            expect(boxes).to_have_count(2)
            page.keyboard.press("f")
            expect(boxes.nth(1)).to_contain_text("frame 1")
            page.keyboard.press("ArrowRight")
            page.keyboard.press(".")
            expect(page.locator("[data-place]")).to_have_text("Frame 2 / 2")
            expect(page.locator("[data-boxes] rect")).to_have_count(1)
            page.wait_for_load_state("networkidle")
            page.keyboard.press("c")
            expect(page).to_have_url(f"{live_server.url}/imaging/pixels/{second.pk}/")
            expect(page.locator("[data-last]")).to_be_visible()
        PixelReview.objects.filter(pk=second.pk).update(templates=["console"])
        with browsing(browser, base_url=live_server.url, viewport=PHONE) as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            context.add_init_script(TACIT)
            page = context.new_page()
            opened(page, second)
            boxes = page.locator("[data-list] button")
            expect(boxes).to_have_text(["Box 1, device template console, all frames", "Box 2, proposed, all frames"])
            # Below the name, where there is nothing: a box is drawn.
            drawn_on = page.locator("[data-picture]")
            around = drawn_on.bounding_box()
            assert around is not None
            x, y = around["width"] / 2, around["height"] / 2
            drawn_on.hover(position={"x": x, "y": y})
            page.mouse.down()
            drawn_on.hover(position={"x": x + 40, "y": y + 15})
            page.mouse.up()
            expect(boxes).to_have_count(3)
            expect(boxes.nth(2)).to_contain_text("yours")
            page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
            page.get_by_role("button", name="Blank 3 boxes").click()
            expect(page).to_have_url(f"{live_server.url}/imaging/trials/{world.trial.pk}/pixels/")
        connection.close()

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.decided is not None
    assert second.decided is not None
    assert [reason for _, reason in first.decided["kept"]] == ["anatomy"]
    assert [tuple(one[4:]) for one in first.decided["blank"]] == [(0, 1), (0, 0)]
    assert len(second.decided["blank"]) == 3
    assert first.received.state == ReceivedState.RECEIVED


@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_a_lost_connection_loses_no_box_and_who_leaves_lets_go(own_disk: Path, live_server: Any) -> None:
    world = make_world(charter={"deidentification": RECIPE})
    by_scanner(world, [capture(picture((NAME, 25)))])
    look = PixelReview.objects.get()
    cookie = signed_in(world.analyst).cookies["sessionid"].value

    with launched_chromium() as browser, browsing(browser, base_url=live_server.url, viewport=DESKTOP) as context:
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        context.add_init_script(TACIT)
        page = context.new_page()
        opened(page, look)
        boxes = page.locator("[data-list] button")
        page.keyboard.press("b")
        expect(boxes).to_have_count(2)
        page.keyboard.press("ArrowRight")

        context.set_offline(True)
        page.get_by_role("button", name="Blank 2 boxes").click()
        expect(page.get_by_text("The server did not answer")).to_be_visible()
        expect(boxes).to_have_count(2)
        context.set_offline(False)

        # Even a page that is loaded anew, as after a sign-in, has them.
        opened(page, look)
        expect(boxes).to_have_count(2)
        shown = page.locator("[data-claim]").get_attribute("data-page")
        page.get_by_role("link", name="Pixels").click()
        expect(page.get_by_role("heading", name="Pixels to look at")).to_be_visible()
        page.wait_for_function("said => localStorage.left === said", arg=f"/imaging/pixels/{look.pk}/leave/ {shown}")
        page.wait_for_load_state("networkidle")
        opened(page, look)
        expect(boxes).to_have_count(2)
        page.get_by_role("button", name="Blank 2 boxes").click()
        expect(page.get_by_role("heading", name="Nothing waits for a look")).to_be_visible()
        connection.close()

    look.refresh_from_db()
    assert look.decided is not None
    assert len(look.decided["blank"]) == 2
