"""People at browsers: they walk the pages, and every page is held to what it owes its reader."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.support.browser import DESKTOP, PHONE, browsing, until

#: Everybody's, in an installation that is walked from its first page on.
PASSWORD = "a long road, walked once"
#: What an administrator gives to each; nobody signs with it.
GIVEN = "a key for the first day"
#: What a page owes its reader, whoever that is; each complaint in words.
OWED = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility();
  const what = (element) => `${element.tagName.toLowerCase()} ${element.name || element.id || element.className}`;
  const named = (element) => element.labels?.length || element.getAttribute("aria-label") || element.textContent.trim()
    || element.getAttribute("aria-labelledby");
  const said = [];
  const titles = all("h1");
  if (titles.length !== 1) said.push(`${titles.length} h1`);
  const ids = all("[id]").map((element) => element.id);
  said.push(...new Set(ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `the id ${id} twice`)));
  said.push(...all("input:not([type=hidden]), select, textarea").filter((each) => shown(each) && !each.labels.length
    && !each.getAttribute("aria-label")).map((each) => `no label: ${what(each)}`));
  said.push(...all("button, a[href], summary").filter((each) => shown(each) && !named(each))
    .map((each) => `no name: ${what(each)}`));
  said.push(...all("img:not([alt])").map((each) => `no alt: ${each.src}`));
  let last = 0;
  for (const heading of all("h1, h2, h3, h4").filter(shown)) {
    const level = Number(heading.tagName[1]);
    if (level > last + 1 && last) said.push(`h${level} after h${last}: ${heading.textContent.trim()}`);
    last = level;
  }
  return said;
}"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = """() => [...document.images].every((image) => image.complete)
  && [...document.querySelectorAll("[data-stack] [data-view]:not([hidden])")]
    .every((view) => view.dataset.slice && !("waiting" in view.dataset))"""


@dataclass
class Person:
    """Somebody signed in at a desk of their own, and everything their browser complained about.

    Attributes
    ----------
    never
        Words that no page may hold, such as what the patient is called.
    """

    page: Page
    role: str
    password: str
    shots: Path
    never: frozenset[str] = frozenset()
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Type an address."""
        self.page.goto(path)

    def follow(self, name: str, within: Locator | None = None) -> None:
        """Click a link by its words."""
        (within or self.page).get_by_role("link", name=name).first.click()

    def press(self, name: str, within: Locator | Page | None = None) -> None:
        """Click a button by its words."""
        (within or self.page).get_by_role("button", name=name).first.click()

    def fill(self, **values: str) -> None:
        """Fill the fields of these names in the form that is in sight."""
        for name, value in values.items():
            self.page.locator(f'[name="{name}"]:visible').first.fill(value)

    def told(self, words: str) -> None:
        """See a notice with these words."""
        expect(self.page.locator("[data-toast]").filter(has_text=words)).to_be_visible()

    def sees(self, words: str) -> None:
        """See these words in the page's body."""
        expect(self.page.locator("main")).to_contain_text(words)

    def until(self, there: Callable[[], Locator], seconds: float = 60) -> Locator:
        """Reload the page until something is there: work in the background needs its time."""
        patience = time.monotonic() + seconds
        while time.monotonic() < patience:
            self.page.wait_for_load_state("load")
            if there().count():
                return there().first
            self.page.wait_for_timeout(300)
            self.page.reload()
        raise AssertionError(f"{self.role} waited in vain at {self.page.url}")

    def look(self, name: str, *, phone: bool = False) -> str:
        """Hold the page to what it owes, take its picture, and return its text."""
        self.page.wait_for_load_state("load")
        until(self.page, DRAWN)
        where = f"{self.role}, {name}"
        self.complaints += [f"{where}: {said}" for said in self.page.evaluate(OWED)]
        content = self.page.content()
        self.complaints += [f"{where}: holds {word}" for word in self.never if word in content]
        for (width, height), suffix in ((DESKTOP, ""), *(((PHONE, "-phone"),) if phone else ())):
            self.page.set_viewport_size({"width": width, "height": height})
            if (wider := self.page.evaluate(WIDER)) > 0:
                self.complaints.append(f"{where}: {wider} px wider than {width}")
            self.page.evaluate("() => window.scrollTo(0, 0)")
            if suffix:  # a bar is fixed to the foot of a phone's screen: the picture is of a phone as long as the page
                height = max(height, int(self.page.evaluate("() => document.documentElement.scrollHeight")))
                self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=self.shots / f"{self.role}-{name}{suffix}.png", full_page=True)
        self.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        return self.page.locator("body").inner_text()


