"""The whole road in one trial: DCMTK sends, people work in their browsers, the sponsor takes the endpoint package.

Screenshots of every page on the road land in build/screenshots.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity, planted_values
from imaging.phantom.series import SeriesSpec, ct_series, write_series
from imaging.phantom.subjects import Lesion, PhantomSubject
from tests.acceptance.walk import GIVEN, PASSWORD, Doors, Person, qualifies, shows_its_site
from tests.support.installation import ROOT, Installation
from tests.support.tools import requires_tool, tool
from trials.schedule import date_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("serve"),
    requires_tool("chromium", "storescu"),
    pytest.mark.requirement("REQ-LOC-012"),
]

SHOTS = ROOT / "build" / "screenshots"
TRIAL, SITE, SUBJECT, SCANNER = "ROAD-1", "N01", "N01-001", "N01_CT"
#: The scanner, as its images say it.
SCANS_ON = {"modality": "CT", "manufacturer": "Parallax", "model_name": "Thorax phantom"}
#: Day 1 of the subject; both scans lie in the past, inside their windows.
DAY_1 = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=90)
PEOPLE = {
    "quirine": ("Quirine Blom", "QC analyst"),
    "marit": ("Marit Solheim", "Reading manager"),
    "renata": ("Dr Renata Silva", "Reader"),
    "takeshi": ("Dr Takeshi Mori", "Reader"),
    "alasdair": ("Dr Alasdair Reid", "Adjudicator"),
    "sofia": ("Sofia Lindqvist", "Sponsor"),
    "aurelio": ("Aurelio Conti", "Auditor"),
}
#: A stable subject in whom a lesion appears at the second scan; few and small slices.
PHANTOM = PhantomSubject.with_scenario(31, "new_lesion", timepoints=2)
GRID = Grid(rows=128, slices=44)
IDENTITY = planted_identity(31)
LUNG, OTHER_LUNG, LIVER, NODE, NEW = PHANTOM.lesions
OUTCOME = re.compile(r"\b(CR|PR|SD|PD|NE)\b|progress(ed|ive)", re.IGNORECASE)


def test_a_trial_from_its_first_form_to_the_sponsors_download(
    new_house: Installation, chromium: Browser, tmp_path: Path
) -> None:
    doors = Doors(chromium, new_house.address, PASSWORD, SHOTS, never=planted_values(IDENTITY))
    with doors.enter("ada", "administrator") as ada:
        create_trial(ada)
        agree_charter(ada)
        name_site_and_people(ada)
    with doors.enter("niels", "coordinator") as niels:
        shows_its_site(niels, SITE, SCANS_ON)
        niels.look("qualification", phone=True)
    with doors.enter("quirine", "qc") as quirine:
        qualifies(quirine, SITE)
        quirine.look("qualification")
    with doors.enter("niels", "coordinator") as niels:
        enrol(niels)
        baseline = scan(tmp_path / "baseline", 0)
        stray = scan(tmp_path / "stray", 0, code="N01-999", grid=replace(GRID, slices=1))
        assert storescu(new_house, baseline) == 0
        assert storescu(new_house, stray) == 0
        finds_what_the_scanner_sent(niels)
        declare(niels)
        upload(niels, scan(tmp_path / "part", 1, dropped=frozenset(range(14, 19))), recognised=GRID.slices - 5)
    with doors.enter("quirine", "qc") as quirine:
        sets_the_stray_aside(quirine)
        clear(quirine, "BL")
        send_back(quirine)
    with doors.enter("niels", "coordinator") as niels:
        answer(niels)
        upload(niels, zipped(scan(tmp_path / "whole", 1), tmp_path / "whole.zip"), recognised=GRID.slices)
    with doors.enter("quirine", "qc") as quirine:
        clear(quirine, "W8")
        close_query(quirine)
    with doors.enter("ada", "administrator") as ada:
        is_not_ready(ada)
    with doors.enter("sofia", "sponsor") as sofia:
        sees_no_outcome(sofia)
    with doors.enter("renata", "reader") as renata:
        read_baseline(renata, scale=1.0)
        read_follow_up(renata, scale=1.0, new_lesion=False)
    with doors.enter("takeshi", "reader-2") as takeshi:
        read_baseline(takeshi, scale=1.03)
        read_follow_up(takeshi, scale=1.03, new_lesion=True)
    with doors.enter("sofia", "sponsor") as sofia:
        sees_no_outcome(sofia)
    with doors.enter("alasdair", "adjudicator") as alasdair:
        adjudicate(alasdair)
    with doors.enter("marit", "manager") as marit:
        watch(marit)
    with doors.enter("ada", "administrator") as ada:
        lock(ada)
    with doors.enter("sofia", "sponsor") as sofia:
        download(sofia)
    with doors.enter("aurelio", "auditor") as aurelio:
        follow_the_trail(aurelio)
    assert doors.complaints == []
    assert "Traceback" not in new_house.log


# --- the administrator -----------------------------------------------------------------------------------------------
def create_trial(ada: Person) -> None:
    ada.look("home-first")
    ada.follow("New trial")
    ada.fill(code=TRIAL, title="A road to walk", indication="Advanced solid tumours", sponsor_name="Meridian Biopharma")
    ada.look("trial-new")
    ada.press("Create trial")
    ada.told("Next: sites, people, and the charter")
    ada.look("setup-empty")


def agree_charter(ada: Person) -> None:
    ada.follow("Version 1")
    ada.follow("Edit draft")
    ada.fill(**{"series-0-min_instances": "40", "purpose": "Blinded central review of response on CT."})
    ada.page.locator('[name="schedule-2-DELETE"]').check()
    ada.look("charter-edit")
    ada.press("Save draft")
    ada.told("Read it through, then sign it")
    text = ada.look("charter-draft")
    assert "Week 8" in text
    assert "Week 16" not in text
    ada.fill(password="not the password")
    ada.press("Sign and put in force")
    ada.told("password")
    ada.fill(password=PASSWORD)
    ada.press("Sign and put in force")
    ada.told("Charter version 1 is in force")
    ada.look("charter")


def name_site_and_people(ada: Person) -> None:
    ada.follow("Set-up")
    ada.fill(code=SITE, name="Noorderhaven Hospital", country="Netherlands")
    ada.press("Add site")
    ada.fill(title=SCANNER, description="CT scanner")
    ada.press("Allow")
    ada.told(f"{SCANNER} may send")
    ada.follow("Connections")
    ada.sees("Refused")
    ada.press("Allow…")
    ada.fill(reason="The scanner and the receiver are one machine.")
    ada.press("Allow", within=ada.page.locator("dialog[open]"))
    ada.sees("Allowed")
    ada.look("connections")
    ada.follow("Set-up")
    for username, (name, role) in {"niels": ("Niels Kramer", "Site coordinator"), **PEOPLE}.items():
        ada.page.get_by_text("Give a role", exact=True).click()
        ada.fill(username=username, full_name=name, password=GIVEN)
        ada.page.locator("#id_role").select_option(label=role)
        if role == "Site coordinator":
            ada.page.locator('[name="site"]').select_option(index=1)
        if role == "Auditor":
            ada.fill(last_day=(dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30)).isoformat())
        ada.press("Give role")
        ada.told(f"{name} is {role.lower()} now")
    ada.look("setup")
    ada.go("/")
    ada.look("home")


def is_not_ready(ada: Person) -> None:
    ada.follow("Set-up")
    ada.follow("Readiness and lock")
    assert "is not signed by all its readers" in ada.look("lock-not-ready")


def lock(ada: Person) -> None:
    ada.follow("Set-up")
    ada.follow("Readiness and lock")
    assert "Ready to lock" in ada.look("lock-ready")
    ada.fill(password=PASSWORD)
    ada.press("Sign and lock")
    ada.until(lambda: ada.page.get_by_role("link", name="Download package"))
    ada.look("package")
    ada.follow("Set-up")
    ada.look("setup-locked")
    ada.follow("See the lock")
    ada.sees("Nothing in the trial changes any more")
    ada.look("locked")


# --- the site --------------------------------------------------------------------------------------------------------
def enrol(niels: Person) -> None:
    niels.look("home-first", phone=True)
    niels.follow("Subjects")
    niels.look("subjects-none", phone=True)
    niels.follow(f"Enrol at {SITE}")
    niels.fill(code=SUBJECT, reference_date=DAY_1.isoformat())
    niels.look("enrol", phone=True)
    niels.press("Enrol subject")
    niels.told("the visits are planned")
    niels.look("subject-enrolled", phone=True)


def finds_what_the_scanner_sent(niels: Person) -> None:
    niels.follow("Subjects")
    niels.until(lambda: niels.page.get_by_role("link", name="In QC"))
    niels.look("subjects", phone=True)
    niels.follow("In QC")
    images = niels.page.locator("td[data-label=Images]")
    niels.until(lambda: images.filter(has_text=str(GRID.slices)))
    niels.look("timepoint", phone=True)
    niels.follow("Deliveries")
    niels.look("deliveries", phone=True)
    niels.follow("Quarantine")
    assert "1 image" in niels.look("quarantine", phone=True)


def declare(niels: Person) -> None:
    """Fill in the transfer form of the baseline, first without the agent, and sign it."""
    niels.follow("Subjects")
    niels.follow(SUBJECT)
    niels.follow("Baseline")
    niels.sees("Transfer form not signed yet")
    niels.follow("Fill in and sign")
    date = niels.page.locator("[name=SCANDT]")
    expect(date).to_have_value(date_of(-5, DAY_1).isoformat())
    niels.fill(SCANNER="CT 2, room 4", DEVIATE="The arterial phase was left out.")
    niels.page.get_by_role("group", name="Were all images sent?").get_by_label("Yes").check()
    niels.page.get_by_role("group", name="Was contrast given?").get_by_label("Yes").check()
    niels.look("form", phone=True)
    niels.press("Save draft")
    niels.told("The draft is saved")
    niels.fill(password=PASSWORD)
    niels.press("Sign transfer form")
    niels.sees("An answer is needed before the form is signed.")
    niels.look("form-incomplete", phone=True)
    niels.fill(AGENT="Iohexol 350", VOLUME="90", DELAY="70", password=PASSWORD)
    niels.press("Sign transfer form")
    niels.told("The transfer form is signed")
    niels.look("timepoint-form-signed", phone=True)
    niels.follow("Open")
    niels.sees("The arterial phase was left out.")
    niels.look("form-signed", phone=True)


def upload(niels: Person, what: Path, *, recognised: int) -> None:
    """Choose a folder or a ZIP for week 8, and see what it was taken for."""
    niels.follow("Subjects")
    niels.follow(SUBJECT)
    niels.follow("Week 8")
    niels.page.wait_for_url("**/imaging/timepoints/*/")
    niels.page.keyboard.press("u")
    niels.page.wait_for_url("**/upload/")
    niels.look(f"upload-{what.suffix.lstrip('.') or 'folder'}-before", phone=True)
    chooser = "input[webkitdirectory]" if what.is_dir() else "input[type=file]:not([webkitdirectory])"
    niels.page.locator(chooser).first.set_input_files(what)
    send = niels.page.get_by_role("button", name=re.compile("^Send (anyway|[0-9]+ files?)$"))
    expect(send).to_be_visible(timeout=30_000)
    niels.look(f"upload-{what.suffix.lstrip('.') or 'folder'}-chosen", phone=True)
    send.click()
    expect(niels.page.locator("[data-part=notice]")).to_contain_text("Sent and safe", timeout=60_000)
    expect(niels.page.locator("[data-settled=yes]")).to_be_attached(timeout=60_000)
    row = niels.page.locator("[data-part=recognised] tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator("[data-label=Received]")).to_have_text(str(recognised))
    niels.look(f"upload-{what.suffix.lstrip('.') or 'folder'}", phone=True)


def answer(niels: Person) -> None:
    niels.look("home-query", phone=True)
    niels.follow("Queries")
    niels.look("queries", phone=True)
    niels.follow("Slices are missing")
    niels.fill(text="The export was interrupted. The complete series is on its way.")
    niels.look("query", phone=True)
    niels.press("Send answer")
    niels.told("with QC now")
    niels.look("query-answered", phone=True)


# --- quality control -------------------------------------------------------------------------------------------------
def sets_the_stray_aside(quirine: Person) -> None:
    quirine.look("home")
    quirine.follow("Deliveries held")
    quirine.look("quarantine")
    quirine.fill(reason="Not a subject of this trial.")
    quirine.press("Set aside")
    dialog = quirine.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    quirine.press("Set aside", dialog)
    quirine.told("set aside")


def take_from_queue(quirine: Person, visit: str) -> Locator:
    """Wait until a timepoint waits for QC, among those not decided yet."""
    quirine.follow("QC")
    return quirine.until(lambda: quirine.page.locator("#reviews").get_by_role("link", name=f"{SUBJECT} {visit}"))


def clear(quirine: Person, visit: str) -> None:
    """Look through the slices, deal with each finding, and clear the timepoint by signature."""
    waiting = take_from_queue(quirine, visit)
    quirine.look(f"queue-{visit.lower()}")
    waiting.click()
    quirine.sees("Iohexol 350" if visit == "BL" else "Transfer form not signed yet")
    images = quirine.page.locator("[data-stack]")
    expect(images).to_have_attribute("data-slice", re.compile(r"\d"))
    first = images.get_attribute("data-slice")
    quirine.page.locator("[data-view]:visible").last.hover()
    quirine.page.mouse.wheel(0, 120)
    expect(images).not_to_have_attribute("data-slice", first or "")
    quirine.look(f"review-{visit.lower()}")
    for part in ("images", "form") if visit == "BL" else ("images",):
        quirine.page.locator(f'[name="{part}_verdict"][value="pass"]').check()
    quirine.fill(comment="Complete and sharp.", password=PASSWORD)
    quirine.press("Sign the decision")
    quirine.told("is cleared for reading")


def send_back(quirine: Person) -> None:
    """Fail the blocking finding with a reason, and ask the site for the missing slices."""
    take_from_queue(quirine, "W8").click()
    finding = quirine.page.locator(".px-finding").filter(has_text="Blocks").first
    quirine.press("Fail", finding)
    quirine.told("needs a reason")
    finding.get_by_label("Reason").fill("Five slices of the lower chest are missing.")
    quirine.press("Fail", finding)
    expect(quirine.page.locator(".px-finding").filter(has_text="Five slices")).to_contain_text("Fail")
    quirine.page.locator('[name="images_verdict"][value="fail"]').check()
    quirine.fill(
        images_reason="The series has a gap.",
        images_title="Slices are missing",
        images_text="Please send the complete series again.",
        password=PASSWORD,
    )
    quirine.look("review-fail")
    quirine.press("Sign the decision")
    quirine.told("went back to its site")


def close_query(quirine: Person) -> None:
    quirine.follow("Queries")
    quirine.follow("Slices are missing")
    quirine.fill(text="Complete now. Thank you.")
    quirine.look("query")
    quirine.press("Close query")
    quirine.told("closed")


# --- reading ---------------------------------------------------------------------------------------------------------
def read_baseline(reader: Person, *, scale: float) -> None:
    """Pick targets and a non-target by keyboard, each on its slice, save and sign."""
    open_next(reader, "worklist")
    for key, lesion, target in (("t", LUNG, True), ("t", LIVER, True), ("t", NODE, True), ("n", OTHER_LUNG, False)):
        scroll_to(reader, lesion, 0)
        reader.page.keyboard.press(key)
        row = reader.page.locator("[data-lesion]:visible:focus-within")
        reader.page.keyboard.type(lesion.organ)
        reader.page.keyboard.press("Tab")
        reader.page.keyboard.type(lesion.label)
        if target:
            reader.page.keyboard.press("Tab")
            reader.page.keyboard.type(millimetres(lesion, 0, scale))
        row.get_by_role("button", name="Seen on the slice shown").click()
    save(reader)
    expect(reader.page.locator("[data-result]")).to_contain_text("Sum of diameters")
    reader.look("read-baseline")
    sign(reader)


def read_follow_up(reader: Person, *, scale: float, new_lesion: bool) -> None:
    """Measure the carried lesions; one of the two readers finds that something is new."""
    open_next(reader, "worklist-follow-up")
    for number, lesion in enumerate((LUNG, LIVER, NODE)):
        row = reader.page.locator("[data-rows=target] [data-lesion]").nth(number)
        scroll_to(reader, lesion, 1)
        row.get_by_label("mm").fill(millimetres(lesion, 1, scale))
        row.get_by_role("button", name="Seen on the slice shown").click()
    reader.page.locator("[data-rows=non_target]").get_by_label("State now").select_option(label="Present")
    reader.press("Earlier timepoint")
    if new_lesion:
        scroll_to(reader, NEW, 1)
        reader.page.keyboard.press("n")
        row = reader.page.locator("[data-rows=new] [data-lesion]:visible")
        reader.page.keyboard.type(NEW.organ)
        reader.page.keyboard.press("Tab")
        reader.page.keyboard.type(NEW.label)
        row.get_by_label("State now").select_option(label="Unequivocal")
        row.get_by_role("button", name="Seen on the slice shown").click()
    save(reader)
    expect(reader.page.locator(".px-response b")).to_have_text("PD" if new_lesion else "SD")
    text = reader.look("read-follow-up")
    assert not any(word in text for word in (TRIAL, SITE, SUBJECT, "Noorderhaven", str(DAY_1.year)))
    sign(reader)


def open_next(reader: Person, name: str) -> None:
    reader.go("/reading/")
    reader.until(lambda: reader.page.get_by_role("link", name="Read next"))
    text = reader.look(name)
    assert not any(word in text for word in (TRIAL, SITE, SUBJECT))
    reader.page.keyboard.press("n")
    expect(reader.page.locator("#read")).to_be_visible()


def scroll_to(reader: Person, lesion: Lesion, timepoint: int) -> None:
    """Bring the slice through a lesion's centre up, by the arrow keys."""
    depth = PHANTOM.lesion_centre_mm(lesion, timepoint)[2]
    wanted = min(range(GRID.slices), key=lambda n: abs(GRID.z_mm[n] - depth)) + 1
    reader.page.locator("[data-view]:visible").last.focus()
    place = reader.page.locator("[data-position]")
    expect(place).to_contain_text(re.compile(r"Slice \d"))  # empty until the first slice is drawn
    shown = int(re.findall(r"\d+", place.inner_text())[0])
    for _ in range(abs(wanted - shown)):
        reader.page.keyboard.press("ArrowDown" if wanted > shown else "ArrowUp")
    expect(place).to_contain_text(f"Slice {wanted} ")


