"""FHIR R4 (4.0.1) in plain JSON: resources with a version, what a search takes, bundles, and refusals.

A room says which of its records are a resource (`Kind`); `compliance.fhir_doors` answers for them. It is all read-only.
Clauses are of hl7.org/fhir/R4.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q

from compliance.api_lists import FilterRefused
from compliance.models import User

Json = dict[str, Any]
#: Takes what was found and the values of a parameter, of which one must hold; returns what is left.
Narrow = Callable[[Any, Sequence[str]], Any]

VERSION = "4.0.1"
MEDIA_TYPE = "application/fhir+json"
#: What a page of a search holds unless `_count` says otherwise, and at most.
COUNT, MOST = 100, 1000
#: What every search takes beside its parameters.
_ALWAYS = frozenset({"_count", "_format", "page"})
_MOST_LETTERS = 200
#: Conditions that nothing and that everything meets; an empty one would vanish beside another.
NOTHING, EVERYTHING = Q(pk__in=[]), ~Q(pk__in=[])
#: What a refusal is, in the words of the value set http://hl7.org/fhir/ValueSet/issue-type.
_ISSUES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


# --- what a search takes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: its name with a modifier if it has one, and the standard's type and definition of it."""

    name: str
    type: str
    definition: str
    narrow: Narrow
    says: str = ""


class Token(NamedTuple):
    """A value of the type token (search.html#token): a code, and the system that it is to be of, if one is said."""

    system: str | None
    code: str

    @classmethod
    def read(cls, said: str) -> Token:
        """Read `code`, `system|code`, `system|` or `|code`."""
        system, bar, code = said.partition("|")
        return cls(system, code) if bar else cls(None, said)

    def names(self, system: str, code: str) -> bool:
        """Tell whether a code of a system is meant."""
        return self.system in (None, system) and self.code in ("", code)


def by_tokens(condition: Callable[[Token], Q]) -> Narrow:
    """Narrow records to those for which the condition holds of one of the tokens."""

    def narrow(found: Any, values: Sequence[str]) -> Any:
        wanted = NOTHING
        for value in values:
            wanted |= condition(Token.read(value))
        return found.filter(wanted)

    return narrow


def among(matches: Callable[[Any, Token], bool]) -> Narrow:
    """Narrow a list to what matches one of the tokens."""
    return lambda found, values: [one for one in found if any(matches(one, Token.read(value)) for value in values)]


def by_codes(system: str, path: str, codes: Mapping[Any, str]) -> Narrow:
    """Narrow records by a field whose values have these codes of a system."""

    def condition(token: Token) -> Q:
        return Q(**{f"{path}__in": [value for value, code in codes.items() if token.names(system, code)]})

    return by_tokens(condition)


def by_reference(kind: str, path: str) -> Narrow:
    """Narrow records by the resource that they refer to: `3`, `ResearchStudy/3`, or its whole address."""
    form = re.compile(rf"(?:(?:https?://\S+/)?{kind}/)?(\d{{1,18}})")

    def narrow(found: Any, values: Sequence[str]) -> Any:
        named = [form.fullmatch(value) for value in values]
        if not all(named):
            raise FilterRefused(f"The search takes {kind}/ and the resource's id. Leave it out to see all.")
        return found.filter(**{f"{path}__in": [int(one[1]) for one in named if one]})

    return narrow


def by_date(path: str) -> Narrow:
    """Narrow records by a date: a year, a month or a day, by itself or after eq, lt, gt, le or ge."""

    def narrow(found: Any, values: Sequence[str]) -> Any:
        wanted = NOTHING
        for value in values:
            wanted |= _in_time(path, value)
        return found.filter(wanted)

    return narrow


def _in_time(path: str, said: str) -> Q:
    """The condition that a date holds: its period begins and ends as long as it is precise (search.html#date)."""
    form = re.fullmatch(r"(eq|lt|gt|le|ge)?(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", said, re.ASCII)
    try:
        if form is None:
            raise ValueError(said)
        year, month, day = (int(part) if part else 0 for part in form.groups()[1:])
        first = dt.date(year, month or 1, day or 1)
        last_month = month or 12
        last = dt.date(year, last_month, day or calendar.monthrange(year, last_month)[1])
    except ValueError as problem:
        raise FilterRefused(
            "A date is a year, a month or a day, as in 2030, 2030-11 or ge2030-11-12; eq, lt, gt, le and ge are known."
        ) from problem
    by_prefix = {
        "lt": Q(**{f"{path}__lt": first}),
        "gt": Q(**{f"{path}__gt": last}),
        "le": Q(**{f"{path}__lte": last}),
        "ge": Q(**{f"{path}__gte": first}),
    }
    return by_prefix.get(form[1] or "eq", Q(**{f"{path}__range": (first, last)}))


