"""The pages on which a person looks at face masks: the list of what waits, and the series before and after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from imaging.models import FaceReview, Instance, ReceivedInstance
from imaging.states import FaceState, ReceivedState
from tests.factories import PLANTED, World, encoded, make_world
from tests.factories.heads import Cuts, Head, head_series
from tests.imaging.services.delivery import by_scanner
from tests.imaging.services.test_masking import RECIPE, few, go_on, late
from tests.imaging.test_pixels_page import TACIT, signed_in
from tests.support.browser import DESKTOP, PHONE, browsing, launched_chromium

CHARTER = {"deidentification": RECIPE | {"faces": "mask"}}
PLANE = {"shape": "plane", "front_mm": 30, "top_mm": 60, "bottom_mm": -60, "turn": 0}
#: The middle of a head: the smallest volume in which a face is found.
MIDDLE = Cuts(between_mm=7, pixel_mm=5, low=(-100, -124, -60), high=(100, 124, 32))


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world(charter=CHARTER)


@pytest.fixture
def review(world: World) -> FaceReview:
    """Three slices through a nose wait for a person."""
    by_scanner(world, few())
    return FaceReview.objects.get()


def post(world: World, review: FaceReview, **said: Any) -> Any:
    return signed_in(world.analyst).post(f"/imaging/faces/{review.pk}/decide/", {"round": review.round, **said})


def test_what_waits_is_listed_where_people_look_for_work(world: World, review: FaceReview) -> None:
    client = signed_in(world.analyst)
    address = f"/imaging/faces/{review.pk}/"

    page = client.get(f"/imaging/trials/{world.trial.pk}/faces/").content.decode()

    assert f'<a href="{address}">' in page
    assert "too few slices one behind the other" in page
    assert "Face masks to look at" in client.get("/").content.decode()
    assert "1 face mask waits for a look" in client.get(f"/imaging/trials/{world.trial.pk}/qc/").content.decode()
    quarantine = client.get(f"/imaging/trials/{world.trial.pk}/quarantine/").content.decode()
    assert f"/imaging/trials/{world.trial.pk}/faces/" in quarantine
    transfer = f"/imaging/transfers/{review.site.transfers.get().public_id}/"
    assert address in client.get(transfer).content.decode()
    site = signed_in(world.coordinator).get(transfer).content.decode()
    assert "The site need not do anything" in site
    assert "/imaging/faces/" not in site


def test_the_page_names_nobody_and_nothing_of_it_is_kept(world: World, review: FaceReview) -> None:
    client = signed_in(world.analyst)
    page = client.get(f"/imaging/faces/{review.pk}/")
    picture = client.get(f"/imaging/faces/{review.pk}/pictures/1/rendered", {"show": "after", **PLANE})

    assert (picture["Content-Type"], picture["Cache-Control"]) == ("image/png", "private, no-store")
    assert page["Cache-Control"] == "private, no-store"
    for word in PLANTED.values():
        assert word not in page.content.decode()
    assert signed_in(world.coordinator).get(f"/imaging/faces/{review.pk}/").status_code == 403


def test_a_picture_shows_what_goes_only_where_it_is_asked_for(world: World, review: FaceReview) -> None:
    client, address = signed_in(world.analyst), f"/imaging/faces/{review.pk}/pictures/2/rendered"
    before, marked, after = (
        client.get(address, {"show": show, **PLANE}).content for show in ("before", "marked", "after")
    )

    assert len({before, marked, after}) == 3
    assert client.get(address, {"show": "after"}).content == before
    assert client.get(address, {"show": "after", **PLANE, "front_mm": 900}).content == before
    for wrong in ({"show": "all"}, {}, {"show": "after", "shape": "found"}, {"show": "after", **PLANE, "turn": 999}):
        assert client.get(address, wrong).status_code == 422
    assert client.get(f"/imaging/faces/{review.pk}/pictures/4/rendered", {"show": "before"}).status_code == 422
    assert client.get(f"/imaging/faces/{review.pk}/surface/rendered", {"show": "before"}).status_code == 422
    assert "cannot be told" in client.get(f"/imaging/faces/{review.pk}/share/", PLANE).content.decode()


def test_a_decision_opens_the_next_series_and_is_taken_back(world: World, review: FaceReview) -> None:
    client = signed_in(world.analyst)
    answer = client.post(f"/imaging/faces/{review.pk}/decide/", {"round": 1, **PLANE})
    assert answer["Location"] == f"/imaging/trials/{world.trial.pk}/faces/"
    listed = client.get(answer["Location"])
    assert listed.context["last"] == (review, 3)
    assert "Everything before a plane is taken out." in listed.content.decode()

    answer = client.post(f"/imaging/faces/{review.pk}/take-back/")

    assert answer["Location"] == f"/imaging/faces/{review.pk}/"
    assert FaceReview.objects.get().state == FaceState.WAITING
    page = client.get(answer["Location"]).content.decode()
    assert "It was decided on before" in page
    assert 'name="turn" min="-180" max="180" step="5" value="0"' in page
    assert re.search(r'name="front_mm" min="-\d+" max="\d+" step="1" value="30"', page)


def test_what_is_no_decision_changes_nothing(world: World, review: FaceReview) -> None:
    for said in ({}, {"shape": "none"}, {"shape": "found"}, {"shape": "none", "no_face": "because"}, {"shape": "x"}):
        assert post(world, review, **said)["Location"] == f"/imaging/faces/{review.pk}/"
    answer = signed_in(world.analyst).post(f"/imaging/faces/{review.pk}/refuse/", {"round": 1, "reason": " "})
    assert answer["Location"] == f"/imaging/faces/{review.pk}/"
    assert FaceReview.objects.get().state == FaceState.WAITING


def test_a_reason_that_was_chosen_before_a_mask_does_not_count(world: World, review: FaceReview) -> None:
    post(world, review, **PLANE, no_face="no_head")

    assert FaceReview.objects.get().decided["choice"] == PLANE


def test_only_who_may_set_images_aside_is_offered_it(world: World, review: FaceReview) -> None:
    refuse = f"/imaging/faces/{review.pk}/refuse/"
    administrator, analyst = signed_in(world.administrator), signed_in(world.analyst)
    assert refuse not in administrator.get(f"/imaging/faces/{review.pk}/").content.decode()
    assert administrator.post(refuse, {"round": 1, "reason": "A face"}).status_code == 403
    assert refuse in analyst.get(f"/imaging/faces/{review.pk}/").content.decode()

    analyst.post(refuse, {"round": 1, "reason": "A face"})

    assert set(ReceivedInstance.objects.values_list("state", flat=True)) == {ReceivedState.DISCARDED}
    page = analyst.get(f"/imaging/faces/{review.pk}/").content.decode()
    assert "The series was set aside." in page
    assert "Nothing is shown any more" in page


def test_whoever_comes_second_is_told(world: World, review: FaceReview) -> None:
    first, second = signed_in(world.analyst), signed_in(world.administrator)
    first.get(f"/imaging/faces/{review.pk}/")
    assert f"{world.analyst} has this series open" in second.get(f"/imaging/faces/{review.pk}/").content.decode()
    post(world, review, **PLANE)

    answer = second.post(
        f"/imaging/faces/{review.pk}/decide/", {"round": 1, "shape": "none", "no_face": "no_head"}, follow=True
    )

    assert "Somebody has decided on this series" in answer.content.decode()
    assert FaceReview.objects.get().decided_by == world.analyst


def test_who_opens_a_series_to_which_further_images_came_is_told(world: World, review: FaceReview) -> None:
    post(world, review, shape="none", no_face="outside")
    go_on()
    by_scanner(world, [late(few())])

    again = FaceReview.objects.latest("pk")
    page = signed_in(world.analyst).get(f"/imaging/faces/{again.pk}/").content.decode()

    assert (again.state, Instance.objects.count()) == (FaceState.WAITING, 3)
    assert "It was decided on before" in page
    assert "Take this out of 1 image" in page


def opened(page: Page, review: FaceReview) -> None:
    """Open a page and wait until its script has drawn what it begins with."""
    page.goto(f"/imaging/faces/{review.pk}/")
    drawn(page)


def drawn(page: Page) -> None:
    expect(page.locator("[data-face][data-ready][data-idle]")).to_be_visible()
    page.wait_for_load_state("networkidle")


@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_masks_are_decided_by_keys_and_by_hand(own_disk: Path, live_server: Any) -> None:
    world = make_world(charter={"deidentification": RECIPE | {"faces": "review"}})
    planted = {"ClinicalTrialSubjectID": "N-001"}
    by_scanner(world, [encoded(one) for one in head_series(Head(), MIDDLE, **planted)])
    by_scanner(world, [encoded(one) for one in head_series(Head(), MIDDLE, **planted, scan_number=2)])
    first, second = FaceReview.objects.order_by("pk")
    cookie = signed_in(world.analyst).cookies["sessionid"].value

    with launched_chromium() as browser:
        with browsing(browser, base_url=live_server.url, viewport=DESKTOP) as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            context.add_init_script(TACIT)
            page = context.new_page()
            opened(page, first)
            shown = page.locator("img[data-shown]")
            expect(shown).to_have_count(4)
            # By keys alone: through the pictures, around the head, the plane, and the decision.
            begin = int(page.locator("[data-slider]").input_value())
            page.keyboard.press(".")
            drawn(page)
            expect(shown.first).to_have_attribute("alt", f"Picture {begin + 1} before")
            page.keyboard.press("]")
            drawn(page)
            expect(shown.nth(3)).to_have_attribute("alt", "Surface after, from 15°")
            expect(page.get_by_label("Larger or smaller around it")).to_be_visible()
            page.keyboard.press("2")
            front = page.get_by_label("Plane, before the middle")
            front.focus()
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("ArrowLeft")
            drawn(page)
            value = int(front.input_value())
            expect(page.locator('output[for="id_front_mm"]')).to_have_text(f"{value} mm")
            expect(page.locator("[data-share]")).to_contain_text("cm³")
            expect(page.locator("[data-decide]")).to_have_text(f"Take this out of {first.pictures} images")
            page.get_by_label("Pictures before and after. Arrow keys").focus()
            page.keyboard.press("c")
            expect(page).to_have_url(f"{live_server.url}/imaging/faces/{second.pk}/")
            expect(page.locator("[data-last]")).to_be_visible()
            drawn(page)
        with browsing(browser, base_url=live_server.url, viewport=PHONE) as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            context.add_init_script(TACIT)
            page = context.new_page()
            opened(page, second)
            page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
            page.locator("[data-view]").hover()
            page.mouse.wheel(0, 100)
            expect(page.locator("[data-place]")).to_have_text(f"Picture {begin + 1} / {second.pictures}")
            drawn(page)
            page.get_by_label("Nothing: no face is in these pictures").check()
            page.get_by_label("A head, but its face lies outside the pictures").check()
            drawn(page)
            page.get_by_role("button", name=f"Leave {second.pictures} images as they are").click()
            expect(page.get_by_role("heading", name="No series waits for a look")).to_be_visible()
            # What was decided is shown until it is carried out.
            opened(page, first)
            expect(page.get_by_role("heading", name="What was decided")).to_be_visible()
            expect(page.locator("img[data-shown]")).to_have_count(4)
        connection.close()

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.decided is not None
    assert second.decided is not None
    assert (first.decided["choice"]["shape"], first.decided["choice"]["front_mm"]) == ("plane", value)
    assert second.decided["no_face"] == "outside"