def save(reader: Person) -> None:
    reader.press("Save draft")
    expect(reader.page.locator("[data-saved]")).to_contain_text("Saved")


def sign(reader: Person) -> None:
    reader.fill(password=PASSWORD)
    reader.press("Sign and lock")
    reader.told("is signed and locked")


def adjudicate(alasdair: Person) -> None:
    """Choose the side that saw the new lesion, which is there."""
    alasdair.go("/reading/adjudications/")
    alasdair.until(lambda: alasdair.page.get_by_role("link", name="Adjudicate next"))
    alasdair.look("adjudications")
    alasdair.page.keyboard.press("n")
    expect(alasdair.page.locator(".px-side")).to_have_count(2)
    text = alasdair.look("adjudication")
    assert not any(word in text for word in (TRIAL, SUBJECT, "Renata", "Takeshi", "Silva", "Mori"))
    right = alasdair.page.locator(".px-side").filter(has_text="right middle lobe")
    right.get_by_role("radio").check()
    alasdair.fill(rationale="The nodule of the right middle lobe is new and solid.", password=PASSWORD)
    alasdair.look("adjudication-decision")
    alasdair.press("Sign the decision")
    alasdair.told("decided")
    alasdair.look("adjudications-decided")


# --- those who watch -------------------------------------------------------------------------------------------------
def watch(marit: Person) -> None:
    marit.look("home")
    marit.follow("Reading")
    assert "Decided" in marit.look("progress")
    marit.follow("Agreement")
    assert "ICC(2,1)" in marit.look("agreement")
    figures = marit.page.request.get(marit.page.get_by_role("link", name="JSON").get_attribute("href") or "").json()
    assert figures["adjudication"]["adjudicated"] == 1