def is_id(token: Token) -> Q:
    """The condition that a record has this id."""
    known = token.system is None and re.fullmatch(r"\d{1,18}", token.code, re.ASCII)
    return Q(pk=int(token.code)) if known else NOTHING


_ID_DEFINED = "http://hl7.org/fhir/SearchParameter/Resource-id"
ID = Parameter("_id", "token", _ID_DEFINED, by_tokens(is_id))


def id_among(number: Callable[[Any], int]) -> Parameter:
    """Return the parameter `_id` of what is found as a list."""
    return Parameter("_id", "token", _ID_DEFINED, among(lambda one, token: token == (None, str(number(one)))))


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of resource, as it is served.

    Attributes
    ----------
    verb
        Who may ask for it at all.
    seen
        Everything that a person gets, in order: a query set, or a list; where one is asked for by its id, it is enough
        to look at what may hold that.
    told
        What is told of one of it, without `meta`.
    parameters
        By what it is searched; `_id`, by which it is read as well, is the first.
    modified
        When what is told changed last, where that may be told: beside a shifted date it may tell the shift.
    record
        The record that one of it is about.
    """

    type: str
    verb: str
    says: str
    seen: Callable[[User, dt.datetime, int | None], Any]
    told: Callable[[Any], Json]
    parameters: tuple[Parameter, ...]
    modified: Callable[[Any], dt.datetime | None] | None = None
    record: Callable[[Any], Any] = lambda one: one

    def modified_at(self, one: Any) -> dt.datetime | None:
        """Return when what is told of one of them changed last, if that is told."""
        return self.modified(one) if self.modified else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search asks for: parameters with the values of which one must hold, and which page."""

    by: tuple[tuple[Parameter, tuple[str, ...]], ...]
    count: int
    page: int


def asked(kind: Kind, said: Iterable[tuple[str, list[str]]]) -> Asked:
    """Read the parameters of a request; one that is not known is refused, as the list would say more than was asked.

    Raises
    ------
    compliance.api_lists.FilterRefused
    """
    known = {parameter.name: parameter for parameter in kind.parameters}
    by: list[tuple[Parameter, tuple[str, ...]]] = []
    pages = {"_count": COUNT, "page": 1}
    for name, values in said:
        if name not in known and name not in _ALWAYS:
            raise FilterRefused(f"There is no search parameter {name[:40]} here. There are: {', '.join(known)}.")
        for value in filter(None, values):
            if len(value) > _MOST_LETTERS or "\0" in value:
                raise FilterRefused(f"The value of {name} is not understood. Leave it out to see all.")
            if name in pages:
                pages[name] = _number(name, value)
            elif name in known:
                by.append((known[name], tuple(filter(None, value.split(",")))))
    return Asked(tuple(by), min(pages["_count"], MOST), pages["page"])


def _number(name: str, said: str) -> int:
    least = 1 if name == "page" else 0
    if not re.fullmatch(r"\d{1,9}", said, re.ASCII) or int(said) < least:
        raise FilterRefused(f"{name} takes a number from {least} on.")
    return int(said)


# --- what is answered --------------------------------------------------------------------------------------------


def sid(name: str) -> str:
    """Return the system of identifiers or codes that are this installation's own."""
    return f"{settings.PUBLIC_URL}/fhir/sid/{name}"


def bare(value: Any) -> Any:
    """Return a value without what is empty: FHIR's JSON has no null, no empty text, object or list (json.html)."""
    if isinstance(value, Mapping):
        return {name: kept for name, one in value.items() if (kept := bare(one)) not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [kept for one in value if (kept := bare(one)) not in (None, "", [], {})]
    return value


def instant(at: dt.datetime) -> str:
    """Return a moment as FHIR writes it."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def version_of(content: Json) -> str:
    """Return the version of what is told: a digest of it."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def resource(kind: Kind, one: Any) -> Json:
    """Return one of a kind as a resource, with its version."""
    told, modified = bare(kind.told(one)), kind.modified_at(one)
    meta = {"versionId": version_of(told), "lastUpdated": instant(modified) if modified else None}
    return {"resourceType": kind.type, "id": told.pop("id"), "meta": bare(meta), **told}


def searchset(total: int, links: Mapping[str, str], found: Iterable[tuple[str, Json]]) -> Json:
    """Return a page of what a search found, each with its address (bundle.html, type searchset)."""
    return bare(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": total,
            "link": [{"relation": relation, "url": url} for relation, url in links.items()],
            "entry": [{"fullUrl": url, "resource": one, "search": {"mode": "match"}} for url, one in found],
        }
    )


def outcome(status: int, sentence: str) -> Json:
    """Return a refusal as a resource (operationoutcome.html)."""
    issue = {"severity": "error", "code": _ISSUES.get(HTTPStatus(status), "processing"), "details": {"text": sentence}}
    return bare({"resourceType": "OperationOutcome", "issue": [issue]})
