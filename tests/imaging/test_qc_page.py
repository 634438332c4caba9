"""The pages of quality control: the queue and its order, a round with its history, and the decision part by part."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from compliance.models import User
from imaging.models import QcReview, Series
from imaging.second_look import drawn
from imaging.selectors import reviews_open
from imaging.selectors_qc import Judged, by_urgency
from imaging.urgency import Wait
from tests.factories import PASSWORD, scan
from tests.imaging.services.delivery import by_scanner
from tests.imaging.services.test_deciding import FAILED_FORM, IMAGES, baseline, decide, latest, second, sign_form, trial
from trials.models import Query
from trials.states import QcState

pytestmark = pytest.mark.usefixtures("db", "own_disk")


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, review: QcReview) -> HttpResponse:
    response = at(user).get(reverse("imaging:review", args=[review.pk]))
    assert response.status_code == 200
    return response


def send(user: User, review: QcReview, **typed: str) -> HttpResponse:
    """Post the decision, with the digest that its page shows."""
    shown = page(user, review).context["decision"]["shown_sha256"].value()
    address = reverse("imaging:review_decide", args=[review.pk])
    return at(user).post(address, {"shown_sha256": shown, "password": PASSWORD, **typed})


def test_a_failed_form_goes_back_alone_and_the_page_tells_every_round() -> None:
    world = trial(checklist=[{"code": "CONTRAST", "label": "Contrast as declared", "kind": "yes_no", "required": True}])
    sign_form(world)
    unsaid = send(world.analyst, latest(), form_verdict="fail", password="not mine")
    errors = unsaid.context["decision"].errors
    assert set(errors) == {"images_verdict", "form_reason", "form_title", "form_text"}

    typed = {"images_verdict": "pass", "form_verdict": "fail", "form_reason": "Wrong day."}
    typed |= {"form_title": "The date", "form_text": "Correct it."}
    wrong = send(world.analyst, latest(), **typed, password="not mine")
    assert set(wrong.context["decision"].errors) == {"password"}
    assert "Wrong day." in wrong.content.decode()
    back = send(world.analyst, latest(), **typed)
    assert [str(one) for one in get_messages(back.wsgi_request)] == ["N-001 BL went back to its site with your query."]
    assert Query.objects.get().title == "The date"
    told = at(world.coordinator).get(reverse("imaging:timepoint", args=[baseline(world).pk])).content.decode()
    assert "QC asks for a corrected transfer form. The images stand." in told
    assert "Sent back by QC" in at(world.coordinator).get("/").content.decode()

    sign_form(world)
    shown = page(world.analyst, latest()).content.decode()
    for told in ("Stands: passed in round 1", "Wrong day.", "Transfer form, version 2", "Forms passed at once"):
        assert told in shown
    unanswered = send(world.analyst, latest(), form_verdict="pass")
    assert set(unanswered.context["checklist"].errors) == {"CONTRAST"}
    send(world.analyst, latest(), **{"form_verdict": "pass", "check-CONTRAST": "Y"})
    assert baseline(world).qc_state == QcState.CLEARED


def test_before_it_is_signed_nobody_sees_whether_a_second_person_will_look() -> None:
    """The page is the same, whatever the seed has decided, and does not tell the seed."""
    world = trial(stages="two", second_percent=50, always_second=[])
    seeds = [f"seed number {number}" for number in range(20)]
    chosen = next(seed for seed in seeds if drawn(seed, "N-001", "BL", 1, percent=50))
    spared = next(seed for seed in seeds if not drawn(seed, "N-001", "BL", 1, percent=50))
    pages = []
    for seed in (spared, chosen):
        world.trial.seed = seed
        world.trial.save()
        told = page(world.analyst, latest()).content.decode()
        assert seed not in told
        pages.append(re.sub(r'(csrfmiddlewaretoken" value|csrf-token" content|X-CSRFToken": )[^>]*', "", told))
    assert pages[0] == pages[1]

    decide(world, {IMAGES: Judged()})

    assert latest().state == "second"
    assert "because chance chose it" in page(world.analyst, latest()).content.decode()


def test_who_passed_a_timepoint_waits_for_a_colleague_who_finds_it_in_the_queue() -> None:
    world = trial(stages="two")
    another = second(world)
    decide(world, {IMAGES: Judged()})

    queue = reverse("imaging:qc", args=[world.trial.pk])
    mine, theirs = (at(person).get(queue).context for person in (world.analyst, another))
    assert (mine["waiting"], list(mine["passed_on"])) == ([], [latest()])
    assert [one.review for one in theirs["waiting"]] == [latest()]
    assert page(world.analyst, latest()).context["may_review"] is False
    refused = send(world.analyst, latest(), images_verdict="pass")
    assert "another person takes the second look" in str(*get_messages(refused.wsgi_request))
    send(another, latest(), images_verdict="pass")
    assert baseline(world).qc_state == QcState.CLEARED


def test_the_queue_begins_with_what_is_most_urgent_and_says_why() -> None:
    world = trial(first_timepoints=1)
    sign_form(world)
    decide(world, FAILED_FORM)
    sign_form(world)
    by_scanner(world, scan("N-002", scan_number=2, slices=2))
    now = QcReview.objects.latest("opened_at").opened_at + dt.timedelta(days=2)
    waiting = by_urgency(reviews_open(world.analyst), now)
    assert [(str(one.review.timepoint), one.wait.blocking, one.wait.sent_back) for one in waiting] == [
        ("N-001 BL", 0, 1),
        ("N-002 BL", 1, 0),
    ]

    queue = reverse("imaging:qc", args=[world.trial.pk])
    for show, found in (("", 2), ("blocking", 1), ("sent_back", 1), ("second", 0)):
        assert len(at(world.analyst).get(queue, {"show": show}).context["waiting"]) == found
    assert len(at(world.analyst).get(queue, {"site": world.south.pk}).context["waiting"]) == 0


@pytest.mark.parametrize(
    ("wait", "points", "reasons"),
    [
        (Wait(0), 0, []),
        (Wait(1, blocking=2), 6, ["waits 1 day", "2 blocking findings"]),
        (
            Wait(3, 1, 2, True, True),
            19,
            ["waits 3 days", "1 blocking finding", "sent back 2 times", "was cleared before", "among its site's first"],
        ),
    ],
)
def test_points_are_added_up(wait: Wait, points: int, reasons: list[str]) -> None:
    assert (wait.points, wait.reasons) == (points, reasons)


def test_a_series_gets_another_label_and_an_unknown_one_is_refused() -> None:
    world = trial()
    series = Series.objects.get()
    address = reverse("imaging:series_label", args=[series.pk])
    assert at(world.analyst).post(address, {"label": ""}).status_code == 302
    assert (
        at(world.analyst).post(address, {"label": "Made up"}, headers={"Accept": "application/json"}).status_code == 422
    )
    assert Series.objects.get().label == ""
    assert "set by hand" in page(world.analyst, latest()).content.decode()
