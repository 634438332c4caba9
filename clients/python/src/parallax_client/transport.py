"""Requests over one connection that stays open, tried again where that is harmless."""

from __future__ import annotations

import datetime as dt
import email.utils
import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from parallax_client.errors import Unreachable, error_of

#: Answers that ask to come again, and methods of which a second request does no more than one.
_AGAIN = frozenset({429, 502, 503, 504})
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
#: The longest that an answer can make us wait before the next try.
_LONGEST_WAIT = 120.0
#: Seconds after which a connection that was not used is opened anew.
_RESTS = 4.0
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; None where there is none."""
        return json.loads(self.body) if self.body else None


class Transport:
    """Sends requests of one person's program to one installation; for one thread at a time.

    Parameters
    ----------
    url
        Where the installation is, such as ``https://imaging.example.org``.
    token
        A token from the page *Security*.
    timeout
        Seconds that the other side may be silent.
    tries
        How often a request is sent at most.
    wait
        What waits a number of seconds between two tries.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        tries: int = 5,
        context: ssl.SSLContext | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("The address of the installation begins with https:// and names a host.")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base = parts.path
        self._token, self._timeout, self._tries, self._wait = token, timeout, tries, wait
        self._context = context or (ssl.create_default_context() if self._secure else None)
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def close(self) -> None:
        """Let go of the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        harmless: bool | None = None,
        expected: tuple[int, ...] = (),
    ) -> Answer:
        """Send a request and return the answer.

        Parameters
        ----------
        body, content
            What is sent: a value as JSON, or bytes as they are.
        harmless
            Whether it may be sent again when no answer came; by default, as its method says.
        expected
            Statuses from 400 on that are answers, and no errors.

        Raises
        ------
        ParallaxError
        """
        sent = {"Accept": "application/json", **(headers or {})}
        if content is None and body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        with_query = _with_query(path, query)

        safe = method in _HARMLESS if harmless is None else harmless

        def once() -> Answer:
            response = self._send(method, with_query, content, sent)
            return Answer(response.status, _headers(response), b"".join(self._pieces(response)))

        answer = self._tried(once, safe)
        if answer.status >= 400 and answer.status not in expected:
            raise error_of(answer.status, answer.body)
        return answer

    def stream(self, path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], Iterator[bytes]]:
        """Ask for bytes; return status, headers, and the pieces as they come.

        Raises
        ------
        ParallaxError
        """
        response = self._send("GET", path, None, {"Accept": "*/*", **headers})
        if response.status >= 400:
            raise error_of(response.status, response.read())
        return response.status, _headers(response), self._pieces(response)

    def pause(self, number: int, asked: str = "") -> None:
        """Wait before try `number` (from 1), as long as the server asked, or longer each time."""
        seconds = _seconds(asked)
        if seconds is None:
            seconds = min(30.0, 0.5 * 2.0**number) * (0.5 + random.random() / 2)
        self._wait(min(seconds, _LONGEST_WAIT))

    @property
    def tries(self) -> int:
        """How often something is tried at most."""
        return self._tries

    def _tried(self, once: Callable[[], Answer], harmless: bool) -> Answer:
        for number in range(1, self._tries + 1):
            last = number == self._tries
            try:
                answer = once()
            except Unreachable as problem:
                if last or not (harmless or problem.code == "not_sent"):
                    raise
                self.pause(number)
                continue
            # 429 and 503 are said before anything is done; a gateway does not know.
            again = answer.status in _AGAIN and (harmless or answer.status in (429, 503))
            if last or not again:
                return answer
            self.pause(number, answer.headers.get("retry-after", ""))
        raise AssertionError("a request is sent at least once")

    def _send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        connection = self._connected()
        sent = {"Authorization": f"Bearer {self._token}", "User-Agent": "parallax-client", **headers}
        try:
            connection.request(method, f"{self._base}{path}", content, sent)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Unreachable(
                f"The connection to {self._host} was lost ({problem or type(problem).__name__}). "
                "Whether the request was done is not known."
            ) from problem

    def _connected(self) -> http.client.HTTPConnection:
        # A server closes connections that rest, and what is sent on one of them is lost.
        if time.monotonic() - self._used > _RESTS:
            self.close()
        self._used = time.monotonic()
        if self._connection is None:
            if self._secure:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout, context=self._context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            try:
                self._connection.connect()
            except OSError as problem:
                self.close()
                raise Unreachable(
                    f"{self._host} does not answer ({problem}). Check the address and your network.", code="not_sent"
                ) from problem
        return self._connection

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            while piece := response.read(_PIECE):
                yield piece
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Unreachable(f"The connection to {self._host} was lost while the answer came.") from problem
        finally:
            if not response.isclosed():
                self.close()


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _with_query(path: str, query: Mapping[str, object] | None) -> str:
    said = {name: _written(value) for name, value in (query or {}).items() if value is not None}
    return f"{path}{'&' if '?' in path else '?'}{urlencode(said)}" if said else path


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _seconds(asked: str) -> float | None:
    """Return how long `Retry-After` asks to wait: seconds, or until a moment; None if it says nothing."""
    if asked.strip().isdecimal():
        return float(asked)
    try:
        moment = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
