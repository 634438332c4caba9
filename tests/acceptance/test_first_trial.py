"""“Set up your first trial” works as it is written: a new user does what the page says, word by word, in the browser.

Each word pressed must stand on the page in bold, and each picture of the page is one taken here; with
PARALLAX_DOC_PICTURES=1 they are taken anew into docs/images/first-trial.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity, planted_values
from imaging.phantom.series import ct_series, write_series
from imaging.phantom.subjects import PhantomSubject
from tests.acceptance.walk import GIVEN, PASSWORD, Doors, Person, qualifies, shows_its_site
from tests.support.browser import DESKTOP
from tests.support.installation import ROOT, Installation
from tests.support.tools import requires_tool
from trials.schedule import date_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("serve"),
    requires_tool("chromium"),
]

PAGE = (ROOT / "docs" / "first-trial.md").read_text()
PICTURES = ROOT / "docs" / "images" / "first-trial"
TAKEN = PICTURES if os.environ.get("PARALLAX_DOC_PICTURES") else ROOT / "build" / "screenshots" / "first-trial"
#: By user name: the person, the role, and which of the sites it is at, if at one.
PEOPLE = {
    "niels": ("Niels Kramer", "Site coordinator", 1),
    "ingrid": ("Ingrid Dahl", "Site coordinator", 2),
    "quirine": ("Quirine Blom", "QC analyst", 0),
}
#: As its images say it.
SCANNER = {"modality": "CT", "manufacturer": "Parallax", "model_name": "Thorax phantom"}
PHANTOM = PhantomSubject.with_scenario(7, "new_lesion", timepoints=2)
IDENTITY = planted_identity(7)
GRID = Grid(rows=128, slices=44)
DAY_1 = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=20)


@dataclass
class Newcomer(Person):
    """Somebody who does what the page says, and nothing that it does not say."""

    def follow(self, name: str, within: Locator | None = None) -> None:
        self.is_told_to(name)
        super().follow(name, within)

    def press(self, name: str, within: Locator | Page | None = None) -> None:
        self.is_told_to(name)
        super().press(name, within)

    def opens(self, name: str) -> None:
        """Open a part of the page that is folded."""
        self.is_told_to(name)
        self.page.get_by_text(name, exact=True).click()

    def is_told_to(self, name: str) -> None:
        assert f"**{name}**" in PAGE, f"the page does not tell anybody to press {name}"

    def take(self, name: str) -> None:
        """Take the page's picture as it stands in the documentation, and hold it to what it owes."""
        assert f"(images/first-trial/{name}.png)" in PAGE
        self.look(name)
        self.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        self.page.screenshot(path=TAKEN / f"{name}.png")


def test_the_page_leads_from_nothing_to_a_scan_that_is_judged(
    new_house: Installation, chromium: Browser, tmp_path: Path
) -> None:
    TAKEN.mkdir(parents=True, exist_ok=True)
    shots = ROOT / "build" / "screenshots"
    doors = Doors(chromium, new_house.address, PASSWORD, shots, never=planted_values(IDENTITY), kind=Newcomer)
    with doors.enter("ada", "first-trial") as ada:
        make_the_trial(ada)
        agree_on_the_charter(ada)
        add_sites(ada)
        give_roles(ada)
    with doors.enter("niels", "first-trial") as niels:
        shows_its_site(niels, "101", SCANNER)
        niels.take("4-qualification")
    with doors.enter("quirine", "first-trial") as quirine:
        qualifies(quirine, "101")
    with doors.enter("niels", "first-trial") as niels:
        enrol(niels)
        upload(niels, scan(tmp_path / "baseline"))
    with doors.enter("quirine", "first-trial") as quirine:
        judge(quirine)
    assert doors.complaints == []
    assert "Traceback" not in new_house.log


def test_the_pictures_of_the_page_are_there() -> None:
    shown = set(re.findall(r"\(images/first-trial/([\w-]+\.png)\)", PAGE))

    assert shown == {path.name for path in PICTURES.glob("*.png")}


