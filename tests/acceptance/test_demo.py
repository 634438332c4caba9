"""The demonstration: it ends well, the same way each time, and nothing of the patients' headers gets out.

Every value that the demonstration's scanners wrote into headers is looked for in everything that an installation
keeps or shows, outside the quarantine.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from pydicom import dcmread

from compliance import vault
from compliance.exporting import verify
from config.demo import story
from config.demo.doors import Browser
from tests.support.installation import Installation, installed
from tests.support.leaks import Planted, Search, planted_in, texts_of
from tests.support.originals import originals
from tests.support.tools import requires_tool, tool
from trials.models import Role

pytestmark = pytest.mark.requirement("REQ-LOC-012")

#: Days that the sites enter as a subject's day 1; another patient of the story was scanned on two of them.
REFERENCE_DATES = frozenset(patient.reference_date for patient in story.PATIENTS)
#: Days on which visits are planned, reckoned from day 1; a subject's page shows them, and some scans kept to them.
PLANNED_DATES = {(day + dt.timedelta(days=visit)).isoformat() for day in REFERENCE_DATES for visit in (-7, 56, 112)}
#: What a kind of page may show of what was in headers, because a site or the charter said it too.
KNOWN_OTHERWISE = {"/trials/subjects/#/": PLANNED_DATES}
#: Where a site is told which of its patients became which subject; nobody else is.
OF_PATIENTS = {"/imaging/sites/#/patients/", "/imaging/sites/#/patients/list/"}
#: Pages of one kind that each person opens.
PAGES_OF_A_KIND = 2
PIXEL_DATA = b"\xe0\x7f\x10\x00"
#: A folder that lasts from the suite's run on one database to its run on the other (see scripts/test.sh).
BETWEEN_DATABASES = os.environ.get("PARALLAX_BETWEEN_DATABASES", "")
ELSEWHERE = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
#: Three people get an app and recovery codes, the analyst a token for images, and one person a session: what is shown
#: then, or is in their cookie, and nowhere else.
SHOWN_ONCE = """
import base64
from django.utils import timezone
from compliance import factors, kept_sessions, one_time, tokens
from compliance.models import User
from imaging.models import ArchiveToken
from trials.models import Trial
at, answer = timezone.now(), []
for person in User.objects.filter(username__in=["manager", "qc", "reader1"]):
    new = factors.NewApp(one_time.new_secret())
    code = one_time.code_of(new.secret, one_time.step_at(at.timestamp()))
    assert factors.add_app(user=person, new=new, code=code, at=at)
    answer += [base64.b32encode(new.secret).decode(), new.secret.hex(), base64.b64encode(new.secret).decode()]
    answer += [form for made in factors.new_recovery_codes(user=person, at=at) for form in (made, one_time.plain(made))]
analyst = User.objects.get(username="qc")
session = kept_sessions.SessionStore()
session.save()
answer.append(session.session_key)
answer += [tokens.issue(ArchiveToken(trial=trial), actor=analyst, at=at)[1] for trial in Trial.objects.all()]
"""
#: Derives RS from TR with nothing of ours.
REDERIVE = Path(__file__).parents[1] / "reading" / "exports" / "rederive.py"
STEPS = """Set-up Qualification Enrolment C-STORE Web upload Archive Quarantine QC Query Reads Adjudication Variability
Quarantine Lock Package Sponsor SHA-256"""


@dataclass
class Demo:
    """A demonstration that was played to its end, and what it printed."""

    installation: Installation
    printed: str

    @property
    def home(self) -> Path:
        """Its data folder."""
        return self.installation.data_dir

    @property
    def package(self) -> Path:
        """What the sponsor downloaded."""
        (path,) = self.home.glob("*.zip")
        return path

    @cached_property
    def planted(self) -> Planted:
        """What was in the headers of everything that was sent."""
        return planted_in(sorted((self.home / "scanners").rglob("*.dcm")), ignored=REFERENCE_DATES)


def played(data_dir: Path, **more: str) -> Iterator[Demo]:
    """Play the demonstration as `make demo ARGS=--exit` does."""
    with installed(data_dir) as outer:
        printed = outer.manage("demo", "--exit", timeout=900, **more)
        inner = Installation(data_dir / "demo", dict(outer.environment), outer.web_port, outer.dicom_port)
        yield Demo(inner, printed)
        inner.stop()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demonstration for all tests of this module."""
    more = ELSEWHERE if BETWEEN_DATABASES and "PARALLAX_DATABASE_URL" in os.environ else {}
    yield from played(tmp_path_factory.mktemp("demo"), **more)


