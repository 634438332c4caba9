"""The pages of a list: what is shown before anybody is enrolled, and what a confirmation may bring."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from compliance.models import User
from tests.factories import World, make_world
from tests.trials.lists import as_csv, as_xlsx, laughs
from trials.models import Subject
from trials.subject_list import MOST_BYTES, read

ROWS = tuple(("NORTH", f"N-1{number:02}", "2026-01-05") for number in range(3))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def shown(world: World, content: bytes, *, user: User | None = None) -> str:
    """The page after a list was chosen."""
    file = SimpleUploadedFile("list.csv", content)
    address = f"/trials/{world.trial.pk}/subjects/import/"
    return client_of(user or world.administrator).post(address, {"file": file}).content.decode()


def sealed(page: str) -> str:
    (found,) = re.findall(r'name="list" value="([^"]+)"', page)
    return str(found)


def confirm(world: World, said: str, *, user: User | None = None) -> Any:
    address = f"/trials/{world.trial.pk}/subjects/import/enrol/"
    return client_of(user or world.administrator).post(address, {"list": said}, follow=True)


def enrolled() -> list[str]:
    return sorted(Subject.objects.values_list("code", flat=True))


BEFORE = ["N-001", "N-002", "S-001"]


@pytest.mark.parametrize("make", [as_csv, as_xlsx])
def test_a_list_is_shown_and_then_enrolled(world: World, make: Any) -> None:
    page = shown(world, make(*ROWS))
    assert enrolled() == BEFORE
    for text in ("Enrol 3 subjects", "N-100", "5 Jan 2026", "29 Dec 2025"):
        assert text in page

    answer = confirm(world, sealed(page))

    assert enrolled() == sorted([*BEFORE, "N-100", "N-101", "N-102"])
    assert "3 subjects are enrolled; the visits are planned." in answer.content.decode()


def test_wrong_rows_are_shown_inert_and_nothing_can_be_confirmed(world: World) -> None:
    page = shown(world, as_csv(*ROWS, ("NORTH", '"=HYPERLINK(""//x"")<script>"', "05/01/2026")))

    assert 'name="list"' not in page
    assert "Nobody is enrolled yet." in page
    assert "B5: This begins as a formula does" in page
    assert "=HYPERLINK(&quot;//x&quot;)&lt;script&gt;" in page
    assert "<script>" not in page.replace("<script src", "")


def test_an_unreadable_file_gets_its_sentence_at_the_field(world: World) -> None:
    assert "The workbook holds entities" in shown(world, laughs())
    assert "The file is larger than 5 MB." in shown(world, bytes(MOST_BYTES + 1))
    assert "The file is empty." in shown(world, b"")


def test_a_list_that_is_enrolled_already_leaves_nothing_to_confirm(world: World) -> None:
    page = shown(world, as_csv(("NORTH", "N-001", "2026-01-05")))

    assert "Every subject of the list is enrolled already." in page
    assert 'name="list"' not in page


def test_only_what_was_shown_to_the_same_person_in_the_same_trial_is_confirmed(world: World) -> None:
    said = sealed(shown(world, as_csv(*ROWS)))
    other = make_world("PLX-2", prefix="second-")

    for answer in (
        confirm(world, said[:-1] + ("A" if said[-1] != "A" else "B")),
        confirm(world, said, user=world.coordinator),
        confirm(other, said),
        confirm(world, ""),
        confirm(world, signing.dumps([[2, "NORTH", "N-100", "", "2026-01-05"]], salt="another")),
    ):
        assert answer.status_code == 409
        assert "The list was looked at too long ago. Choose the file again." in answer.content.decode()
    assert not Subject.objects.filter(code="N-100").exists()


def test_a_list_is_not_kept_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said = sealed(shown(world, as_csv(*ROWS)))
    monkeypatch.setattr("trials.views_lists._KEPT_FOR", -1)

    assert confirm(world, said).status_code == 409


def test_confirmed_twice_it_enrols_once(world: World) -> None:
    said = sealed(shown(world, as_csv(*ROWS)))

    answers = [confirm(world, said).content.decode() for _ in range(2)]

    assert "0 subjects are enrolled" in answers[1]
    assert len(enrolled()) == 6


def test_a_row_that_no_longer_holds_is_said(world: World) -> None:
    said = sealed(shown(world, as_csv(*ROWS)))
    world.enrol(world.south, "N-101")

    answer = confirm(world, said).content.decode()

    assert "Nobody was enrolled, because row 3 of the list does not hold" in answer
    assert "N-100" not in enrolled()


def test_the_empty_list_is_one_that_can_be_read(world: World) -> None:
    answer = client_of(world.coordinator).get(f"/trials/{world.trial.pk}/subjects/template/")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="PLX-1-subjects.csv"'
    filled = answer.content + b"NORTH;N-100;2026-01-05\r\n"
    assert (read(filled)["rows"][0]["subject"], read(filled)["notes"]) == ("N-100", [])


def test_a_coordinator_sees_own_sites_only(world: World) -> None:
    page = client_of(world.coordinator).get(f"/trials/{world.trial.pk}/subjects/import/").content.decode()

    assert "<code>NORTH</code>" in page
    assert "SOUTH" not in page


def test_the_way_there(world: World) -> None:
    address = f'href="/trials/{world.trial.pk}/subjects/import/"'
    home, setup = f"/trials/{world.trial.pk}/", f"/trials/{world.trial.pk}/setup/"

    assert address in client_of(world.coordinator).get(home).content.decode()
    assert address in client_of(world.administrator).get(setup).content.decode()
    assert address not in client_of(world.analyst).get(home).content.decode()