def sees_no_outcome(sofia: Person) -> None:
    sofia.look("home")
    sofia.follow("Progress")
    assert not OUTCOME.search(sofia.look("progress").replace("Progress", ""))
    number = re.findall(r"\d+", sofia.page.url.rpartition("/trials/")[2])[0]
    sofia.follow("Package")
    text = sofia.look("package-before")
    assert "Not locked yet" in text
    assert not OUTCOME.search(text)
    for hidden in ("variability/", "variability.json", "lock/"):
        assert sofia.page.request.get(f"/reading/trials/{number}/{hidden}").status in (403, 404), hidden


def download(sofia: Person) -> None:
    """Take the package; every file in it is what the manifest says, and nothing in it names the patient."""
    sofia.follow("Package")
    sofia.until(lambda: sofia.page.get_by_role("link", name="Download package"))
    text = sofia.look("package")
    with sofia.page.expect_download() as taken:
        sofia.follow("Download package")
    content = taken.value.path().read_bytes()
    assert hashlib.sha256(content).hexdigest() in text
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        files = {Path(name).name: package.read(name) for name in package.namelist()}
    listed = {Path(f["name"]).name: f["sha256"] for f in json.loads(files["manifest.json"])["files"]}
    assert listed == {n: hashlib.sha256(body).hexdigest() for n, body in files.items() if n != "manifest.json"}
    assert SUBJECT.encode() in files["subjects.csv"]
    everything = b"".join(files.values())
    assert not [value for value in sofia.never if value.encode() in everything]


