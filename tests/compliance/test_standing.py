"""A decision is upheld only while everything that it rests on is as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from compliance import standing
from compliance.errors import HouseError
from compliance.models import User
from compliance.standing import Ground, StandingMiddleware

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-010")]
AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
ADDRESS = "/a/series/x/frames/{}/pixels"


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    standing.forget()
    yield
    standing.forget()


@pytest.fixture
def client(clock) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("reader", password="a good long password"))
    return client


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(AT, tick=False)
    return time_machine


def asked(client: Client, address: str = ADDRESS.format(7), method: str = "get") -> HttpRequest:
    """A request of the person who is signed in."""
    request = getattr(RequestFactory(), method)(address)
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items()}
    request.session, request.user = client.session, User.objects.get(username="reader")
    return request


def decide(client: Client, *grounds: Ground) -> None:
    answer = lambda request, number: HttpResponse(f"stood {number}")  # noqa: E731
    standing.keep(asked(client), grounds, answer, at=AT)


def said(request: HttpRequest) -> str:
    return StandingMiddleware(lambda request: HttpResponse("decided anew"))(request).content.decode()


def test_what_was_decided_stands_for_each_number_by_one_question(client: Client, django_assert_num_queries) -> None:
    decide(client)
    with django_assert_num_queries(1):
        assert said(asked_later(client, ADDRESS.format(8))) == "stood 8"


def asked_later(client: Client, address: str) -> HttpRequest:
    """As the middleware meets it: nothing of the person is known but the cookie."""
    request = RequestFactory().get(address)
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items()}
    return request


@pytest.mark.parametrize("address", ["/a/series/y/frames/7/pixels", "/a/series/x/frames/7/rendered", "/a/", "/7/x"])
def test_it_stands_for_no_other_address(client: Client, address: str) -> None:
    decide(client)
    assert said(asked_later(client, address)) == "decided anew"


def test_it_stands_for_no_other_session_and_no_other_method(client: Client) -> None:
    decide(client)
    other = Client()
    other.force_login(User.objects.get(username="reader"))
    assert said(asked_later(other, ADDRESS.format(7))) == "decided anew"
    assert said(asked(client, method="post")) == "decided anew"
    assert said(RequestFactory().get(ADDRESS.format(7))) == "decided anew"


def sign_out(client: Client) -> None:
    client.logout()


def end_account(client: Client) -> None:
    User.objects.filter(username="reader").update(is_active=False)


def change_password(client: Client) -> None:
    user = User.objects.get(username="reader")
    user.set_password("another good long password")
    user.save()


def change_session(client: Client) -> None:
    session = Session.objects.get()
    session.session_data += "x"
    session.save()


def take_ground(client: Client) -> None:
    Group.objects.all().delete()


def add_what_was_absent(client: Client) -> None:
    Group.objects.create(name="new")


@pytest.mark.parametrize(
    "change", [sign_out, end_account, change_password, change_session, take_ground, add_what_was_absent]
)
def test_it_falls_with_anything_that_it_rests_on(client: Client, change) -> None:
    Group.objects.create(name="held")
    present, absent = Group.objects.filter(name="held"), Group.objects.filter(name="new")
    decide(client, Ground(present), Ground(absent, absent=True))
    later = asked_later(client, ADDRESS.format(7))
    assert said(later) == "stood 7"

    change(client)

    assert said(later) == "decided anew"


@pytest.mark.parametrize(("after", "stands"), [(59, True), (60, False)])
def test_it_is_taken_anew_after_a_moment(client: Client, clock, after: int, stands: bool) -> None:
    decide(client)
    clock.move_to(AT + dt.timedelta(seconds=after), tick=False)
    assert said(asked_later(client, ADDRESS.format(7))) == ("stood 7" if stands else "decided anew")


def test_it_ends_with_a_right_that_ends_by_itself(client: Client, clock) -> None:
    present = Ground(User.objects.filter(username="reader"), until=AT + dt.timedelta(seconds=5))
    decide(client, present)
    clock.move_to(AT + dt.timedelta(seconds=4), tick=False)
    assert said(asked(client)) == "stood 7"
    clock.move_to(AT + dt.timedelta(seconds=5), tick=False)
    assert said(asked(client)) == "decided anew"


def test_it_ends_with_the_day(client: Client, clock) -> None:
    late = AT.replace(hour=23, minute=59, second=50)
    clock.move_to(late, tick=False)
    standing.keep(asked(client), [], lambda request, number: HttpResponse("stood"), at=late)
    clock.move_to(late + dt.timedelta(seconds=11), tick=False)
    assert said(asked_later(client, ADDRESS.format(7))) == "decided anew"


def test_what_cannot_be_answered_is_decided_anew(client: Client) -> None:
    def answer(request: HttpRequest, number: int) -> HttpResponse:
        raise HouseError("It is gone.")

    standing.keep(asked(client), [], answer, at=AT)
    assert said(asked_later(client, ADDRESS.format(7))) == "decided anew"


def test_only_so_many_are_remembered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST", 1)
    decide(client)
    standing.keep(asked(client, "/b/frames/1/pixels"), [], lambda request, number: HttpResponse("b"), at=AT)
    assert said(asked_later(client, ADDRESS.format(7))) == "decided anew"
    assert said(asked_later(client, "/b/frames/2/pixels")) == "b"
