"""The page on which somebody sees what a recipe makes of a file of theirs, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils.html import escape
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import expect

from imaging.forms import PreviewForm
from imaging.models import ReceivedInstance
from tests.factories import AT, PLANTED, World, make_world, scan
from tests.support.browser import PHONE, browsing, launched_chromium
from trials.models import ImagingCharter, Role

BACKEND = "django.contrib.auth.backends.ModelBackend"


def file(name: str = "x.dcm", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, scan("N-001", slices=1)[0] if content is None else content)


@pytest.fixture
def address(world: World) -> str:
    return f"/imaging/trials/{world.trial.pk}/deidentification/preview/"


@pytest.fixture
def other(world: World) -> ImagingCharter:
    """A draft whose recipe does not keep patient characteristics."""
    content = dict(world.trial.charter_in_force.content)  # type: ignore[union-attr]
    options = [one for one in content["deidentification"]["options"] if one != "retain_patient_characteristics"]
    content["deidentification"] = content["deidentification"] | {"options": options, "version": "draft"}
    return ImagingCharter.objects.create(trial=world.trial, version=2, content=content, created_at=AT)


def test_what_a_file_says_is_shown_before_and_after(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file()]})  # type: ignore[union-attr]

    (shown,) = page.context["files"]
    altered = {one.name: (one.before, one.after) for one in shown.altered}
    assert altered["Patient's Name"] == (PLANTED["PatientName"], "PREVIEW")
    assert altered["Patient's Birth Date"] == (PLANTED["PatientBirthDate"], "")
    assert ("Modality", "CT") in [(one.name, one.after) for one in shown.kept]
    assert PLANTED["PatientName"] in page.content.decode()
    assert page["Cache-Control"] == "private, no-store"


def test_nothing_of_it_is_kept(world: World, address: str, client: Client, own_disk: Path, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = own_disk / "tmp"
    (own_disk / "tmp").mkdir()
    client.force_login(world.coordinator, backend=BACKEND)
    content = scan("N-001", slices=1, PixelData=bytes(6 << 20), Rows=1024, Columns=3072)[0]

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file(content=content)]})  # type: ignore[union-attr]

    assert page.context["files"][0].altered
    assert not ReceivedInstance.objects.exists()
    planted = [value.encode() for value in PLANTED.values()]
    assert [
        path for path in own_disk.rglob("*") if path.is_file() and any(p in path.read_bytes() for p in planted)
    ] == []


def test_pseudonyms_are_those_of_the_moment(world: World, address: str, client: Client) -> None:
    """Whoever may preview must not learn the pseudonym of a guessed number, or the shift of a subject's dates."""
    client.force_login(world.administrator, backend=BACKEND)
    seen = []
    for _ in range(2):
        page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file()]})  # type: ignore[union-attr]
        after = {one.name: one.after for one in page.context["files"][0].altered}
        seen.append((after["SOP Instance UID"], after["Study Date"]))

    assert seen[0][0] != seen[1][0]


def test_two_versions_are_compared_over_several_files(
    world: World, address: str, client: Client, other: ImagingCharter
) -> None:
    client.force_login(world.administrator, backend=BACKEND)
    files = [file(content=one) for one in scan("N-001", slices=2, PatientSex="F")]

    page = client.post(
        address,
        {"charter": world.trial.charter_in_force.pk, "other": other.pk, "images": files},  # type: ignore[union-attr]
    )

    found = {(one.file, one.name): (one.before, one.first, one.second) for one in page.context["differences"]}
    assert {number for number, _ in found} == {1, 2}
    assert found[1, "Patient's Sex"] == ("F", "F", "")
    assert (1, "SOP Instance UID") not in found


def test_the_same_recipe_makes_the_same(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)
    charter = world.trial.charter_in_force.pk  # type: ignore[union-attr]

    page = client.post(address, {"charter": charter, "other": charter, "images": [file()]})

    assert page.context["differences"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no image at all", "DICOM"), (scan("N-001", slices=1, BurnedInAnnotation="YES")[0], "written into its pixels")],
)
def test_what_would_be_held_is_shown_with_its_sentence(
    content: bytes, said: str, world: World, address: str, client: Client
) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file(content=content)]})  # type: ignore[union-attr]

    assert said in page.context["files"][0].held
    assert escape(page.context["files"][0].held) in page.content.decode()


@pytest.mark.parametrize("images", [[], [file() for _ in range(PreviewForm.MOST_FILES + 1)]])
def test_no_files_or_too_many_are_refused(images: list[Any], world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": images})  # type: ignore[union-attr]

    assert "images" in page.context["form"].errors
    assert "files" not in page.context


def test_another_trials_charter_cannot_be_chosen(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": 999_999, "images": [file()]})

    assert "charter" in page.context["form"].errors


@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_the_files_stay_chosen(own_disk: Path, live_server: Any, tmp_path: Path) -> None:
    world = make_world()
    (tmp_path / "one.dcm").write_bytes(scan("N-001", slices=1)[0])
    client = Client()
    client.force_login(world.people[Role.TRIAL_ADMINISTRATOR], backend=BACKEND)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}

    with launched_chromium() as browser, browsing(browser, base_url=live_server.url, viewport=PHONE) as context:
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"/imaging/trials/{world.trial.pk}/deidentification/preview/")
        page.get_by_label("DICOM files").set_input_files(tmp_path / "one.dcm")
        page.get_by_role("button", name="Show before and after").click()

        expect(page.get_by_role("heading", name="File 1")).to_be_visible()
        expect(page.locator("#file-1")).to_contain_text(PLANTED["InstitutionName"])
        assert page.evaluate("document.querySelector('input[type=file]').files.length") == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        connection.close()


def test_text_in_pixels_is_blanked_in_the_preview_too(world: World, address: str, client: Client) -> None:
    """Its networks need more time and memory than a header does."""
    content = dict(world.trial.charter_in_force.content)  # type: ignore[union-attr]
    content["deidentification"] = {**content["deidentification"], "options": ["clean_pixel_data"], "pixels": "blank"}
    charter = ImagingCharter.objects.create(trial=world.trial, version=2, content=content, created_at=AT)
    client.force_login(world.administrator, backend=BACKEND)
    written = written_on("Quillbrook Perpetua")
    capture = scan("N-001", slices=1, BurnedInAnnotation="YES", PixelData=written.tobytes(), Rows=160, Columns=320)

    page = client.post(address, {"charter": charter.pk, "images": [file(content=capture[0])]})

    (shown,) = page.context["files"]
    assert shown.held == ""
    assert {one.name: one.after for one in shown.altered}["Burned In Annotation"] == "NO"


def written_on(text: str) -> Any:
    """A dark picture of 160 × 320 pixels of 16 bits with a line of text."""
    picture = Image.new("L", (320, 160))
    ImageDraw.Draw(picture).text((20, 60), text, fill=255, font=ImageFont.load_default(20))
    return np.asarray(picture).astype("<u2") * 8
