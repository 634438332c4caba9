"""The API answers as its description says, whatever it is asked: no fault of ours, no answer that is not described.

Schemathesis draws requests from the description, such as it allows and such as it does not; half of them name records
that there are. Everybody of `crowd` asks. What an answer changed is rolled back before the next. More examples:
PARALLAX_API_EXAMPLES=100.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import checks as described

from compliance.models import User
from tests.house.address_matrix import MATRIX, Row
from tests.house.crowd import PEOPLE, Crowd, Person

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

EXAMPLES = int(os.environ.get("PARALLAX_API_EXAMPLES", "4"))
CHECKS = [
    checks.not_a_server_error,
    described.status_code_conformance,
    described.content_type_conformance,
    described.response_schema_conformance,
]


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    """Every operation of the description."""
    raw = SchemaGenerator(api_version="1").get_schema(request=None, public=True)
    return [found.ok() for found in schemathesis.openapi.from_dict(raw).get_all_operations()]


def places_of(path: str) -> str:
    """An address without the names that its places have."""
    return re.sub(r"<\w+>|\{\w+\}", "{}", path.strip("/"))


#: Rows of the table by address and method.
ROWS: Mapping[tuple[str, str], Row] = {
    (places_of(row.address), method): row for row in MATRIX for method in row.methods.split()
}


@pytest.mark.requirement("REQ-ACS-009")
def test_every_operation_is_in_the_table_of_addresses(operations: list[Any]) -> None:
    assert {(places_of(one.path), one.method.upper()) for one in operations} <= ROWS.keys()


class Asker:
    """One person who asks anything."""

    def __init__(self, person: Person, crowd: Crowd) -> None:
        self.person, self.crowd = person, crowd
        self.client = Client(raise_request_exception=False)
        if person.username:
            self.client.force_login(User.objects.get(username=person.username))
        self.cookies = copy.deepcopy(self.client.cookies)
        self.wrong: list[str] = []

    def ask_about(self, operation: Any) -> None:
        row = ROWS[places_of(operation.path), operation.method.upper()]
        things = self.crowd.things[row.record] if row.record else []
        allowed = any(self.person.may(row.who, thing) for thing in things or [None])
        names = re.findall(r"\{(\w+)\}", operation.path), re.findall(r"<(\w+)>", row.address)
        drawn = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        # Who lacks the role is refused before anything is looked at.
        @settings(
            max_examples=EXAMPLES if allowed else 1,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=drawn, which=st.integers(0, 7))
        def asked(case: Case, which: int) -> None:
            if things and which:
                named = things[which % len(things)].named
                case.path_parameters = {there: str(named[here]) for there, here in zip(*names, strict=True)}
            self.ask(case)

        asked()

    def ask(self, case: Case) -> None:
        """Send one request, and hold the answer against the description."""
        given = case.as_transport_kwargs(base_url="http://testserver")
        known = {"method", "url", "headers", "params", "data", "json", "files", "cookies"}
        request = requests.Request(**{name: value for name, value in given.items() if name in known}).prepare()
        address, body = urlsplit(str(request.url)), request.body or b""
        unsaid = {"content-length", "content-type", "cookie", "authorization"}
        with transaction.atomic():
            self.client.cookies = copy.deepcopy(self.cookies)
            answer = self.client.generic(
                case.method,
                f"{address.path}?{address.query}",
                body,
                content_type=request.headers.get("Content-Type", "application/json"),
                headers={name: value for name, value in request.headers.items() if name.lower() not in unsaid},
            )
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        headers = {name.lower(): [value] for name, value in answer.headers.items()}
        told = schemathesis.Response(answer.status_code, headers, content, request, 0.0, verify=False)
        try:
            case.validate_response(told, checks=CHECKS)
        except (Failure, FailureGroup) as problem:
            self.wrong.append(f"{case.method} {request.url} {body!r:.300}: {answer.status_code} {problem}"[:1500])


@pytest.mark.requirement("REQ-ACS-009")
@pytest.mark.parametrize("person", [pytest.param(person, id=person.username or "nobody") for person in PEOPLE])
def test_each_operation_answers_each_person_as_the_description_says(
    person: Person, crowd: Crowd, operations: list[Any]
) -> None:
    asker = Asker(person, crowd)
    for operation in operations:
        asker.ask_about(operation)
    assert not asker.wrong, "\n\n".join(asker.wrong)
    assert len(operations) > 70