class Doors:
    """The installation's front door, for as many people as a test needs."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        password: str,
        shots: Path,
        never: frozenset[str] = frozenset(),
        kind: type[Person] = Person,
    ) -> None:
        self.browser, self.address, self.password, self.shots, self.never = browser, address, password, shots, never
        self.kind = kind
        self.people: list[Person] = []
        #: User names of those who have chosen a password of their own and accepted the policy of signatures.
        self.settled: set[str] = set()
        shots.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def enter(self, username: str, role: str) -> Iterator[Any]:
        """Sign somebody in; their browser's complaints are kept until the end."""
        with browsing(self.browser, base_url=self.address) as context:
            person = self.kind(context.new_page(), role, self.password, self.shots, self.never)
            self.people.append(person)
            self._listen(context, person)
            person.go("/sign-in/")
            person.fill(username=username, password=self.password if username in self.settled else GIVEN)
            person.press("Sign in")
            expect(person.page).to_have_url(re.compile(r"/$"))
            if username not in self.settled:
                self.settled.add(username)
                _settle_in(person)
            yield person

    def _listen(self, context: BrowserContext, person: Person) -> None:
        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                person.complaints.append(f"{person.role}: {message.type} at {person.page.url}: {message.text}")

        def request(sent: Request) -> None:
            if not sent.url.startswith((self.address, "data:", "blob:")):
                person.complaints.append(f"{person.role}: asked {sent.url}")

        context.on("console", console)
        context.on("request", request)
        context.on("weberror", lambda error: person.complaints.append(f"{person.role}: {error.error}"))

    @property
    def complaints(self) -> list[str]:
        """What the browsers complained about, person by person."""
        return [complaint for person in self.people for complaint in person.complaints]


def _settle_in(person: Person) -> None:
    """Do what everybody does on their first day: choose a password, and accept the e-signature policy with it."""
    person.go("/account/password/")
    person.fill(old_password=GIVEN, new_password1=person.password, new_password2=person.password)
    person.press("Change password")
    person.told("Your password is changed")
    person.go("/account/signature/")
    person.fill(password=person.password)
    person.press("Sign and accept")
    person.told("You have accepted the e-signature policy")
    person.go("/")


def shows_its_site(coordinator: Person, site: str, scanner: dict[str, str]) -> None:
    """A coordinator does what the shipped charters ask of a site."""
    _open_qualification(coordinator, site)
    coordinator.follow("Answer")
    for question in ("CALIB", "SAME", "ORIGINAL"):
        coordinator.page.locator(f'[name="{question}"][value="Y"]').check()
    coordinator.fill(STAFF="3", password=coordinator.password)
    coordinator.press("Sign questionnaire")
    coordinator.told("The questionnaire is signed")
    coordinator.fill(**scanner)
    coordinator.press("Register scanner")
    coordinator.told("is registered")
    coordinator.fill(password=coordinator.password)
    coordinator.press("Sign training")
    coordinator.told("Your training is acknowledged")


def qualifies(analyst: Person, site: str) -> None:
    """An analyst signs that a site has shown all."""
    _open_qualification(analyst, site)
    analyst.fill(password=analyst.password)
    analyst.press("Sign and qualify")
    analyst.told("it may enrol")


def _open_qualification(person: Person, site: str) -> None:
    person.follow("Subjects")
    person.follow("Qualification of sites")
    person.follow(site, within=person.page.locator("#qualifications"))
