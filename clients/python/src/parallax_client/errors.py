"""What can go wrong, each with the sentence that the server said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class ParallaxError(Exception):
    """Something was not done.

    Attributes
    ----------
    status
        The HTTP status; 0 where no answer came.
    code
        The server's word for it, for programs; empty where it has none.
    sentence
        What happened and what to do next, for people.
    """

    def __init__(self, sentence: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.status, self.code = sentence, status, code


class Unreachable(ParallaxError):
    """No answer came, however often it was tried."""


class SignInNeeded(ParallaxError):
    """The token is missing, revoked, or its time is over."""


class NotAllowed(ParallaxError):
    """The person's role does not allow this."""


class NotFound(ParallaxError):
    """There is no such record, or it is not the person's to see."""


class Conflict(ParallaxError):
    """The record is not in the state for this, or changed meanwhile."""


class Refused(ParallaxError):
    """A rule of the trial, or of the API, is against what was sent.

    Attributes
    ----------
    fields
        What is wrong with which field, where the server says so.
    """

    fields: Mapping[str, Any]

    def __init__(
        self, sentence: str, *, status: int = 0, code: str = "", fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(sentence, status=status, code=code)
        self.fields = fields or {}


class TooMuch(ParallaxError):
    """The server asks to come again later, and said so until the tries were used up."""


class ServerFault(ParallaxError):
    """The fault is the server's."""


class Damaged(ParallaxError):
    """What came is not what was sent: its digest is another one."""


def error_of(status: int, body: bytes) -> ParallaxError:
    """Return what an answer's status and body amount to."""
    told = _told(body)
    sentence, code = str(told.get("detail", "")), str(told.get("code", ""))
    if status in (400, 415, 422) or (400 < status < 500 and status not in _BY_STATUS):
        fields = {name: said for name, said in told.items() if name not in ("detail", "code")}
        sentence = sentence or "; ".join(f"{name}: {_flat(said)}" for name, said in fields.items())
        return Refused(sentence or f"The server refused ({status}).", status=status, code=code, fields=fields)
    kind = _BY_STATUS.get(status, ServerFault)
    return kind(sentence or f"The server answered {status}.", status=status, code=code)


_BY_STATUS: dict[int, type[ParallaxError]] = {
    401: SignInNeeded,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    428: Conflict,
    429: TooMuch,
    503: TooMuch,
}


def _told(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if isinstance(found, list):
        return {"detail": _flat(found)}
    return found if isinstance(found, dict) else {}


def _flat(said: object) -> str:
    if isinstance(said, list):
        return " ".join(_flat(one) for one in said)
    if isinstance(said, dict):
        return "; ".join(f"{name}: {_flat(one)}" for name, one in said.items())
    return str(said)