def follow_the_trail(aurelio: Person) -> None:
    """Find who decided what in the trail, and one record's own history with its signature."""
    aurelio.look("home")
    aurelio.follow("Audit trail")
    aurelio.look("trail")
    aurelio.fill(q="alasdair adjudication")
    aurelio.press("Search")
    assert "Dr Alasdair Reid" in aurelio.look("trail-search")
    aurelio.follow("adjudication A-")
    aurelio.sees("Only what happened to adjudication A-")
    aurelio.look("trail-record")
    aurelio.go("/")
    aurelio.follow("Subjects")
    aurelio.look("subjects")
    aurelio.follow(SUBJECT)
    aurelio.look("subject")
    aurelio.follow("Subjects")
    aurelio.follow("Imaging charter")
    aurelio.look("charter")
    aurelio.follow("History of this version")
    assert "Ada Admiraal" in aurelio.look("history")


# --- what is sent ----------------------------------------------------------------------------------------------------
def scan(
    folder: Path, timepoint: int, *, code: str = SUBJECT, grid: Grid = GRID, dropped: frozenset[int] = frozenset()
) -> Path:
    """A scan as the site's scanner writes it, with an invented patient in its header."""
    date = date_of(-5 if timepoint == 0 else 57, DAY_1)
    trial = {"ClinicalTrialSubjectID": code}
    spec = SeriesSpec(number=9, dropped=dropped) if code != SUBJECT else SeriesSpec(dropped=dropped)
    instances = ct_series(PHANTOM, timepoint, study_date=date, identity=IDENTITY, trial=trial, grid=grid, series=spec)
    write_series(folder, instances)
    return folder


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as whole:
        for file in sorted(folder.iterdir()):
            whole.write(file, f"DICOM/{file.name}")
    return path


def storescu(house: Installation, folder: Path) -> int:
    command = [tool("storescu"), "-aet", SCANNER, "-aec", "PARALLAX", "+sd", "127.0.0.1", str(house.dicom_port)]
    return subprocess.run([*command, str(folder)], check=False, timeout=120).returncode


def millimetres(lesion: Lesion, timepoint: int, scale: float) -> str:
    return f"{lesion.measured_diameter_mm(timepoint) * scale:.1f}"
