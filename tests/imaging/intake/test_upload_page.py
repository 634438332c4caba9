"""The upload page in a real browser: what it says before anything is sent, and that nothing is sent twice or lost."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import signal
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from playwright.sync_api import Error as BrowserError

from compliance.errors import HouseError
from imaging.deid.patients import digest_of
from imaging.dicom.files import NotDicom
from imaging.dicom.geometry import orientation_of
from imaging.dicom.headers import MediaDirectory, read_header, scan_date
from tests.factories.scans import encoded, scan, slice_of
from tests.factories.world import PASSWORD
from tests.imaging.deid.corpus import files as corpus
from tests.imaging.intake.web import encrypted
from tests.support.browser import FLAGS, browsing, launched_chromium
from tests.support.installation import Installation, installed
from tests.support.relay import Relay, relayed
from tests.support.tools import requires_tool, tool

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("serve"), requires_tool("chromium")]

CHUNK = 256 * 1024
PARALLEL = 3
#: All that is wanted by the charter's one rule: axial CT, thin enough, at least 30 images.
ENOUGH = 30
PATIENCE = 60_000
# Other tests may share the processors.
expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True)
class House:
    """A running installation, and the numbers of its timepoints by subject and code."""

    installation: Installation
    timepoints: dict[str, int]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.installation.rows(sql)

    def archived(self, timepoint: str) -> int:
        """Images in the archive for a timepoint, once all work is done."""
        self.installation.wait_until_quiet()
        rows = self.rows(
            "SELECT t.timepoint_id FROM imaging_instance i JOIN imaging_series s ON i.series_id = s.id"
            " JOIN imaging_imagingstudy t ON s.imaging_study_id = t.id"
        )
        return sum(row["timepoint_id"] == self.timepoints[timepoint] for row in rows)

    def deliveries(self, timepoint: str) -> list[str]:
        """States of the deliveries that were begun for a timepoint, the first one first."""
        rows = self.rows("SELECT state, timepoint_id FROM imaging_transfer ORDER BY id")
        return [row["state"] for row in rows if row["timepoint_id"] == self.timepoints[timepoint]]


class UploadPage:
    """The page as a coordinator sees it."""

    def __init__(self, page: Page, number: int) -> None:
        self.page, self.number = page, number

    def open(self) -> UploadPage:
        self.page.goto(f"/imaging/timepoints/{self.number}/upload/")
        expect(self.root("empty")).to_be_attached()
        return self

    def root(self, state: str) -> Any:
        return self.page.locator(f"[data-upload][data-state={state}]")

    def part(self, name: str) -> Any:
        return self.page.locator(f"[data-part={name}]")

    def choose(self, *paths: Path) -> UploadPage:
        folder = paths[0].is_dir()
        chooser = "input[webkitdirectory]" if folder else "input[type=file]:not([webkitdirectory])"
        self.page.locator(chooser).first.set_input_files(paths[0] if folder else list(paths))
        expect(self.root("chosen")).to_be_attached(timeout=PATIENCE)
        return self

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def send(self) -> UploadPage:
        self.part("send").click()
        return self

    def ends(self, words: str) -> UploadPage:
        expect(self.root("done")).to_be_attached(timeout=PATIENCE)
        expect(self.part("notice")).to_contain_text(words)
        return self

    def settles(self) -> str:
        expect(self.page.locator("[data-settled=yes]")).to_be_attached(timeout=PATIENCE)
        return str(self.part("recognised").inner_text())

    def wait_for_share(self, share: float) -> None:
        self.page.wait_for_function(
            "(share) => document.querySelector('[data-part=total]').value >= share", arg=share, timeout=PATIENCE
        )

    @property
    def warnings(self) -> list[str]:
        return [str(text) for text in self.part("checks").locator("li").all_inner_texts()]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with installed(tmp_path_factory.mktemp("installation")) as one:
        numbers = one.make_world(
            "from trials.models import Timepoint\n"
            "for n in range(3, 11): world.enrol(world.north, f'N-{n:03}')\n"
            "answer = {f'{t.subject.code} {t.code}': t.pk for t in Timepoint.objects.select_related('subject')}"
        )
        one.start(PARALLAX_UPLOAD_CHUNK_BYTES=str(CHUNK))
        yield House(one, numbers)


@contextlib.contextmanager
def signed_in(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """The northern coordinator at a desk of their own; what their browser complains about fails the test."""
    complaints: list[str] = []
    with browsing(browser, base_url=address) as context:
        page = context.new_page()
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        sign_in(page)
        page.close()
        yield context
    assert complaints == []


def sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.locator("[name=username]").fill("site-coordinator")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/$"))


@pytest.fixture(scope="module")
def desk(chromium: Browser, house: House) -> Iterator[BrowserContext]:
    with signed_in(chromium, house.installation.address) as context:
        yield context


@pytest.fixture
def page(desk: BrowserContext) -> Iterator[Page]:
    page = desk.new_page()
    yield page
    page.close()


def written(folder: Path, contents: list[bytes], start: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents, start=start):
        (folder / f"IM{number:04}").write_bytes(content)
    return folder


def large(folder: Path, subject: str, count: int = 6) -> Path:
    """A scan of a subject's own, of images of 2 MB each, no two of them alike."""
    images = [
        encoded(
            slice_of(
                number,
                scan_number=100 + int(subject[-3:]),
                Rows=1024,
                Columns=1024,
                PixelData=os.urandom(2 << 20),
                ClinicalTrialSubjectID=subject,
            )
        )
        for number in range(1, count + 1)
    ]
    return written(folder, images)


