"""The page on which somebody sees what a recipe makes of a file of theirs, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import expect

from compliance import jobs
from imaging.forms import PreviewForm
from imaging.models import ReceivedInstance, RecipePreview
from imaging.services import sampling
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

    (shown,) = page.context["outcome"].shown
    altered = {one.name: (one.before, one.after) for one in shown.altered}
    assert altered["Patient's Name"] == (PLANTED["PatientName"], "PREVIEW")
    assert altered["Patient's Birth Date"] == (PLANTED["PatientBirthDate"], "")
    assert ("Modality", "CT") in [(one.name, one.after) for one in shown.kept]
    assert PLANTED["PatientName"] in page.content.decode()
    assert page["Cache-Control"] == "private, no-store"


def test_nothing_of_it_is_kept(
    world: World, address: str, client: Client, own_disk: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = own_disk / "tmp"
    (own_disk / "tmp").mkdir()
    client.force_login(world.coordinator, backend=BACKEND)
    content = scan("N-001", slices=1, PixelData=bytes(6 << 20), Rows=1024, Columns=3072)[0]

    planted = [value.encode() for value in PLANTED.values()]

    def in_the_open() -> list[Path]:
        lying = [path for path in own_disk.rglob("*") if path.is_file()]
        return [path for path in lying if any(value in path.read_bytes() for value in planted)]

    meanwhile, taken = [], sampling.try_recipes
    monkeypatch.setattr(sampling, "try_recipes", lambda **asked: meanwhile.append(in_the_open()) or taken(**asked))
    answer = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file(content=content)]})  # type: ignore[union-attr]
    assert (meanwhile, in_the_open()) == ([[]], [])
    assert "Waiting for a worker" in client.get(answer["Location"]).content.decode()
    jobs.drain()
    page = client.get(answer["Location"])

    assert page.context["outcome"].shown[0].altered
    assert page["Cache-Control"] == "private, no-store"
    assert not ReceivedInstance.objects.exists()
    assert in_the_open() == []


def test_with_script_the_page_asks_again_until_it_is_done(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)
    asked = {"charter": world.trial.charter_in_force.pk, "images": [file(), file()]}  # type: ignore[union-attr]
    by_script = {"HTTP_HX_REQUEST": "true"}

    part = client.post(address, asked, **by_script).content.decode()
    result = f"/imaging/previews/{RecipePreview.objects.get().public_id}/"
    assert f'hx-get="{result}" hx-trigger="every 2s"' in part
    jobs.drain()
    done = client.get(result, **by_script).content.decode()

    assert ("hx-trigger" in done, "<html" in done) == (False, False)
    assert "2 files" in done


def test_it_is_for_the_eyes_of_that_person_alone_and_says_when_it_is_gone(
    world: World, address: str, client: Client
) -> None:
    client.force_login(world.coordinator, backend=BACKEND)
    asked = {"charter": world.trial.charter_in_force.pk, "images": [file(), file()]}  # type: ignore[union-attr]
    result = client.post(address, asked)["Location"]
    jobs.drain()

    sampling.sweep(at=timezone.now() + RecipePreview.KEPT)

    assert "The result is gone" in client.get(result).content.decode()
    client.force_login(world.administrator, backend=BACKEND)
    assert client.get(result).status_code == 404


def test_pseudonyms_are_those_of_the_moment(world: World, address: str, client: Client) -> None:
    """Whoever may preview must not learn the pseudonym of a guessed number, or the shift of a subject's dates."""
    client.force_login(world.administrator, backend=BACKEND)
    seen = []
    for _ in range(2):
        page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file()]})  # type: ignore[union-attr]
        after = {one.name: one.after for one in page.context["outcome"].shown[0].altered}
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

    jobs.drain()
    page = client.get(page["Location"])

    outcome = page.context["outcome"]
    found = {one.name: (one.files, one.before, one.first, one.second) for one in outcome.differences}
    assert found["Patient's Sex"] == (2, "F", "F", "")
    assert {one.files for one in outcome.differences} == {2}
    assert "SOP Instance UID" not in found
    assert (outcome.count, len(outcome.shown)) == (2, 2)
    assert "all 2" in page.content.decode()


def test_the_same_recipe_makes_the_same(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)
    charter = world.trial.charter_in_force.pk  # type: ignore[union-attr]

    page = client.post(address, {"charter": charter, "other": charter, "images": [file()]})

    outcome = page.context["outcome"]
    assert (outcome.compared, outcome.differences) == (True, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no image at all", "DICOM"), (scan("N-001", slices=1, BurnedInAnnotation="YES")[0], "written into its pixels")],
)
def test_what_would_be_held_is_shown_with_its_sentence(
    content: bytes, said: str, world: World, address: str, client: Client
) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": [file(content=content)]})  # type: ignore[union-attr]

    assert said in page.context["outcome"].shown[0].held
    assert escape(page.context["outcome"].shown[0].held) in page.content.decode()


@pytest.mark.parametrize("images", [[], [file() for _ in range(PreviewForm.MOST_FILES + 1)]])
def test_no_files_or_too_many_are_refused(images: list[Any], world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": world.trial.charter_in_force.pk, "images": images})  # type: ignore[union-attr]

    assert "images" in page.context["form"].errors
    assert "outcome" not in page.context
    assert not RecipePreview.objects.exists()


def test_another_trials_charter_cannot_be_chosen(world: World, address: str, client: Client) -> None:
    client.force_login(world.administrator, backend=BACKEND)

    page = client.post(address, {"charter": 999_999, "images": [file()]})

    assert "charter" in page.context["form"].errors


@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
@pytest.mark.django_db(transaction=True)
def test_in_a_browser_the_files_stay_chosen_and_a_folder_is_tried_by_a_job(
    own_disk: Path, live_server: Any, tmp_path: Path
) -> None:
    world = make_world()
    (tmp_path / "one.dcm").write_bytes(scan("N-001", slices=1)[0])
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(201):
        (folder / f"{number}.dcm").write_bytes((tmp_path / "one.dcm").read_bytes())
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

        # A folder is tried by a job, and its result has a page of its own.
        page.locator("[data-folder]").set_input_files(folder)
        expect(page.get_by_text("200 of 201 files are tried")).to_be_visible()
        page.route("**/imaging/previews/**", lambda asked: asked.abort())  # while the test works on the database itself
        page.get_by_label("DICOM files").set_input_files([folder / "0.dcm", folder / "1.dcm"])
        page.get_by_role("button", name="Show before and after").click()
        link = page.get_by_role("link", name="this page")
        expect(link).to_be_visible()
        result = link.get_attribute("href")
        assert result is not None
        jobs.drain()
        page.unroute_all()
        page.goto(result)
        expect(page.get_by_role("heading", name="2 files under the recipe of version 1")).to_be_visible()
        expect(page.locator("#file-2")).to_contain_text(PLANTED["InstitutionName"])
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

    (shown,) = page.context["outcome"].shown
    assert shown.held == ""
    assert {one.name: one.after for one in shown.altered}["Burned In Annotation"] == "NO"


def written_on(text: str) -> Any:
    """A dark picture of 160 × 320 pixels of 16 bits with a line of text."""
    picture = Image.new("L", (320, 160))
    ImageDraw.Draw(picture).text((20, 60), text, fill=255, font=ImageFont.load_default(20))
    return np.asarray(picture).astype("<u2") * 8
