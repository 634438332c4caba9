"""Somebody who opens whatever an answer leads to, and tries what nobody would: each answer is searched."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, get_resolver, resolve

from compliance.models import User
from tests.support.canaries import Canaries

HOST = "http://testserver"
#: In a page, a script, a style sheet or JSON: what stands where an address may stand.
_ADDRESSES = re.compile(r"""(?:["'(=]|&quot;)((?:http://testserver)?/[^"'()<>\s\\&]*(?:&amp;[^"'()<>\s\\&]*)*)""")
#: Answers that may name addresses; the slashes of a script are mostly others.
_LEADING = ("text/html", "text/css", "application/json", "application/fhir+json", "application/vnd.oai")
#: Swagger UI's own files.
_FOREIGN = "/static/drf_spectacular_sidecar/"
#: Names of records that nobody has been given, by what a pattern calls them; more are made of what was seen.
ODD = {
    "pk": ("0", "1", "2", "3", "99999999"),
    "number": ("0", "1", "4096"),
    "frame": ("0", "1", "4096"),
    "film": ("0", "1", "4096"),
    "series": ("0" * 32, "1.2.840.10008.1.2"),
    "blinded_code": ("ZZZZ-9999", "0"),
    "object_type": ("reading.readtask", "trials.subject"),
    "object_id": ("1", "x"),
}
ANYTHING = ("x", "1", "00000000-0000-4000-8000-000000000000")
#: What an address is asked besides, once for each pattern and record.
ASKED = (
    {"accept": "text/html"},
    {"accept": "application/json"},
    {"accept": "image/png"},
    {"range": "bytes=0-9"},
    {"range": "bytes=999999999-"},
    {"range": "lines=all"},
    {"if-none-match": "*"},
    {"hx-request": "true"},
    {"authorization": "Bearer nobody"},
)
#: What is sent where something may be sent, and what should not be.
SENT: tuple[tuple[str, bytes], ...] = (
    ("application/json", b"{}"),
    ("application/json", b'{"version": -1, "series": ["\xff'),
    ("application/x-www-form-urlencoded", b"version=0&form=%00&choice=both"),
)


class Crawler:
    """One person in all the house.

    Attributes
    ----------
    hits
        Where something was found, and what.
    reached
        The patterns that gave the person something, with how many answers each.
    """

    def __init__(self, person: User, canaries: Canaries) -> None:
        self.canaries = canaries
        self.client = Client(raise_request_exception=False)
        self.client.force_login(person)
        self.cookies = copy.deepcopy(self.client.cookies)
        self.hits: list[str] = []
        self.reached: Counter[str] = Counter()
        self.responses = 0
        self._asked: set[str] = set()
        self._waiting: list[str] = []
        self._values: dict[str, dict[str, None]] = defaultdict(dict)

    def crawl(self, tried: Collection[str] = ()) -> None:
        """Follow everything from the first page on, combine what was seen, then misbehave where something opens.

        Parameters
        ----------
        tried
            Patterns at which another has misbehaved already: an address that opens to both answers both alike.
        """
        patterns = dict(routes())
        self._waiting += ["/", *(f"/{route}" for route in patterns if "<" not in route)]
        self._follow()
        for route in patterns:
            self._waiting += itertools.islice(self._combined(route), 12)
            self._follow()
        for route in patterns:
            if route in tried:
                continue
            for address in itertools.islice(self._combined(route, ODD), 5 if self.reached[route] else 2):
                self.ask("GET", address)
            if self.reached[route]:
                self._misbehave(next(self._combined(route)))

    def ask(self, method: str, address: str, body: bytes = b"", kind: str = "", **headers: str) -> HttpResponse:
        """Make a request and search its answer; what it changed is undone."""
        with transaction.atomic():
            self.client.cookies = copy.deepcopy(self.cookies)
            response = self.client.generic(
                method,
                address,
                body,
                content_type=kind,
                headers={name.replace("_", "-"): v for name, v in headers.items()},
            )
            content = b"".join(response.streaming_content) if response.streaming else response.content
            transaction.set_rollback(True)
        self.responses += 1
        where = f"{method} {address} {headers or ''}: {response.status_code}"
        if response.status_code >= 500:
            self.hits.append(f"{where}: the house failed")
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        cookies = "\n".join(morsel.OutputString() for morsel in response.cookies.values())
        for part, said in (("head", f"{head}\n{cookies}".encode()), ("body", content)):
            self.hits += [f"{where}: its {part} holds the {found}" for found in sorted(self.canaries.found_in(said))]
        response.content_seen = content  # type: ignore[attr-defined]
        return response

    def _follow(self) -> None:
        while self._waiting:
            address = self._waiting.pop()
            if address in self._asked:
                continue
            self._asked.add(address)
            response = self.ask("GET", address)
            pattern = self._note(address)
            if response.status_code < 400 and pattern is not None:
                self.reached[pattern] += 1
            self._waiting += self._leads(response)

    def _note(self, address: str) -> str | None:
        """Remember by which names an address calls its records; return its pattern, or None where it has none."""
        try:
            match = resolve(urlsplit(address).path)
        except Resolver404:
            return None
        for name, value in match.kwargs.items():
            self._values[name][str(value)] = None
        return plain(match.route)

    def _leads(self, response: HttpResponse) -> Iterator[str]:
        """Yield the addresses in an answer; one with a place for a series and a picture, for each that it lists."""
        if location := response.headers.get("Location"):
            yield location.removeprefix(HOST)
        if not response.headers.get("Content-Type", "").startswith(_LEADING):
            return
        text = response.content_seen.decode("utf-8", "replace")  # type: ignore[attr-defined]
        for number in re.findall(r'"(?:id|pk)":\s*(\d+)', text):
            self._values["pk"][number] = None
        pictures = dict(_pictures(text))
        presets = re.findall(r'data-preset="([^"]+)"', text) or [""]
        for found in _ADDRESSES.findall(text):
            address = found.replace("&amp;", "&").removeprefix(HOST).partition("#")[0]
            if "SERIES" not in address:
                if not address.startswith(_FOREIGN):
                    yield address
                continue
            for key, count in pictures.items():
                for number in range(1, count + 1) if "/0/" in address else (0,):
                    put_in = address.replace("SERIES", key).replace("/0/", f"/{number}/")
                    yield put_in if "?" in put_in else f"{put_in}?preset={presets[number % len(presets)]}"

    def _combined(self, route: str, odd: Mapping[str, Sequence[str]] | None = None) -> Iterator[str]:
        """Yield addresses of a pattern, of what was seen elsewhere or of what nobody has been given."""
        names = re.findall(r"<(\w+)>", route)
        tail = "?preset=%00&page=-1" if odd else ""
        values = [odd.get(name, ANYTHING) if odd else list(self._values[name]) for name in names]
        for chosen in itertools.product(*values):
            yield "/" + re.sub(r"<(\w+)>", lambda found: chosen[names.index(found[1])], route) + tail  # noqa: B023

    def _misbehave(self, address: str) -> None:
        for headers in ASKED:
            self.ask("GET", address, **{name.replace("-", "_"): value for name, value in headers.items()})
        for method in ("HEAD", "OPTIONS", "DELETE"):
            self.ask(method, address)
        for kind, body in SENT:
            for method in ("POST", "PUT"):
                self.ask(method, address, body, kind, if_match='"1"')


def routes(patterns: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern of the resolver, with the names of its places alone."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield plain(route), pattern
        else:
            yield from routes(pattern.url_patterns, route)


def plain(route: str) -> str:
    """A pattern without what its places may hold."""
    route = re.sub(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)", r"\1", route)
    return re.sub(r"[\^$]|\\Z", "", re.sub(r"<\w+:(\w+)>", r"<\1>", route))


def _pictures(text: str) -> Iterator[tuple[str, int]]:
    """Keys of the series that a page's or an answer's JSON lists, with how many pictures each has."""
    for written in [*re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL), text]:
        try:
            told = [json.loads(written)]
        except ValueError:
            continue
        while told:
            one = told.pop()
            if isinstance(one, dict) and isinstance(one.get("slices"), list):
                yield str(one["key"]), len(one["slices"])
            told += list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