def test_each_step_is_printed_with_its_counts_and_time(demo: Demo) -> None:
    lines = [line for line in demo.printed.splitlines() if line.startswith("  ")]
    shown = [" ".join(line[2:18].split()) for line in lines]

    assert " ".join(shown) == " ".join(STEPS.split())
    assert [line for line in lines[:-1] if not re.search(r"\d\.\d s$", line)] == []
    # 3 subjects of 3 visits of 48 slices; one of the nine scans of the other site lacks 6; two strays.
    figures = {name: re.findall(r"\d+", line[18:104]) for name, line in zip(shown, lines, strict=True)}
    assert figures["C-STORE"][1] == "432"
    assert figures["Web upload"] == ["02", "426"]
    assert figures["Archive"] == ["858", "860"]
    assert figures["Query"][0] == "42"
    assert figures["Reads"] == ["36"]


def test_the_package_proves_itself(demo: Demo) -> None:
    assert verify(demo.package.read_bytes()) == []


def test_the_package_goes_through_the_verifier_that_it_brings(demo: Demo, tmp_path: Path) -> None:
    with zipfile.ZipFile(demo.package) as archive:
        archive.extract("parallax_verify.py", tmp_path)
    run = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "parallax_verify.py", demo.package], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout.startswith("The package is what was locked")) == (0, True), run.stdout


