"""Webhooks: a real server takes the messages, and verifies them by the code that the documentation gives."""

from __future__ import annotations

import datetime as dt
import json
import re
import runpy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.utils import timezone

from compliance import audit, outcalls
from compliance.access import AccessDenied
from compliance.exporting import NotLocked
from compliance.models import AuditEvent, Job
from tests.factories import AT, World
from trials import webhooks
from trials.models import Delivery, Role, Webhook
from trials.services import enrolling, hooking, querying

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-022")]

EVERYTHING = [name for name, _ in webhooks.CHOICES]


class Receiver(HTTPServer):
    """Another system: it keeps what it gets, and answers as it was told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/news?from=here"


class Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = ["127.0.0.1/32"]
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def hooked(world: World, receiver: Receiver, *kinds: str) -> tuple[Webhook, str]:
    given = {"address": receiver.address, "kinds": kinds or EVERYTHING}
    return hooking.make(trial=world.trial, **given, actor=world.founder, at=timezone.now())


@pytest.fixture
def verify(tmp_path: Path) -> Any:
    """The function that the documentation gives to whoever receives messages."""
    page = (Path(settings.ROOT) / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "receiving.py").write_text(code)
    return runpy.run_path(str(tmp_path / "receiving.py"))["verified"]


def delivered(at: dt.datetime | None = None) -> None:
    for one in Delivery.objects.filter(state="waiting").order_by("pk"):
        hooking.deliver(delivery_id=one.pk, at=at or timezone.now())


def test_news_reaches_a_server_that_verifies_it_and_names_nobody(world: World, receiver: Receiver, verify: Any) -> None:
    _, secret = hooked(world, receiver)
    world.enrol(world.south, "QUINCE-0417")
    query = querying.raise_query(
        about=world.timepoint("QUINCE-0417", "BL"), title="QUILL", text="QUIVER", actor=world.analyst, at=AT
    )
    querying.answer_query(query=query, text="QUARTZ", actor=world.other_coordinator, at=AT)
    enrolling.mark_missed(
        timepoint=world.timepoint("QUINCE-0417", "W8"), reason="QUOTA", actor=world.administrator, at=AT
    )
    delivered()
    kept: set[str] = set()
    for headers, body in receiver.got:
        assert verify(secret, headers, body, kept)
        # A signature may spell anything.
        plain = {name: value for name, value in headers.items() if name != "webhook-signature"}
        assert not re.search("Q[A-Z]{3}|W8|BL", body.decode() + json.dumps(plain))
    told = [json.loads(body) for _, body in receiver.got]
    assert [one["type"] for one in told] == ["subject.enrolled", "query.opened", "query.answered", "visit.missed"]
    assert {json.dumps(one["data"]) for one in told} == {'{"trial": "PLX-1", "site": "SOUTH"}'}
    assert set(Delivery.objects.values_list("state", "answer")) == {("sent", "HTTP 204")}


def test_what_was_changed_is_old_or_comes_twice_does_not_verify(world: World, receiver: Receiver, verify: Any) -> None:
    hook, secret = hooked(world, receiver)
    hooking.test(webhook=hook, actor=world.founder, at=AT)
    delivered()
    delivered()
    ((headers, body),) = receiver.got
    other = webhooks.as_text(bytes(32))
    assert not verify(other, headers, body, set())
    assert not verify(secret, headers, body.replace(b"test", b"tset"), set())
    for name, value in (("webhook-id", str(hook.name)), ("webhook-timestamp", str(int(AT.timestamp())))):
        assert not verify(secret, {**headers, name: value}, body, set())
    kept: set[str] = set()
    assert [verify(secret, headers, body, kept) for _ in range(2)] == [True, False]


def test_what_is_not_taken_is_tried_again_given_up_and_sent_again(world: World, receiver: Receiver) -> None:
    hook, _ = hooked(world, receiver)
    one = hooking.test(webhook=hook, actor=world.founder, at=AT)
    receiver.answers = [500, 302]
    for status in (500, 302):
        with pytest.raises(hooking.NotTaken):
            hooking.deliver(delivery_id=one.pk, at=timezone.now())
        one.refresh_from_db()
        assert (one.state, one.answer) == ("waiting", f"HTTP {status}")
    Delivery.objects.filter(pk=one.pk).update(tries=hooking.MOST_TRIES - 1)
    receiver.answers = [410]
    hooking.deliver(delivery_id=one.pk, at=timezone.now())
    one.refresh_from_db()
    assert (one.state, one.answer) == ("failed", "HTTP 410")
    with pytest.raises(AccessDenied):
        hooking.send_again(delivery=one, actor=world.analyst, at=AT)
    for _ in range(2):
        hooking.send_again(delivery=one, actor=world.founder, at=AT)
        delivered()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1
    assert len(receiver.got) == 5


def test_nothing_of_reading_is_told_and_a_package_only_after_the_lock(world: World, receiver: Receiver) -> None:
    assert not [kind for kind in webhooks.KINDS if kind.startswith(("read", "adjud", "assess", "global", "consensus"))]
    hooked(world, receiver)
    audit.record("package.built", world.trial, actor=None, at=AT, after={"result": "QUARRY"})
    one = Delivery.objects.get()
    assert "QUARRY" not in one.body
    with pytest.raises(NotLocked):
        hooking.deliver(delivery_id=one.pk, at=AT)
    assert receiver.got == []


def test_who_was_not_asked_for_hears_nothing_and_an_ended_webhook_neither(world: World, receiver: Receiver) -> None:
    hook, _ = hooked(world, receiver, "query.opened")
    world.enrol(world.north, "N-009")
    assert not Delivery.objects.exists()
    hooking.test(webhook=hook, actor=world.founder, at=AT)
    hooking.end(webhook=hook, actor=world.founder, at=AT)
    delivered()
    assert (Delivery.objects.get().answer, receiver.got) == (hooking.ENDED, [])
    with pytest.raises(hooking.NotHooked):
        hooking.test(webhook=hook, actor=world.founder, at=AT)


@pytest.mark.parametrize(
    "address",
    [
        *("https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://192.168.1.1/", "https://172.16.0.9/"),
        *("https://169.254.169.254/latest/", "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/"),
        *("https://[fd00::1]/", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/"),
        *("https://[2002:a00:1::]/", "https://2130706433/", "https://0x7f.1/", "https://localhost/"),
        *("http://9.9.9.9/", "ftp://9.9.9.9/", "https://u:p@9.9.9.9/", "https://", "https://9.9.9.9:99999/", "9.9.9.9"),
    ],
)
def test_an_address_that_this_server_must_not_call_is_refused(world: World, address: str) -> None:
    given = {"address": address, "kinds": EVERYTHING, "actor": world.founder, "at": AT}
    with pytest.raises(outcalls.AddressRefused):
        hooking.make(trial=world.trial, **given)


def test_a_name_that_comes_to_stand_for_a_machine_inside_is_not_called(
    world: World, receiver: Receiver, settings: LazySettings
) -> None:
    hook, _ = hooked(world, receiver)
    one = hooking.test(webhook=hook, actor=world.founder, at=AT)
    settings.WEBHOOK_NETWORKS = []
    with pytest.raises(outcalls.AddressRefused):
        hooking.deliver(delivery_id=one.pk, at=AT)
    assert receiver.got == []


@pytest.mark.parametrize("place", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9"])
def test_an_address_of_the_internet_may_be_called(settings: LazySettings, place: str) -> None:
    outcalls.require_callable(f"https://[{place}]/x" if ":" in place else f"https://{place}/x")


def test_the_page_makes_tests_ends_and_sends_again_and_an_auditor_looks(world: World, receiver: Receiver) -> None:
    page, door = f"/trials/{world.trial.pk}/webhooks/", Client()
    door.force_login(world.administrator)
    made = door.post(page, {"act": "make", "address": receiver.address, "kinds": ["query.opened"]})
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made.content.decode()))
    hook = Webhook.objects.get()
    assert secret not in door.get(page).content.decode()
    twice = door.post(page, {"act": "make", "address": receiver.address, "kinds": ["query.opened"]})
    assert (twice.status_code, Webhook.objects.count()) == (422, 1)
    assert '<details class="px-more" open><summary>Make a webhook' in twice.content.decode()
    assert secret not in json.dumps(list(AuditEvent.objects.values_list("after", flat=True)))
    door.post(page, {"act": "test", "webhook": hook.pk})
    delivered()
    one = Delivery.objects.get()
    assert door.post(page, {"act": "again", "delivery": one.pk}).status_code == 302
    assert Job.objects.filter(kind=hooking.JOB).exists()
    looker = Client()
    looker.force_login(world.people[Role.AUDITOR])
    told = looker.get(page).content.decode()
    assert str(one.message) in told
    assert "Make a webhook" not in told
    assert looker.post(page, {"act": "end", "webhook": hook.pk}).status_code == 403
    assert door.post(page, {"act": "end", "webhook": hook.pk}).status_code == 302
    hook.refresh_from_db()
    assert hook.ended_by == world.administrator
    assert (
        "must begin with https"
        in door.post(page, {"act": "make", "address": "http://9.9.9.9/", "kinds": ["query.opened"]}).content.decode()
    )
