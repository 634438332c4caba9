"""Decisions that stand: taken once in full, and upheld by one question to the database for each further request.

A viewer asks for hundreds of frames of a series, one by one. Whether the person may see them takes many questions, most
of which give the same answer each time. So the first request is decided in full, and the decision is remembered
together with its grounds: the rows that it rests on, as they were. Each further request asks whether all of them still
are, in one question; if any is not, or the decision is older than a moment, the request is decided in full again. A
person who lost a role, signed out, or whose record changed state gets nothing by what was decided before.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from compliance.access import actor
from compliance.errors import HouseError
from compliance.models import User

#: Decisions that a process remembers; the ones that were longest not asked for are forgotten.
MOST = 1000
#: So long a decision is upheld before it is taken anew; sessions in use are renewed then.
LONGEST = dt.timedelta(seconds=60)
#: An address with a number before its last word, such as `/series/1/frames/7/pixels`: what is decided holds for each.
_ADDRESS = re.compile(r"(.+/)(\d{1,6})(/[a-z]+)")

#: Answers a request by what was decided; it gets the number in the address.
Answer = Callable[[HttpRequest, int], HttpResponse]


@dataclass(frozen=True, slots=True)
class Ground:
    """Rows that a decision rests on: there are some, or (`absent`) there are none."""

    rows: models.QuerySet[Any]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    question: str
    values: tuple[Any, ...]
    until: dt.datetime
    answer: Answer

    def holds(self, at: dt.datetime) -> bool:
        """Ask whether everything that was decided on is as it was."""
        if at >= self.until:
            return False
        with connection.cursor() as cursor:
            cursor.execute(self.question, self.values)
            return cursor.fetchone() is not None


_known: OrderedDict[tuple[str, str, str], _Standing] = OrderedDict()
_lock = threading.Lock()


def keep(request: HttpRequest, grounds: Sequence[Ground], answer: Answer, *, at: dt.datetime) -> None:
    """Remember what was decided for the person of this request, with its grounds.

    The session and the account are grounds of each decision; it ends with the day (UTC), as views are recorded by day.
    """
    address, key = _ADDRESS.fullmatch(request.path), request.session.session_key
    row = Session.objects.filter(pk=key).values_list("session_data", "expire_date").first() if key else None
    if address is None or key is None or row is None:
        return
    user = actor(request)
    session = Ground(Session.objects.filter(pk=key, session_data=row[0]))
    account = Ground(User.objects.filter(pk=user.pk, is_active=True, password=user.password))
    parts: list[str] = []
    values: list[Any] = []
    for ground in (session, account, *grounds):
        try:
            sql, given = ground.rows.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            return
        parts.append(f"{'NOT ' if ground.absent else ''}EXISTS ({sql})")
        values += given
    question = f"SELECT 1 WHERE {' AND '.join(parts)}"
    midnight = dt.datetime.combine(at.astimezone(dt.UTC).date() + dt.timedelta(days=1), dt.time(), dt.UTC)
    standing = _Standing(question, tuple(values), min(at + LONGEST, row[1], midnight), answer)
    with _lock:
        _known[key, address[1], address[3]] = standing
        while len(_known) > MOST:
            _known.popitem(last=False)


def forget() -> None:
    """Forget every decision of this process."""
    with _lock:
        _known.clear()


class StandingMiddleware:
    """Answer what was decided a moment ago, before anything else of the request is looked at."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return _answer(request) or self.get_response(request)


def _answer(request: HttpRequest) -> HttpResponse | None:
    address = _ADDRESS.fullmatch(request.path) if request.method == "GET" else None
    if address is None:
        return None
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), address[1], address[3]
    with _lock:
        standing = _known.get(key)
    if standing is None:
        return None
    if not standing.holds(timezone.now()):
        with _lock:
            _known.pop(key, None)
        return None
    try:
        return standing.answer(request, int(address[2]))
    except (HouseError, OSError):
        return None  # whoever decides in full says what is the matter