# --- what it reads ----------------------------------------------------------------------------------------------


LOOK = """async (all) => {
  const { look } = await import("/static/imaging/upload/looking.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const found = [];
  for (const each of all) found.push(await look(new File([bytes(each)], "x")));
  return found;
}"""


@pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with files that were made to be wrong
def test_headers_are_read_as_the_server_reads_them(page: Page, house: House) -> None:
    UploadPage(page, house.timepoints["N-001 BL"]).open()
    names, contents = zip(*corpus(), strict=True)

    found = page.evaluate(LOOK, [base64.b64encode(content).decode() for content in contents])

    compared = 0
    for name, content, told in zip(names, contents, found, strict=True):
        if "malformed" in name:
            continue  # what such a value says is anybody's guess
        try:
            header = read_header(content)
        except (NotDicom, MediaDirectory):
            # What calls itself DICOM is sent, and the server says what is wrong with it.
            assert told["kind"] != "dicom" or content[128:132] == b"DICM", name
            continue
        except HouseError:
            continue
        assert told["kind"] == "dicom", name
        (image,) = told["images"]
        said = {key: image[key] for key in ("study", "series", "instance", "modality", "frames")}
        assert said == {
            "study": header.study_instance_uid,
            "series": header.series_instance_uid,
            "instance": header.sop_instance_uid,
            "modality": header.modality,
            "frames": max(header.number_of_frames, 1),
        }, name
        try:
            expected = _told_of(header.dataset)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue  # malformed on purpose: pydicom does not read the value, and nobody shows it
        assert {key: image[key] for key in expected} == expected, name
        compared += 1
    assert compared > 150


SAME_DIGESTS = """async (texts) => {
  const { digestOf } = await import("/static/imaging/upload/patients.js");
  return Promise.all(texts.map(digestOf));
}"""


def test_a_patients_number_is_digested_as_the_server_does(page: Page, house: House) -> None:
    UploadPage(page, house.timepoints["N-001 BL"]).open()
    texts = ["12345", " ab  12 ", "ab 12", "99999", "00000", "--", "", "Größe 7", "患者 12", "n-001"]

    assert page.evaluate(SAME_DIGESTS, texts) == [digest_of(text) for text in texts]