def test_every_response_of_its_sdtm_follows_from_the_measurements_by_a_script_of_its_own(
    demo: Demo, tmp_path: Path
) -> None:
    with zipfile.ZipFile(demo.package) as archive:
        archive.extractall(tmp_path)
    run = subprocess.run([sys.executable, REDERIVE, tmp_path / "sdtm" / "xpt"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    # 6 subjects, 2 readers: at least new lesion and overall response at 2 visits, and the best one.
    assert int(run.stdout.split()[0]) >= 6 * 2 * 5


def test_another_run_gives_the_same_package(demo: Demo, tmp_path: Path) -> None:
    """On another day of another place; when the suite runs on two databases, the other run is on the other one."""
    if BETWEEN_DATABASES:
        kept = Path(BETWEEN_DATABASES) / demo.package.name
        if not kept.exists():
            shutil.copy(demo.package, kept)
            pytest.skip("the other database's run is compared with this one")
        assert kept.read_bytes() == demo.package.read_bytes()
        return
    for again in played(tmp_path / "again", **ELSEWHERE):
        assert again.package.name == demo.package.name
        assert again.package.read_bytes() == demo.package.read_bytes()


def test_the_search_finds_what_is_there_to_find(demo: Demo) -> None:
    planted = demo.planted
    everything = planted.texts | planted.uids | {day.isoformat() for day in planted.dates - REFERENCE_DATES}

    quarantine = [dcmread(BytesIO(file)) for file in originals(demo.home)]

    assert planted.found_in("\n".join({text for dataset in quarantine for text in texts_of(dataset)})) == everything
    names = {"Jansen^Wilhelmina^Maria", "Müller", "Кузнецов", "NH4418203", "CompressedSamples^CT1", "1CT1", "4MR1"}
    assert names < everything
    assert {"1958-03-17", "2025-09-07", "2004-01-19"} < everything
    assert planted.found_in(
        '<td>M&uuml;ller</td> {"born": "17 Mar 1958", "by": "\\u041a\\u0443\\u0437\\u043d\\u0435\\u0446\\u043e\\u0432"}'
    ) == {
        "Müller",
        "1958-03-17",
        "Кузнецов",
    }


def test_the_archive_holds_none_of_it(demo: Demo) -> None:
    texts, headers = set(), []
    for path in (demo.home / "archive").rglob("*.dcm"):
        raw = path.read_bytes()
        headers.append(raw[: raw.rindex(PIXEL_DATA)])
        dataset = dcmread(path)
        texts.update(texts_of(dataset), [path.name])
        assert raw.endswith(dataset.PixelData)
        assert dataset.PatientID in {patient.code for patient in story.PATIENTS}

    # 18 scans of 48 slices.
    assert len(headers) == 864
    assert demo.planted.found_in("\n".join(texts)) == set()
    assert demo.planted.found_in(b"\n".join(headers)) == set()


def test_the_database_holds_none_of_it(demo: Demo) -> None:
    found = {}
    for table in demo.installation.tables():
        rows = demo.installation.rows(f'SELECT * FROM "{table}"')  # noqa: S608 - the catalogue's own name
        text = "\n".join({_plain(value) for row in rows for value in row.values()})
        found[table] = demo.planted.found_in(text)

    assert len(found) > 30
    assert {table: what for table, what in found.items() if what} == {}


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def test_originals_lie_under_lock(demo: Demo) -> None:
    files = list((demo.home / "quarantine").rglob("*.dcm"))

    assert len(files) > 800
    assert [path.name for path in files if not vault.is_locked(path.read_bytes()[:16])] == []


@pytest.mark.requirement("REQ-LOC-012", "REQ-PRI-003")
def test_no_other_file_of_the_installation_holds_any_of_it(demo: Demo) -> None:
    """Logs, spool, broker, keys, exports, and on SQLite what lies in the database's freed pages."""
    # Copies for the viewer are compressed values and nothing else, in which a word of three letters is there by chance.
    apart = {"quarantine", "scanners", "static", "archive", "display"}
    files = [
        path for path in demo.home.rglob("*") if path.is_file() and path.relative_to(demo.home).parts[0] not in apart
    ]

    found = {path.name: demo.planted.found_in(path.read_bytes().decode("utf-8", "replace")) for path in files}

    assert "serve.log" in found
    assert {name: what for name, what in found.items() if what} == {}
    assert demo.planted.found_in(demo.printed) == set()


@requires_tool("pdftotext")
def test_the_package_holds_none_of_it(demo: Demo, tmp_path: Path) -> None:
    with zipfile.ZipFile(demo.package) as package:
        package.extractall(tmp_path)
        names = package.namelist()
    report = subprocess.run([tool("pdftotext"), tmp_path / "report.pdf", "-"], capture_output=True, check=True).stdout

    assert len(report) > 1000
    assert demo.planted.found_in(report) == set()
    assert {name: what for name in names if (what := demo.planted.found_in((tmp_path / name).read_bytes()))} == {}


@pytest.mark.one_database
def test_no_page_shows_any_of_it_to_anybody(demo: Demo) -> None:
    demo.installation.start()

    opened = {person.username: dict(crawled(demo.installation.address, person.username)) for person in story.PEOPLE}

    assert demo.planted.found_in(demo.installation.log) == set()
    found = {
        (who, path): demo.planted.found_in(page) - KNOWN_OTHERWISE.get(_kind(path), set())
        for who, pages in opened.items()
        for path, page in pages.items()
    }
    told = {(who, _kind(path)) for (who, path), what in found.items() if what and _kind(path) in OF_PATIENTS}
    sites = {person.username for person in story.PEOPLE if person.role == Role.SITE_COORDINATOR}
    assert told == {(who, kind) for who in sites for kind in OF_PATIENTS}
    assert {where: what for where, what in found.items() if what and _kind(where[1]) not in OF_PATIENTS} == {}
    assert min(len(pages) for pages in opened.values()) > 5
    kinds = {_kind(path) for pages in opened.values() for path in pages}
    assert {
        "/trials/#/audit/",
        "/imaging/timepoints/#/",
        "/reading/tasks/#/",
        "/history/trials.imagingcharter/#/",
    } <= kinds


def crawled(address: str, username: str) -> Iterator[tuple[str, str]]:
    """Every kind of page and API answer that a person reaches from home by links, a few of each kind."""
    browser = Browser(address, username, story.PASSWORD)
    waiting, known, kinds = ["/", "/api/v1/"], {"/", "/api/v1/"}, Counter[str]()
    while waiting:
        path = waiting.pop(0)
        try:
            with browser.opener.open(
                urllib.request.Request(address + path, headers={"Accept": "text/html, */*"})
            ) as answer:
                kind, body = answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as refusal:
            kind, body = refusal.headers.get_content_type(), refusal.read()
        page = body.decode("latin-1" if kind.startswith(("image/", "application/zip", "application/pdf")) else "utf-8")
        yield path, page
        for link in re.findall(r"""(?:href|src|hx-get|action)=["']([^"']+)|"(http://[^"]+)""", page):
            target = urlsplit(urljoin(address + path, "".join(link).replace("&amp;", "&")))
            local = target.path + (f"?{target.query}" if target.query else "")
            foreign = f"{target.scheme}://{target.netloc}" != address or local.startswith(("/static/", "/sign-out/"))
            if foreign or local in known or kinds[_kind(local)] >= PAGES_OF_A_KIND:
                continue
            known.add(local)
            kinds[_kind(local)] += 1
            waiting.append(local)


def _kind(path: str) -> str:
    """An address without what names one record."""
    bare = path.partition("?")[0]
    return "/".join("#" if re.search(r"\d", part) and part != "v1" else part for part in bare.split("/"))


@pytest.mark.requirement("REQ-STO-002", "REQ-STO-003", "REQ-PRI-003")
def test_a_raw_copy_of_database_and_files_tells_no_name_no_pixel_and_no_secret(demo: Demo) -> None:
    """Whoever takes the disks away learns what they hold where the design says so, and nowhere else.

    Names are in no file that was not the scanners' own; runs of original pixels where de-identified images are; the
    keys of the installation in their folder, which is kept apart from what they open.
    """
    keys = [*(demo.home / "keys").rglob("*.key"), demo.home / "secret_key"]
    secrets = {text.encode() for text in demo.installation.ask(SHOWN_ONCE)} | {story.PASSWORD.encode()}
    secrets |= {form for key in keys for form in _forms_of_key(key.read_text().strip())}
    names = {text.encode() for text in demo.planted.texts if len(text) >= 8}
    pixels = {run for file in originals(demo.home, each=9) if (run := _a_run_of_pixels(file))}
    search = Search(secrets | names | pixels)
    of_key = {key.relative_to(demo.home): set(_forms_of_key(key.read_text().strip())) for key in keys}

    found = {}
    for where, raw in _raw_copy(demo):
        allowed = pixels if where.parts[0] in ("archive", "display") else of_key.get(where, set())
        if hit := search.found_in(raw) - allowed:
            found[where] = hit

    assert len(secrets) >= 70
    assert len(names) >= 20
    assert len(pixels) >= 20
    assert len(secrets | names | pixels) >= 150
    assert search.found_in(b"\0".join(secrets | names | pixels)) == secrets | names | pixels
    assert found == {}


def _forms_of_key(text: str) -> Iterator[bytes]:
    yield text.encode()
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(text)
        yield base64.b64encode(bytes.fromhex(text))


def _a_run_of_pixels(file: bytes) -> bytes:
    """The first 48 bytes of an image that say more than that it is dark there; none: it has no such place."""
    raw = file[file.rindex(PIXEL_DATA) + 12 :] if PIXEL_DATA in file else b""
    runs = (raw[at : at + 48] for at in range(0, len(raw) - 48, 48))
    return next((run for run in runs if len(set(run)) > 24), b"")


def _raw_copy(demo: Demo) -> Iterator[tuple[Path, bytes]]:
    """Each file of the installation as it lies on the disk, and each table."""
    for path in sorted(demo.home.rglob("*")):
        where = path.relative_to(demo.home)
        if path.is_file() and where.parts[0] not in ("scanners", "static"):
            yield where, path.read_bytes()
    for table in demo.installation.tables():
        rows = demo.installation.rows(f'SELECT * FROM "{table}"')  # noqa: S608 - the catalogue's own name
        values = (value for row in rows for value in row.values())
        yield Path(table), b"\n".join(value if isinstance(value, bytes) else _plain(value).encode() for value in values)
