"""What surrounds a change: the request or job it happens in. Set by doors, read by the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a change came from: a request identifier, and the network address or process name."""

    request_id: str = ""
    via: str = ""


_current: ContextVar[Surroundings] = ContextVar("surroundings", default=Surroundings())  # noqa: B039 - frozen


def current() -> Surroundings:
    """Return the surroundings of the change under way."""
    return _current.get()


@contextmanager
def surroundings(request_id: str, via: str) -> Iterator[None]:
    """Mark everything inside the block as coming from this request, job or command."""
    token = _current.set(Surroundings(request_id, via))
    try:
        yield
    finally:
        _current.reset(token)


def by_token(number: int) -> None:
    """Mark what follows in this request as done by a program with this token."""
    here = _current.get()
    _current.set(replace(here, via=f"{here.via} by token {number}"))


_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def request() -> HttpRequest | None:
    """Return the request in which somebody acts; None in jobs, commands and other programs."""
    return _request.get()


@contextmanager
def within(request: HttpRequest) -> Iterator[None]:
    """Mark everything inside the block as done in this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)
