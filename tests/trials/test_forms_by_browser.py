"""What a form asks follows what is answered, while it is filled in; the server judges the same conditions."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from tests.factories import AT, PASSWORD, make_world
from tests.support.browser import browsing, launched_chromium
from trials.models import SiteForm
from trials.services import answering

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def test_what_is_not_asked_is_hidden_and_not_sent_and_an_unusual_value_asks_why(
    own_disk: Any, live_server: Any
) -> None:
    world = make_world()
    form = answering.form_at(world.subjects["N-001"], "CTPLAN", AT)
    answering.save_answers(form=form, values={}, actor=world.coordinator, at=AT)
    client = Client()
    client.force_login(world.coordinator)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    with launched_chromium() as browser, browsing(browser, base_url=live_server.url) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(reverse("trials:form", args=[form.pk]))
        why, instead, reason = (page.locator(f'[name="{name}"]') for name in ("WHYNOT", "INSTEAD", "EGFR_WHY"))
        for hidden in (why, instead, reason):
            expect(hidden).to_be_hidden()
            expect(hidden).to_be_disabled()

        page.locator('[name="NOCONTR"][value="Y"]').check()
        expect(why).to_be_visible()
        why.select_option("RENAL")
        instead.select_option("CTPLAIN")
        page.locator('[name="EGFR"]').fill("20")
        expect(reason).to_be_visible()
        reason.fill("Known for years.")

        # With another answer the questions behind it are not asked any more, and what was answered is not sent.
        page.locator('[name="NOCONTR"][value="N"]').check()
        expect(why).to_be_hidden()
        expect(instead).to_be_hidden()
        page.get_by_label("password").fill(PASSWORD)
        page.get_by_role("button", name="Sign form").click()
        expect(page.get_by_text("is signed. Thank you.")).to_be_visible()
    signed = SiteForm.objects.get()
    assert (signed.state, signed.answers, signed.confirmed) == (
        "signed",
        {"NOCONTR": False, "EGFR": "20"},
        {"EGFR": "Known for years."},
    )
