"""A reader's own figures: their own work, and not a sign of anybody else's."""

from __future__ import annotations

import csv
import io

import pytest
from django.http import HttpResponse
from django.test import Client

from reading import own_figures
from reading.models import ReadTask
from tests.reading.conftest import ARM, SITE_CODE, SITE_NAME, SUBJECT_CODE, World, baseline, follow_up
from tests.support.canaries import Canaries

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-008")]

PAGE, API = "/reading/mine/", "/api/v1/my-figures/"


@pytest.fixture
def read(world: World) -> World:
    """Two readers of one subject; the second writes what nobody else may see."""
    world.enrol()
    for visit, first, second in (
        ("BL", baseline(131.41), baseline(197.13, comment="QUARRY-REMARK")),
        ("W8", follow_up(130.77), follow_up(112.93, comment="QUARRY-REMARK")),
    ):
        world.clear(visit)
        world.read_by_both(visit, first, second)
    return world


def client_of(world: World, name: str) -> Client:
    client = Client()
    client.force_login(world.people[name])
    return client


def answers(client: Client) -> dict[str, HttpResponse]:
    files = [f"{name}{end}" for name in own_figures.FIGURES for end in (".svg", ".png", ".csv")]
    addresses = [PAGE, API, *(PAGE + file for file in files), *(API + file.replace(".", "/") + "/" for file in files)]
    return {address: client.get(address) for address in addresses}


def reader_of(world: World, slot: int) -> str:
    return str(world.task("BL", slot).reader.username)


def test_a_reader_sees_the_own_reads_counted_and_timed(read: World) -> None:
    name = reader_of(read, 1)
    client = client_of(read, name)
    first = read.task("BL", 1)
    ReadTask.objects.filter(pk=first.pk).update(opened_at=first.submitted_at.replace(hour=0, minute=0))

    told = {one["name"]: one for one in client.get(API).json()["figures"]}
    assert told["reads"]["rows"] == [[f"{first.submitted_at:%Y-%m}", 2]]
    minutes = first.submitted_at.hour * 60 + first.submitted_at.minute
    assert sorted(row[-1] for row in told["read-times"]["rows"]) == [0.0, minutes]
    assert {row[0] for row in told["read-times"]["rows"]} == set(
        ReadTask.objects.filter(reader__username=name).exclude(state="waiting").values_list("blinded_code", flat=True)
    )
    table = list(csv.reader(io.StringIO(client.get(told["read-times"]["files"]["csv"]).content.decode("utf-8-sig"))))
    assert len(table) == 3


def test_nothing_of_another_reader_reaches_a_reader_by_any_door(read: World) -> None:
    for slot, other in ((1, 2), (2, 1)):
        hidden = {
            "another reader": {reader_of(read, other)},
            "codes of another": {
                code
                for task in ReadTask.every.filter(reader__username=reader_of(read, other))
                for code in (task.blinded_code, task.case_code)
            },
            "results": {"QUARRY-REMARK", "197.13", "112.93", "131.41", "130.77"},
            "who and where": {SUBJECT_CODE, SITE_CODE, SITE_NAME, ARM, read.trial.code},
        }
        search = Canaries(hidden)
        for address, answer in answers(client_of(read, reader_of(read, slot))).items():
            assert answer.status_code == 200, address
            assert not search.found_in(answer.content), address
            assert not search.found_in(str(answer.headers).encode()), address


def test_what_another_reader_signs_changes_nothing(world: World) -> None:
    world.enrol()
    world.clear("BL")
    world.read("BL", 1, baseline(131.41))
    client = client_of(world, reader_of(world, 1))

    def files() -> list[bytes]:
        return [answer.content for address, answer in answers(client).items() if address != PAGE]

    before = files()
    world.read("BL", 2, baseline(197.13))
    assert files() == before


def test_a_hidden_reread_counts_like_any_read(read: World) -> None:
    """Left out it would be missing beside the reader's list, and so be told."""
    client = client_of(read, reader_of(read, 1))
    before = {address: answer.content for address, answer in answers(client).items() if address != PAGE}
    ReadTask.every.filter(pk=read.task("W8", 1).pk).update(reread=True)
    assert {address: answer.content for address, answer in answers(client).items() if address != PAGE} == before


def test_a_reader_without_a_read_is_told_so(world: World) -> None:
    for address, answer in answers(client_of(world, "reader-a")).items():
        assert answer.status_code == 200, address
    assert "No read was signed yet." in client_of(world, "reader-a").get(PAGE).content.decode()


def test_a_figure_of_agreement_is_not_among_them(read: World) -> None:
    client = client_of(read, reader_of(read, 1))
    for address in (f"{PAGE}kappas.svg", f"{API}kappas/svg/", f"{PAGE}reads.exe"):
        assert client.get(address).status_code == 404
    assert client.get(f"/api/v1/trials-variability/{read.trial.pk}/figures/").status_code in (403, 404)


def test_only_readers_have_figures_of_their_own(read: World) -> None:
    assert {answer.status_code for answer in answers(client_of(read, "judge")).values()} == {403}
