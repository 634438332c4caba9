"""Axe finds no serious fault on any page: each address that gives one is opened by those whose page differs.

What the pictures themselves show lies on a canvas, which axe cannot see into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext

from compliance.models import User
from tests.house.address_matrix import MATRIX, Row
from tests.house.crowd import PEOPLE, Crowd, Person, Thing, make_crowd
from tests.support.browser import browsing, launched_chromium

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
#: Everything of WCAG 2.1 A and AA, and what is good practice besides; what matters of it.
RUN = """() => axe.run({exclude: [["canvas"]]}, {resultTypes: ["violations"]}).then(({violations}) =>
  violations.filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(({id, nodes}) =>
    nodes.map(({html, failureSummary}) => `${id}: ${html} ${failureSummary}`)))"""
#: One for each role, and who has none.
SEEN_BY = [
    p for p in PEOPLE if p.trial == "here" and p.username not in ("outsider", "second-reader") and p.site != "south"
]
#: Swagger UI is not ours.
FOREIGN = {"api/"}
_KIND = re.compile(rb"<(\w+)((?:\s+(?:class|role|type|aria-[a-z]+)(?:=\"[^\"]*\")?)*)")


def address_of(row: Row, thing: Thing | None) -> str:
    """The address for a record."""
    named = thing.named if thing else {}
    return "/" + re.sub(r"<(\w+)>", lambda found: str(named[found[1]]), row.address)


def url_of(row: Row, crowd: Crowd, person: Person) -> str | None:
    """The address for a record that the person may open; None where there is none for them."""
    things = crowd.things[row.record] if row.record else [None]
    for thing in things:
        if person.may(row.who, thing):
            return address_of(row, thing)
    return None


def pages(crowd: Crowd, people: dict[str, Client]) -> Iterator[tuple[str, str]]:
    """Addresses that give a page, each with whom to show it to: the one who gets most, others who get other things."""
    for row in MATRIX:
        if "GET" not in row.methods or row.address in FOREIGN or row.address.startswith(("api/v1", "api/schema")):
            continue
        found = []
        for person in SEEN_BY:
            url = url_of(row, crowd, person)
            answer = people[person.username].get(url) if url else None
            if answer is None or answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
                continue
            # What a script asks for and puts into a page is seen in that page.
            if b"<html" in answer.content:
                found.append((set(_KIND.findall(answer.content)), person.username, url))
        known: set[tuple[bytes, bytes]] = set()
        for kinds, username, url in sorted(found, key=lambda one: -len(one[0])):
            if not kinds <= known:
                known |= kinds
                yield username, url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


def test_no_page_has_a_serious_fault(
    own_disk: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch, chromium: Browser, settings: Any
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    # A person waits here while the pages of all others are opened.
    settings.SESSION_COOKIE_AGE = 8 * 3600
    crowd = make_crowd()
    people = {person.username: Client() for person in SEEN_BY}
    for username, client in people.items():
        if username:
            client.force_login(User.objects.get(username=username))
    asked = list(pages(crowd, people))
    faults = {}
    for username in {name for name, _ in asked}:
        with browsing(chromium, base_url=live_server.url) as context:
            _sign_in(context, people[username], live_server.url)
            page = context.new_page()
            for url in [url for name, url in asked if name == username]:
                page.goto(url)
                page.evaluate(AXE)
                if said := page.evaluate(RUN):
                    faults[f"{url} as {username or 'nobody'}"] = said
    assert len(asked) > 60
    assert not faults, "\n".join(f"{where}\n  " + "\n  ".join(said) for where, said in faults.items())


def _sign_in(context: BrowserContext, client: Client, url: str) -> None:
    if "sessionid" in client.cookies:
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])
