"""Commands that answer JSON lines: a request per line of standard input, an answer per line of standard output."""

from __future__ import annotations

import json
import logging
import os
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from compliance.errors import HouseError

log = logging.getLogger(__name__)

#: Powers of ten between which a double keeps all its digits.
_LARGEST, _SMALLEST = 308, -307


class UnreadableRequest(HouseError):
    """A line holds no request: it is not JSON, or not an object."""

    code = "unreadable_request"
    status = 422


class JsonLinesCommand(BaseCommand):
    """Answers each line in its turn and ends with 0, whatever the lines hold; the database is not asked."""

    requires_system_checks: list[str] = []

    @abstractmethod
    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to one request; a `HouseError` is answered by its sentence."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer until the input ends, or nobody listens any more."""
        try:
            for line in self.answers(sys.stdin.buffer):
                self.stdout.write(line)
                self.stdout.flush()
        except BrokenPipeError:
            # Python flushes once more when it ends, and would say that nobody listens.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def answers(self, lines: Iterable[bytes]) -> Iterator[str]:
        """Give one line of JSON for each line, as soon as it has come."""
        for line in lines:
            try:
                yield json.dumps(self.answer(request_of(line)), allow_nan=False, default=_plain)
            except HouseError as problem:
                yield json.dumps({"error": problem.message})
            except Exception as problem:  # one request must not take the others with it
                log.error("A request could not be answered: %s", type(problem).__name__)
                yield json.dumps({"error": "This request met a fault of the program. Please report it to us."})


def request_of(line: bytes) -> dict[str, Any]:
    """Return a line's request; numbers with a point or an exponent are decimals, exactly as they were written.

    Raises
    ------
    UnreadableRequest
        The line is empty, not UTF-8, not JSON or no object; a name stands twice in an object; or a number is
        not finite or beyond the range of double precision.
    """
    try:
        text = line.decode("utf-8-sig")
        if not text.strip():
            raise UnreadableRequest("The line is empty. Give one JSON object per line.")
        request = json.loads(
            text, parse_float=_decimal, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_object
        )
    except UnicodeDecodeError:
        raise UnreadableRequest("The line is not UTF-8.") from None
    except json.JSONDecodeError as problem:
        raise UnreadableRequest(f"The line is not JSON: {problem.msg} at character {problem.pos + 1}.") from None
    except RecursionError:
        raise UnreadableRequest("The line is nested too deeply.") from None
    if not isinstance(request, dict):
        raise UnreadableRequest("The line holds no JSON object.")
    return request


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value:
        return Decimal(0)
    if not _SMALLEST <= value.adjusted() < _LARGEST:
        raise UnreadableRequest("A number is beyond the range of double precision.")
    return value


def _integer(text: str) -> int:
    if len(text) > _LARGEST:
        raise UnreadableRequest("A number is beyond the range of double precision.")
    return int(text)


def _no_number(_: str) -> NoReturn:
    raise UnreadableRequest("NaN and Infinity are no numbers of JSON. Give null for a missing value.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableRequest("A name stands twice in the same object.")
    return found


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)