def _told_of(dataset: Any) -> dict[str, Any]:
    date, patient = scan_date(dataset), str(dataset.get("PatientID") or "").strip()
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    return {
        "date": date.isoformat() if date else "",
        "thickness": float(dataset.get("SliceThickness") or 0) or None,
        "subject": str(dataset.get("ClinicalTrialSubjectID") or "").strip(),
        "patient": patient and f"{patient}\\{issuer}",
        "orientation": _orientation(dataset),
    }


def _orientation(dataset: Any) -> str:
    cosines = dataset.get("ImageOrientationPatient")
    if not cosines:
        return ""
    a, b, c, d, e, f = (float(value) for value in cosines)
    return str(orientation_of([b * f - c * e, c * d - a * f, a * e - b * d]))


def test_text_in_any_script_is_shown_as_it_was_written(page: Page, house: House) -> None:
    UploadPage(page, house.timepoints["N-001 BL"]).open()
    texts = {
        "ISO_IR 100": "Säugling",
        "ISO_IR 144": "Грудь",
        "ISO_IR 192": "胸部",
        "GB18030": "胸部",
        "ISO_IR 126": "θώρακας",
    }
    contents = [encoded(slice_of(SpecificCharacterSet=c, SeriesDescription=text)) for c, text in texts.items()]

    found = page.evaluate(LOOK, [base64.b64encode(content).decode() for content in contents])

    assert [told["images"][0]["description"] for told in found] == list(texts.values())


def test_a_digest_in_pieces_is_the_digest_of_the_whole(page: Page, house: House) -> None:
    UploadPage(page, house.timepoints["N-001 BL"]).open()
    content = bytes(range(256)) * 70_000

    found = page.evaluate(
        """async () => {
          const { digest } = await import("/static/imaging/upload/digest.js");
          const blob = new Blob([Uint8Array.from({ length: 256 * 70000 }, (_, n) => n % 256)]);
          return [await digest(blob), await digest(blob, 0)];
        }"""
    )

    assert found == [hashlib.sha256(content).hexdigest()] * 2


# --- what it says before anything is sent -------------------------------------------------------------------------


def whole(**values: Any) -> list[bytes]:
    """A scan of N-002 that leaves nothing to be desired."""
    return scan("N-002", slices=ENOUGH, **values)


