"""The figures of reader agreement, as drawings, pictures and numbers, on the page and by the API."""

from __future__ import annotations

import csv
import io

import pytest
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from compliance.models import AuditEvent
from reading.agreement_figures import FIGURES
from tests.reading.conftest import World, baseline, follow_up
from trials.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def agreed(world: World) -> World:
    """Two readers of two subjects, who differ in one response."""
    for code, first, second in (("S-01", 20, 20), ("S-02", 20, 39)):
        subject = world.enrol(code)
        for visit, one, two in (("BL", 30, 31), ("W8", first, second)):
            world.clear(visit, subject)
            entry = baseline if visit == "BL" else follow_up
            world.read_by_both(visit, entry(one), entry(two), subject)
    return world


def manager_of(world: World) -> Client:
    client = Client()
    client.force_login(world.join("manager", Role.READING_MANAGER))
    return client


def rows_of(answer: HttpResponse) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def address(world: World, name: str) -> str:
    return f"/reading/trials/{world.trial.pk}/variability{name}"


def test_each_figure_is_taken_as_a_drawing_a_picture_and_its_numbers(agreed: World) -> None:
    client, code = manager_of(agreed), agreed.trial.code
    for name in FIGURES:
        svg, png, table = (client.get(address(agreed, f"/{name}.{kind}")) for kind in ("svg", "png", "csv"))

        assert svg["Content-Type"] == "image/svg+xml"
        assert svg["Content-Disposition"] == f'attachment; filename="{code}-{name}.svg"'
        assert svg.content.startswith(b"<svg xmlns")
        with Image.open(io.BytesIO(png.content)) as picture:
            assert (picture.format, picture.size) == ("PNG", (1280, 800))
            assert len(picture.convert("L").getcolors()) > 20, f"{name} is empty"
        assert len({len(row) for row in rows_of(table)}) == 1
        api = client.get(f"/api/v1/trials-variability/{agreed.trial.pk}/figures/{name}/csv/")
        assert api.content == table.content
    # The page was not opened; whoever takes a figure has seen results all the same.
    assert AuditEvent.objects.filter(action="results.viewed").count() == 4 * len(FIGURES)


def test_the_numbers_of_a_figure_are_those_of_the_report(agreed: World) -> None:
    client = manager_of(agreed)
    told = client.get(address(agreed, ".json")).json()

    _, *measured = rows_of(client.get(address(agreed, "/differences.csv")))
    assert [(subject, visit, float(first), float(second)) for subject, visit, first, second in measured] == [
        ("S-01", "BL", 30, 31),
        ("S-01", "W8", 20, 20),
        ("S-02", "BL", 30, 31),
        ("S-02", "W8", 20, 39),
    ]
    # PR by both; PR by the first, PD by the second.
    header, *responses = rows_of(client.get(address(agreed, "/responses.csv")))
    assert (header, responses) == (["first reader", "PR", "PD"], [["PR", "1", "1"], ["PD", "0", "0"]])
    _, pair, pooled = rows_of(client.get(address(agreed, "/kappas.csv")))
    assert (pair[0], pair[1:], pooled[0]) == ("reader-a + reader-b", pooled[1:], "All pairs")
    assert float(pooled[2]) == told["timepoint_responses"]["kappa"]["value"] == 0


@pytest.mark.parametrize("named", ["/nothing.svg", "/kappas.exe"])
def test_a_figure_that_there_is_not_is_refused_with_those_there_are(world: World, named: str) -> None:
    answer = manager_of(world).get(address(world, named))
    assert answer.status_code == 404
    assert "differences, identity, responses" in answer.content.decode()
