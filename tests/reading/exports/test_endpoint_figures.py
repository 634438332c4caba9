"""The endpoint figures: their numbers by hand, the same bytes everywhere, and nothing of them before the lock."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import replace

import pytest
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from compliance import access
from compliance.models import AuditEvent, User
from reading.exports import showing
from reading.exports.endpoint_figures import FIGURES, places
from reading.exports.endpoint_results import Endpoints, endpoints, kept
from reading.exports.snapshot import snapshot
from reading.models import EndpointReport
from tests.reading.conftest import World, baseline, follow_up
from tests.reading.exports import recorded, sample
from tests.reading.exports.sample import locked_trial
from trials.models import Role, Trial

pytestmark = pytest.mark.requirement("REQ-LOC-006")

#: Of every drawing of `recorded.build()`: the same on each database and machine.
DRAWINGS_SHA256 = "10bfb44847a1cfa6efc8174498fc22ee41c4f62a5c1e0fe2c33277c25e2d973e"
ALLOWED = (Role.READING_MANAGER, Role.SPONSOR, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def rows_of(answer: HttpResponse) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def page(trial: Trial, rest: str = "") -> str:
    return f"/reading/trials/{trial.pk}/endpoints/{rest}"


def api(trial: Trial, rest: str = "") -> str:
    return f"/api/v1/trials-endpoints/{trial.pk}/{rest}"


@pytest.fixture
def trial(db: None) -> Trial:
    """The recorded trial; in A-001 the second reader counts, who alone saw the progression at week 16."""
    return recorded.build()


@pytest.fixture
def sponsor(trial: Trial) -> Client:
    return client_of(recorded.member(trial, Role.SPONSOR))


def test_the_numbers_are_those_that_a_hand_computes(trial: Trial, sponsor: Client) -> None:
    def numbers(figure: str) -> list[list[str]]:
        return rows_of(sponsor.get(page(trial, f"{figure}.csv")))[1:]

    # 53 to 37 to 52 mm, read on days 55 and 114; 60 to 30 mm on day 55, and then nothing more.
    assert numbers("accepted/waterfall") == [
        ["A-001", "-30.188679", "PR"],
        ["B-001", "-50.0", "PR"],
    ]
    assert [row[:3] + row[4:] for row in numbers("accepted/spider")] == [
        ["A-001", "W8", "55", "-30.188679", "no", "PR"],
        ["A-001", "W16", "114", "-1.886792", "no", "PD"],
        ["B-001", "W8", "55", "-50.0", "no", "PR"],
    ]
    # From day -5 to day 55 there are 59 days, because there is no day 0.
    assert float(numbers("accepted/spider")[0][3]) == pytest.approx(59 / 7)
    # Progression on day 114; the other is followed until day 55.
    assert numbers("accepted/progression-free") == [
        ["Accepted reads", "A-001", "114", "1"],
        ["Accepted reads", "B-001", "55", "0"],
    ]
    # From day 55 to day 114: 114 - 55 + 1.
    assert numbers("accepted/duration") == [
        ["Accepted reads", "A-001", "60", "1"],
        ["Accepted reads", "B-001", "1", "0"],
    ]
    assert numbers("reader-1/duration") == [["Reader 1", "A-001", "60", "0"], ["Reader 1", "B-001", "1", "0"]]
    assert numbers("accepted/swimmer") == [
        ["A-001", "114", "PR", "55", "114", "no"],
        ["B-001", "55", "PR", "55", "", "no"],
    ]
    # Two of two; 0.025 ** (1 / 2) is the lower limit of Clopper and Pearson.
    for name, count, of, share, lower, upper in numbers("accepted/best-response"):
        assert (name, count, of, float(share), float(upper)) in {
            ("PR", "2", "2", 1.0, 1.0),
            ("Response (CR or PR)", "2", "2", 1.0, 1.0),
        }
        assert float(lower) == pytest.approx(0.025**0.5)
    assert [row[:2] + row[3:] for row in numbers("compared/concordance")] == [
        ["Accepted reads", "A-001", "1"],
        ["Accepted reads", "B-001", "0"],
        ["Reader 1", "A-001", "0"],
        ["Reader 1", "B-001", "0"],
        ["Reader 2", "A-001", "1"],
        ["Reader 2", "B-001", "0"],
    ]


def test_every_database_draws_the_same_bytes(trial: Trial) -> None:
    found = endpoints(snapshot(trial))
    drawings = [figure.draw(found, sets) for figure, _, sets in places(found)]
    assert hashlib.sha256("".join(drawings).encode()).hexdigest() == DRAWINGS_SHA256
    # As kept in the database, they come back as they were.
    shown = showing.endpoints_of(trial)
    assert [figure.draw(shown, sets) for figure, _, sets in places(shown)] == drawings
    assert showing.endpoints_of(trial) == found


def test_each_figure_is_taken_as_a_drawing_a_picture_and_its_numbers(trial: Trial, sponsor: Client) -> None:
    told = sponsor.get(api(trial, "figures/")).json()["figures"]
    assert {one["name"] for one in told} == set(FIGURES)
    assert {one["results"] for one in told} == {"accepted", "reader-1", "reader-2", "compared"}
    for one in told:
        named = f"{one['results']}/{one['name']}"
        svg, png, numbers = (sponsor.get(page(trial, f"{named}.{kind}")) for kind in ("svg", "png", "csv"))
        assert svg.content.startswith(b"<svg xmlns")
        assert svg["Content-Disposition"] == f'attachment; filename="PKG-01-{named.replace("/", "-")}.svg"'
        with Image.open(io.BytesIO(png.content)) as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("L").getcolors()) > 20, f"{named} is empty"
        header, *rows = rows_of(numbers)
        assert header == one["columns"]
        assert len(rows) == len(one["rows"])
        for kind, answer in (("svg", svg), ("png", png), ("csv", numbers)):
            assert sponsor.get(one["files"][kind]).content == answer.content
    drawn = sponsor.get(page(trial)).content.decode()
    assert drawn.count("<svg xmlns") == len(FIGURES)
    for chosen in ("reader-1", "reader-2"):
        assert f"{chosen}/waterfall.svg" in sponsor.get(page(trial, f"?results={chosen}")).content.decode()


@pytest.mark.parametrize(
    "named", ["accepted/nothing.svg", "accepted/waterfall.exe", "reader-9/waterfall.svg", "accepted/concordance.svg"]
)
def test_a_figure_that_there_is_not_is_refused_with_those_there_are(trial: Trial, sponsor: Client, named: str) -> None:
    answer = sponsor.get(page(trial, named))
    assert answer.status_code == 404
    assert "best-response, waterfall" in answer.content.decode()


def test_whoever_sees_endpoints_is_on_record_and_readers_never_do(trial: Trial) -> None:
    for role in ALLOWED:
        user = recorded.member(trial, role)
        assert client_of(user).get(page(trial)).status_code == 200
        assert AuditEvent.objects.filter(action="results.viewed", actor=user).count() == 1
    for role in (Role.READER, Role.ADJUDICATOR, Role.QC_ANALYST):
        client = client_of(recorded.member(trial, role))
        for address in (page(trial), page(trial, "accepted/waterfall.csv"), api(trial), api(trial, "figures/")):
            assert client.get(address).status_code in (403, 404)


def test_who_may_have_the_package_may_see_its_figures(trial: Trial) -> None:
    for role in set(Role) - {Role.SITE_COORDINATOR}:
        user = recorded.member(trial, role)
        if access.may(user, "reading.see_package", trial):
            assert access.may(user, "reading.see_endpoints", trial)


def test_no_arm_no_true_date_and_no_reader_is_in_any_figure(trial: Trial, sponsor: Client) -> None:
    answers = [sponsor.get(page(trial)), sponsor.get(api(trial)), sponsor.get(api(trial, "figures/"))]
    held = "".join(answer.content.decode() for answer in answers)
    for planted in ("ARM-X", *recorded.READER_NAMES, "rhea", "ravi", "2025-02", "Ajit"):
        assert planted not in held


def test_before_the_lock_the_answer_is_the_same_with_outcomes_and_without(world: World) -> None:
    people = [client_of(world.join(f"the-{role}", role)) for role in ALLOWED]
    addresses = (
        page(world.trial),
        page(world.trial, "?results=reader-1"),
        page(world.trial, "accepted/waterfall.svg"),
        page(world.trial, "accepted/waterfall.csv"),
        api(world.trial),
        api(world.trial, "figures/"),
        api(world.trial, "figures/accepted/waterfall/csv/"),
    )

    def told() -> list[tuple[int, str]]:
        found = []
        for client in people:
            for address in addresses:
                answer = client.get(address)
                # The token against forged requests is another each time.
                found.append((answer.status_code, re.sub(r'"[A-Za-z0-9]{64}"', '""', answer.content.decode())))
        return found

    world.enrol()
    nothing = told()
    for visit, entry in (("BL", baseline(31.41)), ("W8", follow_up(12.73))):
        world.clear(visit)
        world.read_by_both(visit, entry)

    assert told() == nothing
    assert {status for status, _ in nothing} == {200, 409}
    assert not EndpointReport.objects.exists()
    assert not AuditEvent.objects.filter(action="results.viewed").exists()


def test_what_is_kept_in_an_older_form_is_computed_anew(trial: Trial) -> None:
    found = showing.endpoints_of(trial)
    stored = EndpointReport.objects.get(trial=trial)
    stored.report = {**stored.report, "form": 0}
    stored.save()
    assert kept(stored.report) is None
    assert showing.endpoints_of(trial) == found


def test_without_subjects_each_figure_says_so() -> None:
    found = endpoints(replace(sample.locked_trial(1), subjects=()))
    for figure, _, sets in places(found):
        assert "No subject" in figure.draw(found, sets), figure.name


@pytest.mark.parametrize("subjects", [1, 2, 14])
def test_each_count_of_subjects_has_its_figures(subjects: int) -> None:
    found = endpoints(locked_trial(subjects))
    assert isinstance(kept(json.loads(json.dumps(found.to_json()))), Endpoints)
    for figure, _, sets in places(found):
        svg = figure.draw(found, sets)
        assert "<title>" in svg
        assert "<desc>" in svg
        assert "nan" not in svg
