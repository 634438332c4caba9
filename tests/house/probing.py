"""Somebody at the addresses of the house: what is asked, what the table says to it, and what was answered."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import NamedTuple

from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from compliance.models import AuditEvent, User
from tests.factories import PLANTED
from tests.factories.scans import ROOT
from tests.factories.world import REFERENCE
from tests.house.address_matrix import MATRIX, Row
from tests.house.crowd import ARM, DAYS, DECLARED, Crowd, Person, Thing
from tests.support.canaries import written
from trials.schedule import date_of

#: What is tried at an address; a page knows no more than the first two.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Where a site is told who its own subjects are, and what it is told there.
OF_PATIENTS = {"imaging/sites/<pk>/patients/", "imaging/sites/<pk>/patients/list/"}
IDENTITIES = {PLANTED["PatientName"], ROOT, "MRN55667788"}
#: Where who may look at the archive is told the pseudonyms of its UIDs.
OF_ARCHIVE = {"fhir/ImagingStudy", "fhir/ImagingStudy/<pk>"}


class Probe(NamedTuple):
    """One question: a method of an address, for a record; `taken` whether the address takes the method."""

    row: Row
    thing: Thing | None
    method: str
    taken: bool = True


def probes_of(person: Person, crowd: Crowd) -> Iterator[Probe]:
    """Everything that a person is to ask for: each address with each method, for own records and for those of others.

    Who has the role asks for every record. Who lacks it asks for one of the own trial and for one of the other trial.
    """
    taken = {(row.address, method) for row in MATRIX for method in row.methods.split()}
    for row in MATRIX:
        things: list[Thing | None] = [*crowd.things[row.record]] if row.record else [None]
        asked = things if person.may(row.who, None) else _one_of_each_trial(things)
        for method in row.methods.split():
            yield from (Probe(row, thing, method) for thing in asked)
        for method in _others(person, row):
            if (row.address, method) not in taken:
                yield Probe(row, things[0], method, taken=False)


def _one_of_each_trial(things: list[Thing | None]) -> list[Thing | None]:
    return list({thing.trial if thing else "": thing for thing in reversed(things)}.values())


def _others(person: Person, row: Row) -> tuple[str, ...]:
    """Methods to try where they are not taken; no role plays a part in that, so few people try."""
    if person.username not in ("", "founder", "reader"):
        return ()
    return METHODS if row.address.startswith("api/") else METHODS[:2]


def planted_for(person: Person, crowd: Crowd) -> set[str]:
    """What must not reach a person in any answer, lower case."""
    never = {*PLANTED.values(), ROOT, "MRN55667788", "STRAY-0"}
    if "A" not in person.letters:
        # An auditor finds the pseudonyms of UIDs where the trail says that they were stored.
        never |= crowd.uids
    for (trial, place), codes in crowd.subjects.items():
        if trial != person.trial or (person.site and place != person.site):
            never |= set(codes)
    if person.letters in ("R", "J"):
        never |= {ARM, "North Hospital", "South Hospital", "NORTH", "SOUTH"}
        never |= {code for codes in crowd.subjects.values() for code in codes} | {"N-001", "N-002", "S-001"}
        never |= {said for day in (1, *DAYS.values()) for said in written(date_of(day, REFERENCE))}
    if person.letters == "S":
        never |= {code for codes in crowd.subjects.values() for code in codes} | {ARM}
    for trial, words in DECLARED.items():
        if trial != person.trial or not set(person.letters) & set("CQAT"):
            never.add(words)
    for (trial, reader), results in crowd.results.items():
        sees_results = trial == person.trial and set(person.letters) & set("MAJ")
        if reader != person.username and not sees_results:
            never |= set(results)
    return {word.lower() for word in never}


def url_of(row: Row, thing: Thing | None) -> str:
    named = thing.named if thing else {}
    query = "?preset=Lung" if row.address.endswith("/rendered") else ""
    return "/" + re.sub(r"<(\w+)>", lambda found: str(named[found[1]]), row.address) + query


def outcome(response: HttpResponse) -> str:
    """The class of an answer."""
    if response.status_code == 302 and response.headers["Location"].startswith("/sign-in/?next="):
        return "sign in"
    if response.status_code in (401, 403, 404):
        return "refused"
    if response.status_code == 405:
        return "no such method"
    return "allowed" if response.status_code in (200, 201, 302, 400, 409, 412, 422, 428) else f"{response.status_code}"


class Crawler:
    """One person at every address."""

    def __init__(self, person: Person, crowd: Crowd) -> None:
        self.person, self.crowd = person, crowd
        self.client = Client()
        self.user: User | None = None
        if person.username:
            self.user = User.objects.get(username=person.username)
            self.client.force_login(self.user)
        self.cookies = copy.deepcopy(self.client.cookies)
        self.never = planted_for(person, crowd)
        self.wrong: list[str] = []
        self.asked = 0

    def crawl(self) -> None:
        for probe in probes_of(self.person, self.crowd):
            self.ask(probe)

    def ask(self, probe: Probe, closed: bool = False, when: str = "") -> None:
        """Ask, and note what is otherwise than the table says; `closed`: the record's state refuses everybody."""
        row, thing, method, taken = probe
        url = url_of(row, thing)
        expected = self.expected(row, thing, closed) if taken else self.expected_of_unknown(row)
        # A resource has a page of its own too, with forms for the other methods.
        with_page = row.address.startswith("api/v1") and method == "GET" and expected == {"allowed"}
        for accept in ("*/*", "text/html") if with_page else ("*/*",):
            with transaction.atomic():
                last = AuditEvent.objects.order_by("-id").values_list("id", flat=True)[0]
                self.client.cookies = copy.deepcopy(self.cookies)
                response = self.client.generic(method, url, headers={"accept": accept})
                denials = AuditEvent.objects.filter(id__gt=last, action="access.denied", actor=self.user).count()
                transaction.set_rollback(True)
            self.asked += 1
            asked = f"{self.person.username} {when}{method} {url} ({accept})"
            found = outcome(response)
            if found not in expected:
                self.wrong.append(f"{asked}: {response.status_code} {found}, not {sorted(expected)}")
            # Who shows no token is nobody to an address for programs.
            if found == "refused" and self.user and "=" not in row.who and denials != 1:
                self.wrong.append(f"{asked}: {response.status_code} left {denials} rows in the trail")
            told = IDENTITIES | self.crowd.uids if row.address in OF_PATIENTS and found == "allowed" else set()
            if row.address in OF_ARCHIVE and found == "allowed":
                told = self.crowd.uids
            if "consensus" in row.address and found == "allowed":
                # Two readers who settle a case together see both reads of it.
                own = self.crowd.results.items()
                told = {word for (trial, _), said in own if trial == self.person.trial for word in said}
            self.search(response, asked, self.never - {word.lower() for word in told})

    def expected(self, row: Row, thing: Thing | None, closed: bool = False) -> set[str]:
        if "=" in row.who:
            return {"refused"}
        if self.person.may(row.who, thing) and not closed:
            return {"allowed"}
        if self.person.username or row.address.startswith(("api/v1", "api/schema", "api/", "fhir/")):
            return {"refused"}
        return {"sign in"}

    def expected_of_unknown(self, row: Row) -> set[str]:
        """A method that an address does not take: no answer but that, or the refusal that comes before it."""
        return {"no such method", "refused"} if self.person.username else {"no such method", "refused", "sign in"}

    def search(self, response: HttpResponse, where: str, never: set[str]) -> None:
        body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        answer = (headers + "\n" + body.decode("latin-1")).lower()
        # The fraction of a second of a moment may look like any measurement.
        answer = re.sub(r"(\d\d:\d\d:\d\d)\.\d+", r"\1", answer)
        self.wrong += [
            f"{where}: holds {word!r} in {answer[max(answer.index(word) - 60, 0) :][:140]!r}"
            for word in sorted(never)
            if word in answer
        ]