def make_the_trial(ada: Newcomer) -> None:
    ada.follow("New trial")
    ada.fill(code="PLX-101", title="First trial", indication="Solid tumours", sponsor_name="Meridian Biopharma")
    ada.is_told_to("Solid tumours, RECIST 1.1")
    ada.page.get_by_label("Solid tumours, RECIST 1.1").check()
    ada.take("1-new-trial")
    ada.press("Create trial")
    ada.told("Next: sites, people, and the charter")


def agree_on_the_charter(ada: Newcomer) -> None:
    ada.follow("Version 1")
    ada.follow("Edit draft")
    ada.page.get_by_role("group", name="Visit").nth(1).get_by_label("Days after").fill("10")
    ada.page.get_by_label("Queries are due after").fill("5")
    ada.page.locator("#visits").scroll_into_view_if_needed()
    ada.take("2-charter")
    ada.press("Save draft")
    ada.told("Read it through, then sign it")
    ada.sees("5 days")
    ada.fill(password=PASSWORD)
    ada.press("Sign and put in force")
    ada.told("Charter version 1 is in force")


def add_sites(ada: Newcomer) -> None:
    ada.follow("Set-up")
    ada.fill(code="101", name="Noorderhaven Hospital", country="Netherlands")
    ada.press("Add site")
    ada.sees("Noorderhaven Hospital")
    ada.opens("Add a site")
    ada.fill(code="102", name="Fjordbyen Hospital", country="Norway")
    ada.press("Add site")
    ada.sees("Fjordbyen Hospital")
    ada.fill(title="N101_CT", description="CT scanner")
    ada.press("Allow")
    ada.told("N101_CT may send")
    ada.take("3-sites")


def give_roles(ada: Newcomer) -> None:
    for username, (name, role, site) in PEOPLE.items():
        ada.opens("Give a role")
        ada.fill(username=username, full_name=name, password=GIVEN)
        ada.page.locator("#id_role").select_option(label=role)
        if site:
            ada.page.locator('[name="site"]').select_option(index=site)
        ada.press("Give role")
        ada.told(f"{name} is {role.lower()} now")


def enrol(niels: Newcomer) -> None:
    niels.follow("Subjects")
    niels.follow("Enrol at 101")
    niels.fill(code="101-001", reference_date=DAY_1.isoformat())
    niels.press("Enrol subject")
    niels.told("the visits are planned")
    niels.take("5-subject")


def upload(niels: Newcomer, folder: Path) -> None:
    niels.follow("Baseline")
    niels.follow("Upload images")
    niels.is_told_to("Choose a folder")
    niels.page.locator("input[webkitdirectory]").first.set_input_files(folder)
    niels.is_told_to("Send")
    send = niels.page.get_by_role("button", name=re.compile("^Send (anyway|[0-9]+ files?)$"))
    expect(send).to_be_visible()
    send.click()
    expect(niels.page.locator("[data-part=notice]")).to_contain_text("Sent and safe")
    expect(niels.page.locator("[data-settled=yes]")).to_be_attached()
    expect(niels.page.locator("[data-part=recognised] tbody tr")).to_have_count(1)
    niels.take("6-upload")


def judge(quirine: Newcomer) -> None:
    quirine.follow("QC")
    quirine.until(lambda: quirine.page.locator("#reviews").get_by_role("link", name="101-001 BL")).click()
    expect(quirine.page.locator(".px-finding").first).to_be_attached()
    quirine.take("7-judged")
    quirine.page.locator('[name="images_verdict"][value="pass"]').check()
    quirine.fill(comment="Complete and sharp.", password=PASSWORD)
    quirine.press("Sign the decision")
    quirine.told("is cleared for reading")


def scan(folder: Path) -> Path:
    """A whole baseline scan as it comes from a scanner, with an invented patient in its header."""
    date, trial = date_of(-5, DAY_1), {"ClinicalTrialSubjectID": "101-001"}
    write_series(folder, ct_series(PHANTOM, 0, study_date=date, identity=IDENTITY, trial=trial, grid=GRID))
    return folder