WARNED = {
    "nothing": (whole(), []),
    "missing": (scan("N-002", slices=ENOUGH, Modality="MR"), ["is MR; the charter asks for CT", "is missing"]),
    "few": (scan("N-002", slices=12), ["12 images; at least 30 are expected"]),
    "thick": (whole(SliceThickness="7.5"), ["slices of 7.5 mm; at most 5 mm are allowed"]),
    "coronal": (
        whole(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        ["the slices are coronal; axial ones are expected"],
    ),
    "two patients": (
        [*whole(), *scan("N-002", slices=1, scan_number=2, PatientID="MRN1")],
        ["images are of 2 different patients"],
    ),
    "another subject": (
        scan("N-001", slices=ENOUGH, PatientID="MRN3"),
        ["30 images name another trial subject in the header than N-002"],
    ),
    "another visit": (whole(day=57), ["Scanned on 2 Mar 2026; this visit's window is 8 Dec 2025 to 5 Jan 2026"]),
    "burned in": (whole(BurnedInAnnotation="YES"), ["30 images say that text is burned into the pixels"]),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_is_not_as_expected_is_said_before_a_byte_is_sent(
    page: Page, house: House, tmp_path: Path, case: str
) -> None:
    contents, expected = WARNED[case]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    upload = UploadPage(page, house.timepoints["N-002 BL"]).open().choose(written(tmp_path / "scan", contents))

    found = upload.warnings

    assert len(found) == len(expected), found
    assert all(words in said for words, said in zip(expected, found, strict=True)), found
    expect(upload.part("send")).to_have_text("Send anyway" if expected else f"Send {ENOUGH} files")
    assert {url.rpartition("/uploads/")[2] for url in sent} == {"known/"}
    assert house.deliveries("N-002 BL") == []


def test_the_patient_is_not_named_on_the_page(page: Page, house: House, tmp_path: Path) -> None:
    contents = [*whole(), *scan("N-002", slices=1, scan_number=2, PatientID="MRN1")]
    UploadPage(page, house.timepoints["N-002 BL"]).open().choose(written(tmp_path / "scan", contents))

    content = page.content()

    assert not [word for word in ("MRN55667788", "Quillbrook", "19471123", "ACC918273645") if word in content]


def test_another_patient_than_in_earlier_images_is_warned_of_before_a_byte_is_sent(
    page: Page, house: House, tmp_path: Path
) -> None:
    hers, another = "MRN-71829345", "MRN-99041726"
    told: list[str] = []
    page.on("request", lambda request: told.extend((request.url, str(request.headers), str(request.post_data))))
    first = written(tmp_path / "first", scan("N-009", slices=2, scan_number=109, PatientID=hers))
    UploadPage(page, house.timepoints["N-009 BL"]).open().choose(first).send().ends("Sent and safe").settles()
    assert house.archived("N-009 BL") == 2
    told.clear()

    later = written(tmp_path / "later", scan("N-009", slices=ENOUGH, scan_number=110, day=57, PatientID=another))
    upload = UploadPage(page, house.timepoints["N-009 W8"]).open().choose(later)
    assert upload.warnings == [
        f"{ENOUGH} images: The Patient ID is not the one of the earlier images of N-009. Check who was scanned. "
        "If the hospital has given the patient a new number, send the images all the same and say so in the transfer "
        "form."
    ]
    expect(upload.part("send")).to_have_text("Send anyway")

    mixed_up = written(tmp_path / "mixed-up", scan(None, slices=ENOUGH, scan_number=111, PatientID=hers))
    upload = UploadPage(page, house.timepoints["N-010 BL"]).open().choose(mixed_up)
    assert upload.warnings == [
        f"{ENOUGH} images: The Patient ID belongs to N-009. Check who was scanned, and choose the timepoint of that "
        "subject."
    ]

    assert house.deliveries("N-009 W8") == house.deliveries("N-010 BL") == []
    assert [one for one in told if hers in one or another in one] == []


def test_files_that_are_no_images_stay_and_are_listed(page: Page, house: House, tmp_path: Path) -> None:
    folder = written(tmp_path / "scan", whole())
    (folder / "notes.txt").write_text("hello")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7\n")
    written(folder / "again", whole()[:1])
    upload = UploadPage(page, house.timepoints["N-002 BL"]).open().choose(folder)

    expect(upload.part("send")).to_have_text(f"Send {ENOUGH + 1} files")
    upload.part("left-count").click()

    assert _names(upload.part("left")) == ["notes.txt", "IM0000"]
    assert _names(upload.part("attachments")) == ["report.pdf"]


def _names(part: Any) -> list[str]:
    return [text.split()[0].rpartition("/")[2] for text in part.locator("li").all_inner_texts()]


def test_without_images_it_says_so_and_goes_no_further(page: Page, house: House, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.txt").write_text("hello")
    upload = UploadPage(page, house.timepoints["N-002 BL"]).open()

    page.locator("input[webkitdirectory]").first.set_input_files(folder)

    expect(upload.part("line")).to_contain_text("No DICOM images are among the 1 file you chose")
    expect(upload.root("empty")).to_be_attached()


def test_an_encrypted_zip_is_recognised_before_it_is_sent(page: Page, house: House, tmp_path: Path) -> None:
    (tmp_path / "scan.zip").write_bytes(encrypted(whole()[0]))

    upload = UploadPage(page, house.timepoints["N-002 BL"]).open().choose(tmp_path / "scan.zip")

    assert [said for said in upload.warnings if "It is encrypted" in said]


# --- what it sends ------------------------------------------------------------------------------------------------


def test_a_folder_arrives_whole_and_a_second_time_is_not_sent(page: Page, house: House, tmp_path: Path) -> None:
    folder = written(tmp_path / "Quillbrook Perpetua", scan("N-001", slices=ENOUGH))
    said: list[str] = []
    page.on("request", lambda request: said.extend((request.url, str(request.headers))))
    upload = UploadPage(page, house.timepoints["N-001 BL"]).open().choose(folder)
    row = upload.part("rows").locator("tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Chest and abdomen, axial")
    expect(page.locator("[data-rule='0']")).to_contain_text("30 images found, 5 mm")

    upload.send().ends("Sent and safe").settles()

    assert house.archived("N-001 BL") == ENOUGH
    assert house.deliveries("N-001 BL") == ["closed"]
    assert not [text for text in said if "Quillbrook" in text or "IM0001" in text]
    upload.open().choose(folder)
    assert upload.warnings == [f"{ENOUGH} files are already here and will not be sent again."]
    expect(upload.part("send")).to_be_hidden()


def test_a_zip_of_two_scans_arrives_and_what_is_refused_in_it_is_named(
    page: Page, house: House, tmp_path: Path
) -> None:
    images = [*scan("N-001", slices=ENOUGH, scan_number=5, day=57), *scan("N-001", slices=2, scan_number=6, day=57)]
    with zipfile.ZipFile(tmp_path / "both.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("DICOM/readme.txt", "hello")
        for number, content in enumerate(images):
            archive.writestr(f"DICOM/{number % 2}/IM{number}", content)
    upload = UploadPage(page, house.timepoints["N-001 W8"]).open().choose(tmp_path / "both.zip")
    expect(upload.part("rows").locator("tr")).to_have_count(2)
    assert upload.warnings == ["1 file in both.zip is not DICOM and will be refused."]

    recognised = upload.send().ends("Sent and safe").settles()

    assert "both.zip: DICOM/readme.txt" in recognised
    assert house.archived("N-001 W8") == ENOUGH + 2


def test_a_file_that_the_server_refuses_is_named_with_its_sentence(page: Page, house: House, tmp_path: Path) -> None:
    folder = written(tmp_path / "scan", scan("N-003", slices=2, scan_number=103))
    (folder / "IM0001").write_bytes((folder / "IM0001").read_bytes()[:-100])
    upload = UploadPage(page, house.timepoints["N-003 BL"]).open().choose(folder)

    upload.send().ends("Sent, but not everything was taken")

    (refused,) = upload.part("refused").locator("li").all_inner_texts()
    assert re.search(r"scan/IM0001.* ends in the middle of its content", refused, re.DOTALL), refused
    upload.settles()
    assert house.archived("N-003 BL") == 1


# --- what interrupts it -------------------------------------------------------------------------------------------


@pytest.fixture
def line(house: House) -> Iterator[Relay]:
    """A slow line to the application, on which bytes are counted."""
    with relayed(house.installation.web_port, bytes_per_second=1_000_000) as relay:
        yield relay


def test_a_tab_killed_on_the_way_goes_on_elsewhere_where_it_stopped(
    chromium: Browser, house: House, line: Relay, tmp_path: Path
) -> None:
    folder = large(tmp_path / "scan", "N-004")
    total = sum(path.stat().st_size for path in folder.iterdir())
    number = house.timepoints["N-004 BL"]
    doomed = chromium.browser_type.launch(executable_path=tool("chromium"), args=list(FLAGS))
    with contextlib.suppress(BrowserError), signed_in(doomed, line.address) as context:
        upload = UploadPage(context.new_page(), number).open().choose(folder)
        before = line.up
        upload.send().wait_for_share(0.6)
        _kill(doomed)

    with signed_in(chromium, line.address) as context:
        upload = UploadPage(context.new_page(), number).open()
        expect(upload.page.locator("main")).to_contain_text("An upload for this timepoint is unfinished")
        upload.choose(folder)
        told = " ".join(upload.warnings)
        assert re.search(r"[1-5] files? (is|are) already here", told), told
        assert re.search(r"[1-3] files? (was|were) cut off and will go on from there", told), told
        # What the system still had of the first browser has come through by now.
        first, before = line.up - before, line.up
        upload.send().ends("Sent and safe").settles()
    second = line.up - before

    headers = 100 * 1024
    assert second < 0.55 * total
    assert total <= first + second <= total + PARALLEL * CHUNK + headers
    assert house.archived("N-004 BL") == 6
    assert house.deliveries("N-004 BL") == ["closed"]


def _kill(browser: Browser) -> None:
    """End the browser's tabs, and then itself, without a word to anybody."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    for kind in ("renderer", "browser"):
        for process in processes:
            if process["type"] == kind:
                os.kill(int(process["id"]), signal.SIGKILL)


def test_a_lost_network_is_waited_for(chromium: Browser, house: House, line: Relay, tmp_path: Path) -> None:
    folder = large(tmp_path / "scan", "N-005", count=3)
    with signed_in(chromium, line.address) as context:
        upload = UploadPage(context.new_page(), house.timepoints["N-005 BL"]).open().choose(folder).send()
        upload.wait_for_share(0.3)
        context.set_offline(True)
        expect(upload.part("progress")).to_contain_text("The connection is lost")
        context.set_offline(False)
        upload.ends("Sent and safe").settles()
    assert house.archived("N-005 BL") == 3


def test_a_pause_lasts_until_the_person_continues(chromium: Browser, house: House, line: Relay, tmp_path: Path) -> None:
    folder = large(tmp_path / "scan", "N-006", count=3)
    with signed_in(chromium, line.address) as context:
        upload = UploadPage(context.new_page(), house.timepoints["N-006 BL"]).open().choose(folder).send()
        upload.wait_for_share(0.3)
        upload.press("Pause")
        expect(upload.part("progress")).to_contain_text("Paused.")
        expect(upload.part("flight").locator("li")).to_have_count(0)
        upload.press("Continue")
        upload.ends("Sent and safe").settles()
    assert house.archived("N-006 BL") == 3


def test_whoever_is_signed_out_meanwhile_is_told_and_goes_on_after_signing_in(
    chromium: Browser, house: House, line: Relay, tmp_path: Path
) -> None:
    folder = large(tmp_path / "scan", "N-007", count=3)
    with signed_in(chromium, line.address) as context:
        upload = UploadPage(context.new_page(), house.timepoints["N-007 BL"]).open().choose(folder).send()
        upload.wait_for_share(0.3)
        elsewhere = context.new_page()
        elsewhere.goto("/")
        elsewhere.evaluate("document.querySelector('form[action$=\"sign-out/\"]').submit()")
        expect(upload.part("progress")).to_contain_text("You are signed out. What was sent is safe")
        sign_in(context.new_page())
        upload.press("Continue")
        upload.ends("Sent and safe").settles()
    assert house.archived("N-007 BL") == 3


def test_stopping_lets_go_of_what_is_half_there(chromium: Browser, house: House, line: Relay, tmp_path: Path) -> None:
    folder = large(tmp_path / "scan", "N-008", count=4)
    with signed_in(chromium, line.address) as context:
        upload = UploadPage(context.new_page(), house.timepoints["N-008 BL"]).open().choose(folder).send()
        upload.wait_for_share(0.2)
        upload.press("Stop")
        upload.ends("Stopped")
    states = house.rows(
        "SELECT u.state, t.timepoint_id FROM imaging_webupload u JOIN imaging_transfer t ON u.transfer_id = t.id"
    )
    mine = {row["state"] for row in states if row["timepoint_id"] == house.timepoints["N-008 BL"]}
    assert mine <= {"discarded", "kept"}
    assert house.deliveries("N-008 BL") == ["closed"]
