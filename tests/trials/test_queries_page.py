"""The pages of queries: the list with its filters, asking about several records, and answering where one is."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from compliance.models import User
from tests.factories import World
from trials.askable import About
from trials.models import Query
from trials.services import querying
from trials.states import QueryState

pytestmark = pytest.mark.django_db


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(world: World, about, title: str, *, days_ago: int = 0) -> Query:
    now = timezone.now() - dt.timedelta(days=days_ago)
    return querying.raise_query(about=about, title=title, text=f"{title} Please.", actor=world.analyst, at=now)


@pytest.fixture
def queries(world: World) -> dict[str, Query]:
    """Of the north: one overdue, one answered, one closed; of the south: one fresh."""
    found = {
        "Overdue": asked(world, world.timepoint("N-001", "BL"), "Overdue", days_ago=20),
        "Answered": asked(world, world.subjects["N-002"], "Answered", days_ago=3),
        "Closed": asked(world, world.north, "Closed", days_ago=40),
        "Fresh": asked(world, world.timepoint("S-001", "BL"), "Fresh"),
    }
    now = timezone.now()
    querying.answer_query(query=found["Answered"], text="=HYPERLINK(1)", actor=world.coordinator, at=now)
    querying.close_query(query=found["Closed"], actor=world.analyst, at=now)
    return found


def listed(user: User, world: World, **filters: str) -> list[str]:
    page = at(user).get(reverse("trials:queries", args=[world.trial.pk]), filters)
    assert page.status_code == 200
    return [query.title for query in page.context["page"]]


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({}, ["Overdue", "Fresh", "Answered", "Closed"]),
        ({"state": "pending"}, ["Overdue", "Fresh", "Answered"]),
        ({"state": "overdue"}, ["Overdue"]),
        ({"state": "closed"}, ["Closed"]),
        ({"age": "14"}, ["Overdue", "Closed"]),
        ({"age": "30", "state": "pending"}, []),
        ({"state": "nonsense", "age": "²", "site": "9" * 40, "page": "-1"}, ["Overdue", "Fresh", "Answered", "Closed"]),
    ],
)
def test_an_analyst_filters_the_list(world, queries, filters, titles):
    assert listed(world.analyst, world, **filters) == titles


def test_a_list_of_one_site_and_of_ones_own(world, queries):
    assert listed(world.analyst, world, site=str(world.south.pk)) == ["Fresh"]
    assert listed(world.coordinator, world, mine="on") == ["Overdue"]
    assert listed(world.other_coordinator, world) == ["Fresh"]
    # Another site's is no choice, so it is no filter either, and shows nothing more.
    assert listed(world.other_coordinator, world, site=str(world.north.pk)) == ["Fresh"]


def test_the_list_leaves_as_csv_as_it_is_filtered(world, queries):
    answer = at(world.coordinator).get(reverse("trials:query_csv", args=[world.trial.pk]), {"state": "pending"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["title"], row["about"], row["state"], row["messages"]) for row in rows] == [
        ("Overdue", "N-001 BL", "open", "1"),
        ("Answered", "N-002", "answered", "2"),
    ]


@pytest.mark.parametrize("place", ["list", "timepoint", "subject", "query"])
def test_a_coordinator_answers_where_the_query_is_met(world, queries, place):
    query = queries["Overdue"]
    page = {
        "list": reverse("trials:queries", args=[world.trial.pk]) + "?state=overdue",
        "timepoint": reverse("imaging:timepoint", args=[query.timepoint_id]),
        "subject": reverse("trials:subject", args=[query.timepoint.subject_id]),
        "query": reverse("trials:query", args=[query.pk]),
    }[place]
    client = at(world.coordinator)
    shown = client.get(page).content.decode()
    answer = reverse("trials:query_answer", args=[query.pk])
    assert f'action="{answer}"' in shown
    assert "Overdue Please." in shown
    back = client.post(answer, {"text": "Sent.", "next": page})
    assert back.headers["Location"] == page
    assert Query.objects.get(pk=query.pk).state == QueryState.ANSWERED
    assert f'action="{answer}"' not in client.get(page).content.decode()


def test_after_an_answer_nobody_is_sent_to_another_host(world, queries):
    answer = reverse("trials:query_answer", args=[queries["Overdue"].pk])
    back = at(world.coordinator).post(answer, {"text": "Sent.", "next": "https://example.org/"})
    assert back.headers["Location"] == reverse("trials:query", args=[queries["Overdue"].pk])


# --- asking


def ask(world: World, *, where: str = "", **said: object):
    return at(world.analyst).post(reverse("trials:query_ask", args=[world.trial.pk]) + where, said)


def test_several_records_of_a_site_are_asked_about_in_one_form(world):
    chosen = [About(world.subjects["N-001"]).key, About(world.timepoint("N-002", "W8")).key]
    ask(world, where=f"?site={world.north.pk}", about=chosen, title="Which scanner?", text="Please say.")
    assert [q.about_label for q in Query.objects.order_by("pk")] == ["N-001", "N-002 W8"]


def test_what_is_not_offered_is_not_asked_about(world):
    timepoint = world.timepoint("N-001", "BL")
    for key in (About(world.south).key, "compliance.user:1", "trials.site:²", "nonsense"):
        answer = ask(world, where=f"?timepoint={timepoint.pk}", about=[key], title="Who?", text="Please.")
        assert answer.status_code == 200
        assert answer.context["form"].errors["about"]
    for place in ("timepoint=²", "site=" + "9" * 5000, "timepoint=" + "9" * 5000):
        assert ask(world, where=f"?{place}", about=[], title="Who?", text="Please.").status_code == 200
    assert not Query.objects.exists()


def test_a_template_fills_the_form_and_keeps_what_was_chosen(world):
    timepoint = world.timepoint("N-001", "BL")
    key = About(timepoint).key
    page = ask(
        world, where=f"?timepoint={timepoint.pk}", about=[key], template="scan_late", fill="1", title="", text=""
    )
    form = page.context["form"]
    assert form["title"].value() == "The scan has not arrived"
    assert form["text"].value().startswith("The visit's window has passed.")
    assert form["about"].value() == [key]
    assert not form.errors
    assert not Query.objects.exists()


def test_where_there_are_many_a_subject_is_found_by_its_code_and_what_is_chosen_stays(world, monkeypatch):
    monkeypatch.setattr("trials.views_queries._MOST_OFFERED", 1)
    client = Client()
    client.force_login(world.analyst)
    address = reverse("trials:query_ask", args=[world.trial.pk]) + f"?site={world.north.pk}"
    page = client.get(address)
    # Two subjects with three timepoints each, of which one each is shown.
    assert page.context["left_out"] == 6
    chosen = f"trials.subject:{world.subjects['N-001'].pk}"
    found = client.post(
        address, {"find": "1", "search": "n-002", "about": [chosen], "title": "Late?", "text": "Please."}
    )
    labels = [about.label for about in found.context["form"].by_key.values()]
    assert labels == ["N-001", "NORTH North Hospital", "N-002", "N-002 BL"]
    assert found.context["form"]["about"].value() == [chosen]
    assert found.context["form"]["title"].value() == "Late?"
    second = f"trials.subject:{world.subjects['N-002'].pk}"
    asked = {"search": "n-002", "about": [chosen, second], "title": "Late?", "text": "Please."}
    assert client.post(address, asked).status_code == 302
    assert sorted(Query.objects.values_list("about_label", flat=True)) == ["N-001", "N-002"]
