"""What surrounds each request: its identifier, the headers of each answer, and one answer to each refusal."""

from __future__ import annotations

import logging
import re

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.test import Client

from compliance import context
from compliance.models import AuditEvent
from compliance.policy import CONTENT_SECURITY_POLICY, VIEWER_POLICY
from config import logs
from tests.factories import World
from trials.models import Role

pytestmark = [pytest.mark.usefixtures("doors"), pytest.mark.requirement("REQ-ACS-011")]

HTMX = {"HX-Request": "true"}
JSON = {"accept": "application/json"}


def parts_of(policy: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


# --- headers ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-ACS-008")
def test_the_policy_lets_a_page_load_from_this_server_alone() -> None:
    parts = parts_of(CONTENT_SECURITY_POLICY)

    assert parts.pop("img-src") == "'self' data:"
    assert {parts.pop(name) for name in ("default-src", "base-uri", "frame-ancestors")} == {"'none'"}
    assert set(parts.values()) == {"'self'"}
    assert set(parts) == {
        "script-src",
        "worker-src",
        "style-src",
        "media-src",
        "font-src",
        "connect-src",
        "form-action",
    }


@pytest.mark.requirement("REQ-ACS-008")
def test_the_viewer_may_run_webassembly_besides_and_its_worker_too() -> None:
    parts = parts_of(VIEWER_POLICY)

    assert parts.pop("script-src") == "'self' 'wasm-unsafe-eval'"
    assert parts == {name: said for name, said in parts_of(CONTENT_SECURITY_POLICY).items() if name != "script-src"}
    for name in ("viewer.js", "vendor.js", "decode.js", "openjphjs.wasm"):
        assert Client().get(f"/static/reading/viewer/{name}")["Content-Security-Policy"] == VIEWER_POLICY
    assert Client().get("/static/reading/read.js")["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.requirement("REQ-ACS-008")
@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/sign-in/", "/", "/t/public/", "/t/refuses/", "/nowhere/", "/api/v1/"])
def test_every_answer_has_the_headers(address: str) -> None:
    answer = Client().get(address)

    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert re.fullmatch(r"[0-9a-f]{16}", answer["X-Request-Id"])
    assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"], answer["Referrer-Policy"]) == (
        "DENY",
        "nosniff",
        "same-origin",
    )


@pytest.mark.parametrize("problem", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_said_and_passes(
    problem: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(store: SessionStore) -> None:
        raise problem("server closed the connection")

    # The session is looked up by a middleware, before any view, and again by each page.
    monkeypatch.setattr(SessionStore, "load", away)
    browser = Client(raise_request_exception=False)
    browser.cookies["sessionid"] = "one-that-lives"

    page, program = browser.get("/"), browser.get("/", headers=JSON)

    assert [(one.status_code, one["Retry-After"]) for one in (page, program)] == [(503, "10")] * 2
    assert b"The database does not answer now" in page.content
    assert program.json()["code"] == "unavailable"
    assert page["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(("problem", "is_short"), [(OperationalError, True), (InterfaceError, True), (KeyError, False)])
def test_a_database_that_does_not_answer_leaves_one_line_in_the_log(problem: type[Exception], is_short: bool) -> None:
    record = logging.makeLogRecord({"msg": "Service Unavailable", "exc_info": (problem, problem(), None)})

    assert logs.shorten(record)

    assert (logging.Formatter().format(record) == "Service Unavailable") is is_short


@pytest.mark.requirement("REQ-ACS-008")
@pytest.mark.django_db
def test_the_answer_to_a_failure_has_the_headers_and_says_nothing_of_it() -> None:
    answer = Client(raise_request_exception=False).get("/t/breaks/")

    assert answer.status_code == 500
    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert b"what is in here" not in answer.content


@pytest.mark.django_db
def test_an_answer_that_says_otherwise_keeps_its_word() -> None:
    answer = Client().get("/t/own-policy/")

    assert (answer["Content-Security-Policy"], answer["Cache-Control"]) == ("default-src 'self'", "private, max-age=60")


# --- the identifier -----------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-AUD-010")
@pytest.mark.django_db
def test_each_request_has_an_identifier_of_its_own_which_no_client_chooses() -> None:
    answers = [Client().get("/t/public/", headers={"X-Request-Id": "chosen"}) for _ in range(2)]

    said = [answer.content.decode().split() for answer in answers]
    assert [identifier for identifier, _ in said] == [answer["X-Request-Id"] for answer in answers]
    assert len({identifier for identifier, _ in said} | {"chosen"}) == 3
    assert [via for _, via in said] == ["127.0.0.1"] * 2


@pytest.mark.requirement("REQ-AUD-010")
@pytest.mark.django_db
def test_after_a_request_its_surroundings_are_gone_even_when_it_failed() -> None:
    Client(raise_request_exception=False).get("/t/breaks/")

    assert context.current() == context.Surroundings()


@pytest.mark.requirement("REQ-AUD-010")
def test_the_trail_names_the_request_and_its_address(world: World) -> None:
    client = Client()
    client.force_login(world.outsider, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.get(f"/trials/{world.trial.pk}/")

    event = AuditEvent.objects.get(action="access.denied")
    assert (event.request_id, event.via) == (answer["X-Request-Id"], "127.0.0.1")


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_person_gets_a_page_with_the_sentence() -> None:
    answer = Client().get("/t/refuses/")

    assert (answer.status_code, answer["Content-Type"]) == (409, "text/html; charset=utf-8")
    page = answer.content.decode()
    assert page.startswith("<!doctype html>")
    assert "It was &lt;b&gt;not&lt;/b&gt; done. Do something else." in page
    assert "refused_here" in page
    assert "<b>not</b>" not in page


@pytest.mark.django_db
def test_htmx_gets_the_sentence_alone() -> None:
    answer = Client().get("/t/refuses/", headers=HTMX)

    assert answer.status_code == 409
    assert answer.content.decode().strip() == (
        '<p data-sentence data-code="refused_here">It was &lt;b&gt;not&lt;/b&gt; done. Do something else.</p>'
    )


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain;q=0.5"])
def test_a_program_gets_code_and_sentence(accept: str) -> None:
    answer = Client().get("/t/refuses/", headers={"accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/json")
    assert answer.json() == {"code": "refused_here", "detail": "It was <b>not</b> done. Do something else."}


@pytest.mark.django_db
def test_what_is_no_refusal_is_not_answered_as_one() -> None:
    with pytest.raises(ZeroDivisionError):
        Client().get("/t/breaks/")


@pytest.mark.requirement("REQ-AUD-011")
@pytest.mark.parametrize("headers", [{}, HTMX, JSON], ids=["page", "htmx", "JSON"])
def test_a_role_that_may_not_is_one_event_whatever_the_answers_form(world: World, headers: dict[str, str]) -> None:
    client = Client()
    client.force_login(world.people[Role.READER], backend="django.contrib.auth.backends.ModelBackend")

    answer = client.get(f"/trials/{world.trial.pk}/setup/", headers=headers)

    assert answer.status_code == 403
    event = AuditEvent.objects.get(action="access.denied")
    assert (event.actor, event.object_id, event.request_id) == (
        world.people[Role.READER],
        str(world.trial.pk),
        answer["X-Request-Id"],
    )


@pytest.mark.requirement("REQ-AUD-011")
def test_an_event_of_a_refusal_is_kept_though_the_step_was_taken_back(world: World) -> None:
    client = Client()
    client.force_login(world.outsider, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.get("/t/refuses-midway/")

    assert answer.status_code == 403
    assert AuditEvent.objects.filter(action="access.denied").count() == 1
    world.trial.refresh_from_db()
    assert world.trial.title == "Tests"
