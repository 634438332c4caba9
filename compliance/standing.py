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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from compliance import kept_sessions
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
    """Rows that a decision rests on: there are some, or (`absent`) there are none; `until` they end by themselves."""

    rows: models.QuerySet[Any]
    until: dt.datetime | None = None
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
    address = _ADDRESS.fullmatch(request.path)
    standing = _made(request, grounds, at) if address else None
    if address and standing:
        _remember({(address[1], address[3]): answer}, *standing)


def keep_each(
    request: HttpRequest, grounds: Sequence[Ground], answers: Mapping[str, Answer], *, at: dt.datetime
) -> None:
    """Remember what was decided at once for several addresses, such as all pictures of a page; as `keep`.

    What each of them is asked with has nothing to do with the answer, and its number is 0.
    """
    standing = _made(request, grounds, at) if answers else None
    if standing:
        _remember({(path, ""): answer for path, answer in answers.items()}, *standing)


def _remember(answers: Mapping[tuple[str, str], Answer], key: str, question: str, values: Any, until: Any) -> None:
    with _lock:
        for (before, after), answer in answers.items():
            _known[key, before, after] = _Standing(question, values, until, answer)
            _known.move_to_end((key, before, after))
        while len(_known) > MOST:
            _known.popitem(last=False)


def _made(
    request: HttpRequest, grounds: Sequence[Ground], at: dt.datetime
) -> tuple[str, str, tuple[Any, ...], dt.datetime] | None:
    """Whose decision it is, the question by which it is upheld with its values, and until when."""
    key = request.session.session_key
    kept = Session.objects.filter(pk=kept_sessions.digest(key or ""))
    row = kept.values_list("session_data", "expire_date").first()
    if key is None or row is None:
        return None
    user = actor(request)
    session = Ground(kept.filter(session_data=row[0]))
    account = Ground(
        User.objects.filter(pk=user.pk, is_active=True, password=user.password, session_stamp=user.session_stamp)
    )
    parts: list[str] = []
    values: list[Any] = []
    for ground in (session, account, *grounds):
        try:
            sql, given = ground.rows.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            if ground.absent:
                continue
            return None
        parts.append(f"{'NOT ' if ground.absent else ''}EXISTS ({sql})")
        values += given
    question = f"SELECT 1 WHERE {' AND '.join(parts)}"
    midnight = dt.datetime.combine(at.astimezone(dt.UTC).date() + dt.timedelta(days=1), dt.time(), dt.UTC)
    ends = [ground.until for ground in grounds if ground.until is not None]
    return key, question, tuple(values), min(at + LONGEST, row[1], midnight, *ends)


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
    if request.method != "GET":
        return None
    address = _ADDRESS.fullmatch(request.path)
    before, number, after = address.groups() if address else (request.path, "0", "")
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), before, after
    with _lock:
        standing = _known.get(key)
    if standing is None:
        return None
    if not standing.holds(timezone.now()):
        with _lock:
            _known.pop(key, None)
        return None
    try:
        return standing.answer(request, int(number))
    except (HouseError, OSError):
        return None  # whoever decides in full says what is the matter
